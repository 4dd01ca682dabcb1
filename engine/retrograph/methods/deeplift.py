"""DeepLIFT: what each number contributes to the difference from a baseline, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from retrograph.ir.analysis.batch_axis import first_item_axis
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Graph, Tensor
from retrograph.ir.path import Path
from retrograph.ir.patterns.activations import activations, is_gate
from retrograph.methods.base import Method
from retrograph.methods.baseline import (
    BASELINE_KIND,
    Baseline,
    baseline_of,
    check_baseline,
    held,
    read_baseline,
)
from retrograph.methods.descent import Descent
from retrograph.methods.quantity import CONTRIBUTION
from retrograph.methods.rescale import Rescale, changing
from retrograph.vjp.lowering.linear_maps import wide


@dataclass(frozen=True)
class DeepLiftRescale(Method):
    """What each number contributes to the change of the score from a baseline, by finite steps.

    Formula: (x - b) * m, with m passed down like a cotangent: m * (y - y0) / (z - z0) at a function
    y = f(z) of each number by itself (y0 and z0 at the baseline), however it is spelled; the
    derivative where f'(z) * (z - z0) is y - y0 but for rounding. At a window of a max-pool, with
    h = max(y, y0), m * (h - y0) to the place of y and m * (y - h) to that of y0, summed over the
    windows and divided by z - z0. At a product p * q of two that change, m * (q + q0) / 2 to p and
    m * (p + p0) / 2 to q; p / q as p * (1/q). The ordinary derivative where all is affine.

    Shapes: that of the input; in units of the score.

    Source: Shrikumar, Greenside, Kundaje: Learning Important Features Through Propagating
    Activation Differences, 2017: the Rescale rule. The paper has none for products; this one is
    exact and treats both factors alike. That of max-pools is Captum's, where Captum is right.

    Use: where the sum has to mean something: it is score(x) - score(b), for a second forward pass
    and one pass down.

    Beware: a number equal to the baseline gets nothing; with the baseline 0 and a preprocessing
    that centres the picture that is the mean colour. What has no rule that keeps the sum is
    refused: Softmax, normalisation by statistics, recurrent layers, rounding. Captum (0.9.0) takes
    the plain gradient in more places, and its sums are off: at a max-pool right behind a ReLU (its
    hooks on the tensor between them run in the wrong order); at windows of a max-pool that overlap
    (of several with the maximum at the same place one counts); at ReLU6, GELU, Swish and products.

    Attributes:
        baseline: b, in units of the model's input: a number; or an array of the shape of an item,
            or a mapping from inputs' names to such; on the command line an .npy or .npz.
    """

    baseline: Baseline = field(default=0.0, metadata={"read": (read_baseline, BASELINE_KIND)})

    name = "deeplift-rescale"
    title = "DeepLIFT (rescale)"
    quantity = CONTRIBUTION
    told = ("baseline",)
    style = "red-blue"

    def __post_init__(self) -> None:
        object.__setattr__(self, "baseline", held(f"{self.name}: baseline", self.baseline))

    def settled(self, graph: Graph, way: Path, sources: Sequence[str], target: str) -> Method:
        inputs = [t for name in sources if (t := graph.tensor(name)) is not None]
        check_baseline(self.baseline, inputs, first_item_axis(graph, target))
        return self

    def descend(self, descent: Descent) -> dict[str, Tensor]:
        e, graph = descent.e, descent.graph
        first = first_item_axis(graph, descent.target)
        inputs = [descent.given(name) for name in descent.sources]
        with e.scope("baseline"):
            starts = {x.name: baseline_of(e, self.baseline, x, first, x.dtype) for x in inputs}
            other = descent.again({x.name: e.expand(starts[x.name], e.sizes(x, 0)) for x in inputs})
        composites = activations(graph, graph.nodes)
        rule = Rescale(
            other=other,
            changing=changing(graph, descent.sources),
            rounding=graph.straight_through,
            gates={c.name for c in composites if is_gate(graph, c)},
        )
        found = descent.walk(rule, composites=composites)
        with e.scope("attribution"):
            return {x.name: _shares(e, found[x.name], x, starts[x.name]) for x in inputs}


def _shares(e: Emitter, ct: Tensor, x: Tensor, start: Tensor) -> Tensor:
    """m * (x - b), in float32 at least"""
    m, end, begin = (e.cast(t, wide(t.dtype)) for t in (ct, x, start))
    return e.cast(e.mul(m, e.sub(end, begin)), x.dtype)
