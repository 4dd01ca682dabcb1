"""Which rule of DeepLIFT Rescale a node takes; what has none is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, reads
from retrograph.methods.base import MethodRule
from retrograph.methods.rescale_rules import (
    Other,
    RescaleRule,
    exact,
    extremum,
    gated,
    linear,
    product,
    quotient,
    rounded,
)
from retrograph.vjp.registry import Node, Unsupported

_NO_RULE = "no Rescale rule, so the attribution would not be complete"


@dataclass(frozen=True)
class Rescale:
    """The rules of a walk.

    Attributes:
        other: from a tensor to what it is at the baseline.
        changing: the tensors that may differ between the input and the baseline.
        rounding: the nodes that the gradient passes straight through.
        gates: the composites that are like a ReLU.
    """

    other: Other
    changing: Collection[str]
    rounding: Collection[str]
    gates: Collection[str]

    def __call__(self, node: Node) -> MethodRule:
        """The rule of a node.

        Raises:
            Unsupported: there is none that is complete.
        """
        self._check(node)
        if node.parts:
            return partial(gated if node.name in self.gates else rounded, self.other)
        known = RULES.get(node.op) if node.domain in STANDARD_DOMAINS else None
        if known is None:
            raise Unsupported(_NO_RULE)
        beyond = [] if known.places is None else sorted(node.wanted - known.places)
        if beyond:
            name = node.input(beyond[0]).name
            raise Unsupported(f"its '{name}' depends on the explained input: {_NO_RULE}")
        if not known.has_form(node):
            raise Unsupported(f"{_NO_RULE}; there is one {known.form}")
        return partial(known.rule, self.other)

    def _check(self, node: Node) -> None:
        """Whether all that makes the output differ is on the path."""
        if node.name in self.rounding:
            raise Unsupported(f"rounds, which has {_NO_RULE}")
        for i, tensor in enumerate(node.inputs):
            if tensor is not None and tensor.name in self.changing and i not in node.wanted:
                raise Unsupported(
                    f"'{tensor.name}' depends on the explained input by steps alone, so the "
                    "attribution would not be complete"
                )


def changing(graph: Graph, sources: Collection[str]) -> set[str]:
    """The tensors that may differ where the sources do; not what takes only their shapes."""
    names = set(sources)
    for node in graph.nodes:
        if node.op_type not in _SHAPES and not names.isdisjoint(reads(node)):
            names.update(filter(None, node.output))
    return names


@dataclass(frozen=True)
class _Known:
    """The rule of an operator.

    Attributes:
        rule: as in rescale_rules.py.
        places: of the inputs that may depend on the explained ones; any if None.
        has_form: whether a node has the form that the rule treats.
        form: which that is.
    """

    rule: RescaleRule
    places: frozenset[int] | None = frozenset({0})
    has_form: Callable[[Node], bool] = lambda _: True
    form: str = ""


def _is_off(node: Node) -> bool:
    training = node.value(2)
    return not node.has(2) or (training is not None and not training.any())


def _adds(node: Node) -> bool:
    return node.attrs.get("reduction", "none") in ("none", "add")


def _is_average(node: Node) -> bool:
    return bool(node.attrs.get("mode", "avg") == "avg")


def _has_two_factors(node: Node) -> bool:
    return len(node.wanted) <= 2


def _has_one_exponent(node: Node) -> bool:
    exponent = node.value(1)
    return exponent is not None and exponent.size == 1


def _of(known: _Known, *ops: str) -> dict[str, _Known]:
    return dict.fromkeys(ops, known)


_SHAPES = {"Shape", "Size", "EyeLike"}

RULES = {
    # Affine in all that may depend on the input.
    **_of(_Known(linear, None), "Add", "Sub", "Sum", "Mean", "Concat"),
    **_of(_Known(linear), "Neg", "Identity", "Cast", "BatchNormalization", "Resize", "GridSample"),
    **_of(_Known(linear), "AveragePool", "GlobalAveragePool", "ReduceSum", "ReduceMean", "CumSum"),
    **_of(_Known(linear), "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Expand"),
    **_of(_Known(linear), "Tile", "Split", "Slice", "Gather", "GatherElements", "GatherND"),
    **_of(_Known(linear), "DepthToSpace", "SpaceToDepth", "Col2Im", "ReverseSequence", "Compress"),
    **_of(_Known(linear), "Trilu", "MaxUnpool", "DFT", "STFT", "DeformConv"),
    **_of(_Known(linear, frozenset({0, 2})), "Pad"),
    **_of(_Known(linear, frozenset({1, 2})), "Where"),
    **_of(_Known(linear, frozenset({0}), _is_off, "in inference"), "Dropout"),
    **_of(_Known(linear, frozenset({0}), _is_average, "for the mode avg"), "RoiAlign"),
    **_of(
        _Known(linear, frozenset({0, 2}), _adds, "for the reductions none and add"),
        *("ScatterElements", "ScatterND"),
    ),
    # Products of two, one of which may be constant.
    **_of(_Known(product, None), "Mul", "MatMul", "Gemm", "Conv", "ConvTranspose"),
    **_of(_Known(product, None, _has_two_factors, "for two variable operands"), "Einsum"),
    **_of(_Known(quotient, None), "Div"),
    # Functions of one tensor, element by element.
    **_of(_Known(exact), "Relu", "Clip"),
    **_of(_Known(gated), "Swish", "Gelu", "Mish", "HardSwish"),
    **_of(_Known(rounded), "LeakyRelu", "PRelu", "ThresholdedRelu", "Elu", "Selu", "Celu"),
    **_of(_Known(rounded), "Sigmoid", "Tanh", "HardSigmoid", "Softplus", "Softsign", "Erf"),
    **_of(_Known(rounded), "Shrink", "Abs", "Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos"),
    **_of(_Known(rounded), "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh"),
    **_of(_Known(rounded), "Asinh", "Acosh", "Atanh"),
    **_of(_Known(rounded, frozenset({0}), _has_one_exponent, "for one constant exponent"), "Pow"),
    # Maxima and minima.
    **_of(_Known(extremum), "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin"),
    **_of(_Known(extremum, None), "Max", "Min"),
}
