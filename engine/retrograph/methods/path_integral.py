"""Gradients along the straight way from a baseline to the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Array, Tensor
from retrograph.methods import random
from retrograph.methods.baseline import (
    BASELINE_KIND,
    Baseline,
    baseline_of,
    check_baseline,
    held,
    read_baseline,
)
from retrograph.methods.given import Given, read
from retrograph.methods.quantity import CONTRIBUTION, Quantity
from retrograph.methods.sampled import Sample, Sampled, Sampler, Source
from retrograph.vjp.lowering.linear_maps import wide

SCHEMES = ("gauss-legendre", "midpoint", "left", "right", "trapezoid")


@dataclass(frozen=True)
class IntegratedGradients(Sampled):
    """What each number contributes to the change of the score from a baseline to the input.

    Formula: (x - b) * sum over k of w[k] * g(b + a[k] * (x - b)), g the gradient at a point, a and
    w the nodes and weights of a rule of quadrature on 0..1: with n steps and k from 0 to n - 1,
    "gauss-legendre"; "midpoint" (k + 1/2)/n, "left" k/n and "right" (k + 1)/n, each of weight 1/n;
    "trapezoid" k/(n - 1) of weight 1/(n - 1), half of that at both ends.

    Shapes: that of the input; in units of the score.

    Source: Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017.

    Use: where the sum has to mean something: it is score(x) - score(b) but for the error of the
    quadrature.

    Beware: complete by the gradient alone, not `of` another. A number equal to the baseline gets
    nothing; with the baseline 0 and a preprocessing that centres the picture that is the mean
    colour. It needs as many passes as steps. Captum's "riemann_trapezoid" gives each node 1/n in
    place of 1/(n - 1), so its sums are (n - 1)/n of these; the paper sums at the right ends.

    Attributes:
        of: what the samples are propagated by: "gradient", or "deconvnet", "guided", "rectgrad".
        activations: as in guided, where `of` is no gradient.
        steps: the number of nodes, each a forward and a backward pass.
        baseline: where the way starts, in units of the model's input: a number; or an array of the
            shape of an item, or a mapping from inputs' names to such; on the command line an .npy
            or .npz.
        scheme: the rule of quadrature.
    """

    steps: int = 50
    baseline: Baseline = field(default=0.0, metadata={"read": (read_baseline, BASELINE_KIND)})
    scheme: str = "gauss-legendre"

    name: ClassVar[str] = "integrated-gradients"
    title: ClassVar[str] = "Integrated gradients"
    quantity: ClassVar[Quantity] = CONTRIBUTION
    told: ClassVar[tuple[str, ...]] = ("baseline", "steps")
    style: ClassVar[str] = "red-blue"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("steps", 2 if self.scheme == "trapezoid" else 1)
        self._check(self.scheme in SCHEMES, "scheme", f"one of {', '.join(SCHEMES)}")
        object.__setattr__(self, "baseline", held(f"{self.name}: baseline", self.baseline))

    @property
    def count(self) -> int:
        return self.steps

    def fitted(self, sources: Sequence[Source]) -> None:
        super().fitted(sources)
        check_baseline(self.baseline, [source.x for source in sources], sources[0].first)

    def sampler(self, e: Emitter, source: Source) -> Sampler:
        start, way = self._start(e, source), self._way(e, source)
        nodes, weights = (e.const(a, way.dtype) for a in quadrature(self.scheme, self.steps))

        def sample(body: Emitter, i: Tensor) -> Sample:
            point = body.add(start, body.mul(way, body.gather(nodes, i, axis=0)))
            return Sample(point, body.gather(weights, i, axis=0))

        return sample

    def result(self, e: Emitter, source: Source, totals: Sequence[Tensor]) -> Tensor:
        return e.mul(self._way(e, source), totals[-1])

    def _way(self, e: Emitter, source: Source) -> Tensor:
        """x - b"""
        return e.sub(source.wide(e), self._start(e, source))

    def _start(self, e: Emitter, source: Source) -> Tensor:
        """b"""
        x = source.x
        return baseline_of(e, self.baseline, x, source.first, wide(x.dtype))


@dataclass(frozen=True)
class ExpectedGradients(Sampled):
    """Integrated gradients, averaged over a data set of baselines.

    Formula: mean over s of (x - b[s]) * g(b[s] + a[s] * (x - b[s])), g the gradient at a point,
    b[s] drawn from the baselines, with replacement, and a[s] from 0 to 1.

    Shapes: that of the input; in units of the score.

    Source: Erion, Janizek, Sturmfels, Lundberg, Lee: Improving Performance of Deep Learning Models
    with Axiomatic Attribution Priors and Expected Gradients, 2021.

    Use: where no single baseline is right: the sum is near score(x) less the mean score of the
    baselines.

    Beware: it tells the input from those baselines and from no others; with few samples the sum is
    off. All items of a batch have the same draws. In Captum it is GradientShap, which draws for
    each item on its own.

    Attributes:
        of: what the samples are propagated by: "gradient", or "deconvnet", "guided", "rectgrad".
        activations: as in guided, where `of` is no gradient.
        baselines: an array [B, *item] in units of the model's input, or a mapping from inputs'
            names to such; on the command line an .npy or .npz. There is no default.
        samples: how many are drawn, each a forward and a backward pass.
        seed: of the draws.
    """

    baselines: Array | Mapping[str, Array] | Given | None = field(
        default=None, metadata={"read": (read, "an .npy or .npz")}
    )
    samples: int = 50
    seed: int = 0

    name: ClassVar[str] = "expected-gradients"
    title: ClassVar[str] = "Expected gradients"
    quantity: ClassVar[Quantity] = CONTRIBUTION
    told: ClassVar[tuple[str, ...]] = ("samples",)
    style: ClassVar[str] = "red-blue"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_whole("samples", 1)
        self._check_whole("seed", 0)
        if self.baselines is not None and not isinstance(self.baselines, Given):
            object.__setattr__(self, "baselines", Given(f"{self.name}: baselines", self.baselines))

    @property
    def count(self) -> int:
        return self.samples

    def fitted(self, sources: Sequence[Source]) -> None:
        super().fitted(sources)
        if not isinstance(self.baselines, Given):
            raise InputError(
                f"'{self.name}' has no baselines; give a data set of inputs: "
                f"{parameter('baselines', 'FILE.npy')}, or "
                "ExpectedGradients(baselines=array [B, *item])"
            )
        self.baselines.check({s.x.name: [(None, *s.item)] for s in sources})
        if len({len(self._pool(source)) for source in sources}) > 1:
            raise InputError(f"{self.name}: baselines: give as many for each input")

    def drawn(self, size: int) -> tuple[Array, Array]:
        """The draws of the samples.

        Args:
            size: of the data set.

        Returns:
            Which baseline, int64 [samples], and how far from it to the input, [samples].
        """
        places = random.uniform(self.seed, 0, self.count) * size
        return places.astype(np.int64), random.uniform(self.seed, 1, self.count)

    def sampler(self, e: Emitter, source: Source) -> Sampler:
        x, pool = source.wide(e), self._pool(source)
        chosen, shares = self.drawn(len(pool))
        starts, places = e.const(pool, x.dtype), e.const(chosen, INT64)
        alphas = e.const(shares, x.dtype)

        def sample(body: Emitter, i: Tensor) -> Sample:
            start = body.gather(starts, body.gather(places, i, axis=0), axis=0)
            way = body.sub(x, start)
            point = body.add(start, body.mul(way, body.gather(alphas, i, axis=0)))
            return Sample(point, body.div(way, self.count))

        return sample

    def _pool(self, source: Source) -> Array:
        assert isinstance(self.baselines, Given)
        return self.baselines.of(source.x.name)


def quadrature(scheme: str, steps: int) -> tuple[Array, Array]:
    """The nodes and weights of a rule on 0..1, float64 [steps] each."""
    number = np.arange(steps)
    if scheme == "gauss-legendre":
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        return (nodes + 1) / 2, weights / 2
    if scheme == "trapezoid":
        inner = (number > 0) & (number < steps - 1)
        return number / (steps - 1), np.where(inner, 1.0, 0.5) / (steps - 1)
    ahead = {"left": 0.0, "midpoint": 0.5, "right": 1.0}[scheme]
    return (number + ahead) / steps, np.full(steps, 1 / steps)
