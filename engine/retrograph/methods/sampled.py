"""Gradients at many points, gathered by a Loop that holds one of them at a time.

Each step of the Loop computes the forward pass at a point and what comes down from the unit there;
the unit stays the one that was chosen at the input. The units of an item share its points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat

from retrograph.errors import InputError
from retrograph.ir.analysis.batch_axis import first_item_axis
from retrograph.ir.emit import BOOL, INT64, Emitter
from retrograph.ir.graph import Graph, Rows, Shape, Tensor
from retrograph.ir.path import Path
from retrograph.methods.base import Method, Scene
from retrograph.methods.descent import Descent
from retrograph.methods.relu import Deconvnet, Gradient, Guided, RectGrad
from retrograph.methods.smooth import CHOICES, ReluMethod
from retrograph.vjp.lowering.linear_maps import wide

PROPAGATED: dict[str, Method] = {
    method.name: method for method in (Gradient(), Deconvnet(), Guided(), RectGrad())
}
"""The methods that the samples can be propagated by."""


@dataclass(frozen=True)
class Source:
    """An explained input.

    Attributes:
        x: [N, *item].
        number: its place among the explained inputs.
        first: the first axis of an item: 1, or 0 where the whole input is one item.
    """

    x: Tensor
    number: int
    first: int

    @property
    def item(self) -> Shape:
        return (self.x.shape or ())[self.first :]

    @property
    def axes(self) -> range:
        """The axes of an item."""
        return range(self.first, self.x.rank or 0)

    def wide(self, e: Emitter) -> Tensor:
        """The input, in float32 at least."""
        return e.cast(self.x, wide(self.x.dtype))


@dataclass(frozen=True)
class Sample:
    """One point of many, in float32 at least.

    Attributes:
        point: where the gradient is taken, [N, *item].
        weight: what the gradient counts in the sum over the samples.
    """

    point: Tensor
    weight: Tensor


Sampler = Callable[[Emitter, Tensor], Sample]
"""Emits the sample of a number, int64 [], in the body of the Loop."""


@dataclass(frozen=True)
class Sampled(Method):
    """What the methods share that sum over samples."""

    of: str = field(default="gradient", kw_only=True)
    activations: str = field(default="", kw_only=True)

    totals = 1
    """How many sums are carried from sample to sample."""

    def __post_init__(self) -> None:
        self._check(self.of in PROPAGATED, "of", f"one of {', '.join(PROPAGATED)}")
        choices = ("", *CHOICES)
        self._check(self.activations in choices, "activations", " or ".join(CHOICES))

    @property
    def parameters(self) -> dict[str, float | str]:
        found = super().parameters
        return {k: v if isinstance(v, (int, float, str)) else str(v) for k, v in found.items()}

    @property
    def count(self) -> int:
        """The number of samples."""
        raise NotImplementedError

    def sampler(self, e: Emitter, source: Source) -> Sampler:
        """Where the samples of an input lie; emits before the Loop what they all share."""
        raise NotImplementedError

    def gathered(
        self, e: Emitter, i: Tensor, totals: Sequence[Tensor], sample: Sample, ct: Tensor
    ) -> Sequence[Tensor]:
        """The sums behind the sample of number i, and what came down at it."""
        return [e.add(totals[0], e.mul(ct, sample.weight))]

    def result(self, e: Emitter, source: Source, totals: Sequence[Tensor]) -> Tensor:
        """The attribution, made of the sums over all samples."""
        return totals[-1]

    def settled(self, graph: Graph, way: Path, sources: Sequence[str], target: str) -> Method:
        found = [graph.tensor(name) for name in sources]
        first = first_item_axis(graph, target)
        self.fitted([Source(t, i, first) for i, t in enumerate(found) if t is not None])
        return self

    def fitted(self, sources: Sequence[Source]) -> None:
        """Whether the parameters fit the inputs.

        Raises:
            InputError: they do not.
        """
        for source in sources:
            if source.x.shape is None:
                raise InputError(
                    f"'{self.name}' needs the rank of '{source.x.name}', which is not known; "
                    "export with static shapes"
                )

    def notes(self, scene: Scene) -> Sequence[str]:
        return self._propagated.notes(scene)

    def descend(self, descent: Descent) -> dict[str, Tensor]:
        e, first = descent.e, first_item_axis(descent.graph, descent.target)
        given = [descent.given(name) for name in descent.sources]
        sources = [Source(x, number, first) for number, x in enumerate(given)]
        with e.scope(self.name):
            samplers = [self.sampler(e, source) for source in sources]
            starts = [_zeros(e, x, descent.ct) for x in given for _ in range(self.totals)]

            def step(body: Emitter, i: Tensor, totals: Sequence[Tensor]) -> list[Tensor]:
                samples = [sampler(body, i) for sampler in samplers]
                cts = self._at(descent, body, sources, samples)
                both = zip(self._parted(totals), samples, cts, strict=True)
                return [total for part in both for total in self.gathered(body, i, *part)]

            sums = self._parted(_looped(e, self.count, starts, step))
            found = zip(sources, map(self.result, repeat(e), sources, sums), strict=True)
            return {source.x.name: e.cast(a, source.x.dtype) for source, a in found}

    def _at(
        self, descent: Descent, body: Emitter, sources: Sequence[Source], samples: Sequence[Sample]
    ) -> list[Tensor]:
        """What comes down to the inputs at a sample, in float32 at least."""
        points = {
            source.x.name: body.cast(sample.point, source.x.dtype)
            for source, sample in zip(sources, samples, strict=True)
        }
        found = self._propagated.descend(descent.inside(body, points))
        return [body.cast(found[s.x.name], wide(s.x.dtype)) for s in sources]

    def _parted(self, totals: Sequence[Tensor]) -> list[Sequence[Tensor]]:
        """The sums of each input."""
        return [totals[k : k + self.totals] for k in range(0, len(totals), self.totals)]

    @property
    def _propagated(self) -> Method:
        method = PROPAGATED[self.of]
        if isinstance(method, ReluMethod):
            return replace(method, activations=self.activations)
        return method

    def _check_whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        whole = isinstance(value, int) and value >= least
        self._check(whole, name, f"a whole number from {least} on")

    def _check(self, holds: bool, name: str, wanted: str) -> None:
        if not holds:
            raise InputError(f"{self.name}: {name} is {getattr(self, name)!r}; give {wanted}")


def _zeros(e: Emitter, x: Tensor, ct: Tensor) -> Tensor:
    """Zeros in the shape of an input's attribution, a row for each unit where there are many."""
    shape = e.sizes(x, 0)
    if ct.rows is Rows.UNITS:
        shape = e.concat([e.dim(ct, 0), e.sizes(x, 1)], axis=0)
    zeros = e.constant_of_shape(shape, 0.0, wide(x.dtype))
    return replace(zeros, rows=ct.rows)


def _looped(
    e: Emitter,
    count: int,
    starts: Sequence[Tensor],
    step: Callable[[Emitter, Tensor, Sequence[Tensor]], Sequence[Tensor]],
) -> list[Tensor]:
    """A Loop of so many steps.

    Args:
        starts: what it carries, before the first step.
        step: emits a step in its body, from its number, int64 [], and what is carried.
    """
    body = e.body("sample")
    i = body.formal(Tensor(e.fresh("bwd/i"), INT64, ()))
    on = body.formal(Tensor(e.fresh("bwd/on"), BOOL, ()))
    held = [body.formal(replace(start, name=e.fresh("bwd/total"))) for start in starts]
    graph = body.graph([on, *step(body, i, held)])
    dtypes = [start.dtype for start in starts]
    return e.emit_many("Loop", e.const(count, INT64), None, *starts, dtypes=dtypes, body=graph)
