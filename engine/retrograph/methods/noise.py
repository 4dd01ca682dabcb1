"""Gradients around the input, under noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods import random
from retrograph.methods.quantity import GRADIENT_VARIANCE, Quantity
from retrograph.methods.sampled import Sample, Sampled, Sampler, Source


@dataclass(frozen=True)
class _Noisy(Sampled):
    """What the methods share that add noise to the input."""

    samples: int = 25
    noise: float = 0.15
    seed: int = 0

    told: ClassVar[tuple[str, ...]] = ("samples", "noise")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("samples", 1)
        self._check_whole("seed", 0)
        self._check(0 < self.noise < float("inf"), "noise", "a share of the range, above 0")

    @property
    def count(self) -> int:
        return self.samples

    def sampler(self, e: Emitter, source: Source) -> Sampler:
        x, drawn = source.wide(e), self.drawn(e, source)
        weight = e.const(1 / self.count, x.dtype)

        def sample(body: Emitter, i: Tensor) -> Sample:
            return Sample(body.add(x, drawn(body, i)), weight)

        return sample

    def drawn(self, e: Emitter, source: Source) -> Callable[[Emitter, Tensor], Tensor]:
        """What is added to the input, from the sample's number; emits before what all share."""
        x, axes = source.wide(e), e.ints(source.axes)
        highest, lowest = (e.emit(op, x, axes, keepdims=1) for op in ("ReduceMax", "ReduceMin"))
        deviation = e.mul(e.sub(highest, lowest), self.noise)
        size, shape = e.count(x, source.axes), e.sizes(x, source.first)
        places = random.places(e, size)
        keys = e.const(random.keys(self.seed, source.number, self.count))

        def noise(body: Emitter, i: Tensor) -> Tensor:
            numbers = random.normal(body, places, body.gather(keys, i, axis=0), size)
            return body.mul(body.cast(body.reshape(numbers, shape), x.dtype), deviation)

        return noise


class SmoothGrad(_Noisy):
    """The gradient, averaged over noisy copies of the input.

    Formula: mean over s of g(x + sigma * z[s]), g the gradient at a point, z[s] of normal
    distribution, sigma = noise * (max(x) - min(x)) of each item.

    Shapes: that of the input; in units of the score by units of the input.

    Source: Smilkov, Thorat, Kim, Viegas, Wattenberg: SmoothGrad, 2017.

    Use: for a calmer picture of the gradient: what stays where many ReLUs switch nearby.

    Beware: the scale of the noise decides what is seen; the paper finds 10 to 20 % good for
    pictures, with 50 samples. All items of a batch have the same z. Captum takes sigma in units of
    the input (`stdevs`), the same for all items; zennit leaves the last sample without noise.

    Attributes:
        of: what the samples are propagated by: "gradient", or "deconvnet", "guided", "rectgrad".
        activations: as in guided, where `of` is no gradient.
        samples: how many, each a forward and a backward pass.
        noise: the standard deviation as a share of the item's largest number less its smallest.
        seed: of the noise.
    """

    name: ClassVar[str] = "smoothgrad"
    title: ClassVar[str] = "SmoothGrad"


class VarGrad(_Noisy):
    """How much the gradient differs between noisy copies of the input.

    Formula: mean over s of (g(x + sigma * z[s]) - m)^2, m the mean over s of g(x + sigma * z[s]),
    which is SmoothGrad.

    Shapes: that of the input; not negative.

    Source: Adebayo, Gilmer, Goodfellow, Kim: Local Explanation Methods for Deep Neural Networks
    Lack Sensitivity to Parameter Values, 2018.

    Use: to see where the gradient is not to be relied on.

    Beware: it says where the gradient changes, not for or against what; 0 where the network is
    linear. The variance of the samples themselves, divided by their number as Captum does, computed
    without taking the difference of two large sums.

    Attributes:
        of: what the samples are propagated by: "gradient", or "deconvnet", "guided", "rectgrad".
        activations: as in guided, where `of` is no gradient.
        samples: how many, each a forward and a backward pass.
        noise: the standard deviation as a share of the item's largest number less its smallest.
        seed: of the noise.
    """

    name: ClassVar[str] = "vargrad"
    title: ClassVar[str] = "VarGrad"
    quantity: ClassVar[Quantity] = GRADIENT_VARIANCE
    style = "overlay,smooth"
    totals = 2

    def gathered(
        self, e: Emitter, i: Tensor, totals: Sequence[Tensor], sample: Sample, ct: Tensor
    ) -> Sequence[Tensor]:
        """The mean, and the sum of weighted squared differences from it (Welford, 1962)."""
        mean, variance = totals
        before = e.sub(ct, mean)
        mean = e.add(mean, e.div(before, e.add(e.cast(i, ct.dtype), 1.0)))
        squares = e.mul(before, e.sub(ct, mean))
        return [mean, e.add(variance, e.mul(squares, sample.weight))]
