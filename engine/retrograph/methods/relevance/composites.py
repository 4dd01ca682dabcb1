"""Layer-wise relevance propagation by a rule for each kind of layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from retrograph.errors import InputError
from retrograph.ir.analysis.channel_axis import input_channels
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Array, Graph, Rows, Shape, Tensor
from retrograph.ir.path import Path
from retrograph.methods.base import Method, Scene
from retrograph.methods.baseline import BASELINE_KIND, Baseline, held, read_baseline
from retrograph.methods.descent import Descent
from retrograph.methods.given import Given
from retrograph.methods.relevance import rules
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.layer import Linear, in_steps
from retrograph.methods.relevance.rules import Bounds, Rule

READ = {"read": (read_baseline, BASELINE_KIND)}
FIRST = {"flat": rules.flat, "w2": rules.w_square}


@dataclass(frozen=True)
class _Composite(RelevanceMethod):
    """A rule for convolutions, epsilon for fully connected layers, and one for the first layers."""

    epsilon: float = rules.EPSILON
    first: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first not in ("", *FIRST):
            raise InputError(f"{self.name}: first is '{self.first}'; give {' or '.join(FIRST)}")

    def convolution(self) -> Rule:
        """The rule of the convolutions."""
        raise NotImplementedError

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        if first and self.first:
            return FIRST[self.first]
        return self.convolution() if layer.is_convolution else rules.epsilon(self.epsilon)


@dataclass(frozen=True)
class LrpEpsilonPlus(_Composite):
    """Relevance by z+ in convolutions and by epsilon in fully connected layers.

    Formula: that of lrp-zplus and of lrp-epsilon.

    Shapes: that of the input; in units of the score.

    Source: Kohlbrenner et al.: Towards Best Practice in Explaining Neural Network Decisions with
    LRP, 2020. As EpsilonPlus and EpsilonPlusFlat in zennit.

    Use: as a first choice among these: little noise, and the class decides.

    Beware: a layer counts by its operator: a fully connected one that was exported as a Conv is a
    convolution.

    Attributes:
        epsilon: of the fully connected layers, in units of activations.
        biases: "keep": a bias keeps its share; "ignore": the inputs get it too.
        first: a rule for the first layers: "flat" or "w2"; if empty, none of their own.
    """

    name = "lrp-epsilon-plus"
    title = "LRP (epsilon-plus)"

    def convolution(self) -> Rule:
        return rules.z_plus


@dataclass(frozen=True)
class LrpEpsilonAlpha2Beta1(_Composite):
    """Relevance by alpha-beta in convolutions and by epsilon in fully connected layers.

    Formula: that of lrp-alpha-beta with alpha = 2, beta = 1, and of lrp-epsilon.

    Shapes: that of the input; in units of the score.

    Source: Kohlbrenner et al., 2020. As EpsilonAlpha2Beta1 and EpsilonAlpha2Beta1Flat in zennit.

    Use: for maps with what speaks against the class too.

    Beware: see lrp-alpha-beta.

    Attributes:
        epsilon: of the fully connected layers, in units of activations.
        biases: "keep": a bias keeps its share; "ignore": the inputs get it too.
        first: a rule for the first layers: "flat" or "w2"; if empty, none of their own.
    """

    name = "lrp-epsilon-alpha2-beta1"
    title = "LRP (epsilon-alpha2-beta1)"

    def convolution(self) -> Rule:
        return rules.alpha_beta(2.0, 1.0)


@dataclass(frozen=True)
class LrpEpsilonGammaBox(RelevanceMethod):
    """Relevance by gamma in convolutions, epsilon in fully connected layers, z-box at the input.

    Formula: that of lrp-gamma and of lrp-epsilon; at the first convolutions in proportion to x_i
    w_ij - l_i w_ij+ - h_i w_ij-, for bounds l <= x <= h of the input.

    Shapes: that of the input; in units of the score.

    Source: Montavon et al.: Layer-Wise Relevance Propagation: An Overview, 2019. As EpsilonGammaBox
    in zennit.

    Use: on pictures, whose least and largest value are known.

    Beware: with bounds that do not hold the shares change their sign. What lies before the first
    convolution is computed for the bounds too, so it must rise or fall with each number of the
    input, as a normalisation does.

    Attributes:
        epsilon: of the fully connected layers, in units of activations.
        gamma: of the convolutions.
        low: the least that an input can be, in units of the model's input: a number; or an array of
            the shape of an item, or with one number for each channel and 1 for the other axes; or a
            mapping from inputs' names to such. If not given, what the preprocessing makes of black
            or white, or else the least number of the item itself.
        high: the largest, likewise.
        biases: "keep": a bias keeps its share; "ignore": the inputs get it too.
    """

    epsilon: float = rules.EPSILON
    gamma: float = 0.25
    low: Baseline | None = field(default=None, metadata=READ)
    high: Baseline | None = field(default=None, metadata=READ)

    name = "lrp-epsilon-gamma-box"
    title = "LRP (epsilon-gamma-box)"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, given in (("low", self.low), ("high", self.high)):
            if given is not None:
                object.__setattr__(self, name, held(f"{self.name}: {name}", given))
        low, high = (x if isinstance(x, (int, float)) else None for x in (self.low, self.high))
        if low is not None and high is not None and low >= high:
            raise InputError(f"{self.name}: low is {low}, high is {high}; give low < high")

    def within(self, low: Array, high: Array) -> Method:
        return replace(
            self,
            low=low if self.low is None else self.low,
            high=high if self.high is None else self.high,
        )

    def settled(self, graph: Graph, way: Path, sources: Sequence[str], target: str) -> Method:
        inputs = [t for name in sources if (t := graph.tensor(name)) is not None]
        for given in (self.low, self.high):
            if isinstance(given, Given):
                given.check({x.name: _shapes(graph, x) for x in inputs})
        return self

    def layer_rule(self, layer: Linear, first: bool, bounds: Bounds) -> Rule:
        if not layer.is_convolution:
            return rules.epsilon(self.epsilon)
        return rules.z_box(bounds) if first else rules.gamma(self.gamma)

    def notes(self, scene: Scene) -> list[str]:
        if self.low is not None and self.high is not None:
            return []
        lacking = {"low": self.low, "high": self.high}
        names = [name for name, bound in lacking.items() if bound is None]
        said = "low and high are" if len(names) == 2 else f"{names[0]} is"
        return [
            f"{self.name}: {said} not given, so the numbers of each input itself bound it; give "
            "the least and largest that an input can have, or the preprocessing"
        ]

    def bounds(self, descent: Descent, way: Path) -> Bounds:
        e, inputs = descent.e, [descent.given(name) for name in descent.sources]
        low = descent.again({x.name: _bound(e, x, self.low, "ReduceMin") for x in inputs}, way)
        high = descent.again({x.name: _bound(e, x, self.high, "ReduceMax") for x in inputs}, way)

        def bounds(layer: Linear) -> tuple[Tensor, Tensor]:
            x = layer.node.input(layer.place)
            ends = [in_steps(e, end(x), layer.step) for end in (low, high)]
            return e.emit("Min", *ends), e.emit("Max", *ends)

        return bounds


def _shapes(graph: Graph, x: Tensor) -> list[Shape]:
    """Those that a bound of an input may have."""
    item, channel = (x.shape or ())[1:], input_channels(graph, x)
    line = [d if channel == axis else 1 for axis, d in enumerate(item, 1)]
    shapes = [item] if channel is None else [item, tuple(line)]
    return [s for shape in shapes for s in (shape, (1, *shape))]


def _bound(e: Emitter, x: Tensor, given: object, reduction: str) -> Tensor:
    """A bound of the input in its shape."""
    if given is None:
        found = e.emit(reduction, x, e.ints(range(1, x.rank or 1)), keepdims=1)
    elif isinstance(given, Given):
        found = e.const(given.of(x.name), x.dtype)
    else:
        assert isinstance(given, (int, float))
        found = e.const(given, x.dtype)
    return e.expand(found, e.sizes(replace(x, rows=Rows.SHARED), 0))
