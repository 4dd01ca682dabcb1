"""What relevance does at an operator that is no linear layer.

Everything that is not listed has no rule that conserves relevance, and is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrograph.ir import op_traits
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import STANDARD_DOMAINS, Shape, Tensor
from retrograph.ir.op_traits import JOINS, SPELLERS, TAKES
from retrograph.methods.relevance.layer import in_float32
from retrograph.methods.relevance.moves import moved, outside
from retrograph.methods.relevance.rules import stabilised
from retrograph.methods.relevance.tally import Tally
from retrograph.vjp.lowering.broadcast import sum_to_input, sum_to_shape
from retrograph.vjp.registry import (
    COMPOSITE,
    Cotangents,
    MultiRule,
    Node,
    Unsupported,
    shape_of,
    vjp,
)

_SWITCHES = {
    "MaxPool",
    "GlobalMaxPool",
    "ReduceMax",
    "ReduceMin",
    "Max",
    "Min",
    "MaxUnpool",
    "TopK",
}
_SUMS = """
    AveragePool GlobalAveragePool ReduceMean ReduceSum Mean Sum Add Sub Resize CumSum
"""
_VARIADIC = ("Sum", "Mean", "Max", "Min")
_SCATTERS = ("ScatterElements", "ScatterND")
_SCALES = "Mul Div Add Sub Sum Mean Max Min Pow Round BatchNormalization LRN"

MOVES = op_traits.MOVES | (TAKES - {"Unique"}) | (JOINS - {"TensorScatter"})
MOVES |= _SWITCHES | {"Dropout", "Where"}
"""Relevance goes where the number came from; of a maximum, to it."""
SUMS = frozenset(_SUMS.split())
"""Relevance is shared in proportion to what each number adds."""
SCALES = SPELLERS | frozenset(_SCALES.split())
"""A number that depends on one other alone hands its relevance on to it."""


def operator_rule(node: Node, tally: Tally) -> MultiRule:
    """The rule for a node that is no linear layer.

    Args:
        node: it.
        tally: told what falls to constants.

    Raises:
        Unsupported: it has none that conserves.
    """
    if node.domain in (*STANDARD_DOMAINS, COMPOSITE):
        if node.parts or (len(node.wanted) == 1 and node.op in SCALES):
            return _pass
        if node.op in _SCATTERS:
            return _scatter(node, tally)
        if node.op == "Resize" and 1 in node.wanted:
            raise Unsupported(f"its roi '{node.input(1).name}' depends on the explained input")
        if node.op in _VARIADIC:
            return _among_others(vjp if node.op in MOVES else _share)
        if node.op in MOVES or (node.op == "Resize" and node.attrs["mode"] == "nearest"):
            return moved(tally)
        if node.op == "Resize":
            return _resized(tally)
        if node.op in SUMS:
            return _share
    raise Unsupported(
        "no rule of relevance that conserves it; choose a layer before it, or the method gradient"
    )


def _pass(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """R_x = R_y"""
    (place,) = node.wanted
    assert cts[0] is not None
    alike = node.parts or node.op in SPELLERS or node.op in ("BatchNormalization", "LRN")
    r = cts[0] if alike else sum_to_input(e, cts[0], node, place)
    r = e.cast(r, node.input(place).dtype)
    return [r if i == place else None for i in range(len(node.inputs))]


def _share(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """R_x = x * VJP(R_y / y), which for a linear operator is what each x adds to y

    In float32 at least: a share overflows in float16.
    """
    inputs = tuple(None if t is None else in_float32(e, t) for t in node.inputs)
    linear = replace(node, inputs=inputs, outputs=(in_float32(e, node.y),))
    found = vjp(e, linear, [_each(e, node, cts)])
    return [
        e.cast(e.mul(linear.input(i), ct), node.input(i).dtype)
        if i in node.wanted and ct is not None
        else None
        for i, ct in enumerate(found)
    ]


def _each(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Tensor:
    """R_y / y, in float32 at least"""
    assert cts[0] is not None
    return e.div(in_float32(e, cts[0]), stabilised(e, in_float32(e, node.y)))


def _among_others(rule: MultiRule) -> MultiRule:
    """Of a sum, a mean or an extremum with constants the others take all."""

    def others(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        places = sorted(node.wanted)
        if len(places) == len(node.inputs):
            return rule(e, node, cts)
        assert cts[0] is not None
        inputs = tuple(in_float32(e, node.input(i)) for i in places)
        whole, fixed = shape_of(node.y), [shape_of(t) for t in node.inputs if t is not None]
        y = replace(e.emit(node.op, *inputs), shape=_joint(inputs, whole))
        r = in_float32(e, cts[0])
        if y.shape != whole:
            r = sum_to_shape(e, r, y, whole, fixed)
        variable = replace(
            node, inputs=inputs, outputs=(y,), values={}, wanted=frozenset(range(len(inputs)))
        )
        found = dict(zip(places, rule(e, variable, [r]), strict=True))
        return [
            None if t is None or (ct := found.get(i)) is None else e.cast(ct, t.dtype)
            for i, t in enumerate(node.inputs)
        ]

    return others


def _joint(inputs: Sequence[Tensor], whole: Shape) -> Shape:
    """The shape of inputs broadcast together, of which `whole` is one beside still others."""
    rank = max(len(shape_of(t)) for t in inputs)
    own = [(1,) * (rank - len(shape_of(t))) + shape_of(t) for t in inputs]
    dims = whole[len(whole) - rank :]
    return tuple(1 if set(d) == {1} else y for *d, y in zip(*own, dims, strict=True))


def _scatter(node: Node, tally: Tally) -> MultiRule:
    """Updates replace what was there, or the larger of the two does; added, each takes its share.

    Raises:
        Unsupported: they are multiplied.
    """
    reduction = node.attrs["reduction"]
    if reduction != "add":
        if reduction == "mul":
            raise Unsupported("no rule of relevance for reduction='mul'; supported: all others")
        return moved(tally)
    if 2 not in node.wanted:
        return vjp

    def added(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        if 0 not in node.wanted:
            tally.add(e.mul(in_float32(e, node.x), _each(e, node, cts)), node.y)
        return _share(e, node, cts)

    return added


def _resized(tally: Tally) -> MultiRule:
    def rule(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        assert cts[0] is not None
        for part in outside(e, node, cts[0]):
            tally.add(part, node.y)
        return _share(e, node, cts)

    return rule


def takes_all(signal: int) -> MultiRule:
    """Of a signal times a gate the signal takes all the relevance.

    Source: Arras et al.: Explaining Recurrent Neural Network Predictions, 2017.
    """

    def rule(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        assert cts[0] is not None
        parts = [cts[0] if i == signal else e.mul(cts[0], 0.0) for i in range(2)]
        return [sum_to_input(e, part, node, i) for i, part in enumerate(parts)]

    return rule
