"""What relevance does at an operator that is no linear layer.

Everything that is not listed has no rule that conserves relevance, and is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrograph.ir.activations import FUNCTIONS
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import STANDARD_DOMAINS, Tensor
from retrograph.methods.relevance.layer import in_float32
from retrograph.methods.relevance.rules import stabilised
from retrograph.vjp.broadcast import sum_to_input
from retrograph.vjp.registry import COMPOSITE, Cotangents, MultiRule, Node, Unsupported, vjp

_MOVES = """
    Compress Concat DepthToSpace Dropout Expand Flatten Gather GatherElements GatherND Identity
    Pad Reshape ReverseSequence ScatterElements ScatterND Slice SpaceToDepth Split Squeeze Tile
    Transpose Trilu Unsqueeze Where CenterCropPad
"""
_SWITCHES = "MaxPool GlobalMaxPool ReduceMax ReduceMin Max Min MaxUnpool TopK"
_SUMS = """
    AveragePool GlobalAveragePool ReduceMean ReduceSum Mean Sum Add Sub Resize CumSum
"""
_VARIADIC = ("Sum", "Mean")
_SCALES = "Mul Div Add Sub Sum Mean Max Min Pow Round BatchNormalization LRN"

MOVES = frozenset([*_MOVES.split(), *_SWITCHES.split()])
"""Relevance goes where the number came from; of a maximum, to it."""
SUMS = frozenset(_SUMS.split())
"""Relevance is shared in proportion to what each number adds."""
SCALES = FUNCTIONS | frozenset(_SCALES.split())
"""A number that depends on one other alone hands its relevance on to it."""


def operator_rule(node: Node) -> MultiRule:
    """The rule for a node that is no linear layer.

    Raises:
        Unsupported: it has none that conserves.
    """
    if node.domain in (*STANDARD_DOMAINS, COMPOSITE):
        if node.parts or (len(node.wanted) == 1 and node.op in SCALES):
            return _pass
        if node.op in MOVES or (node.op == "Resize" and node.attrs["mode"] == "nearest"):
            return vjp
        if node.op in SUMS:
            return _share
    raise Unsupported(
        "no rule of relevance that conserves it; choose a layer before it, or --method gradient"
    )


def _pass(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """R_x = R_y"""
    (place,) = node.wanted
    assert cts[0] is not None
    alike = node.parts or node.op in FUNCTIONS or node.op in ("BatchNormalization", "LRN")
    r = cts[0] if alike else sum_to_input(e, cts[0], node, place)
    r = e.cast(r, node.input(place).dtype)
    return [r if i == place else None for i in range(len(node.inputs))]


def _share(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """R_x = x * VJP(R_y / y), which for a linear operator is what each x adds to y

    In float32 at least: a share overflows in float16. Of a sum with constants the others take all.
    """
    assert cts[0] is not None
    places = [i for i in range(len(node.inputs)) if i in node.wanted or node.op not in _VARIADIC]
    inputs = [None if (t := node.inputs[i]) is None else in_float32(e, t) for i in places]
    y = node.y
    if len(places) < len(node.inputs):
        y = replace(e.emit(node.op, *inputs), shape=y.shape)
    wanted = frozenset(places.index(i) for i in node.wanted)
    linear = replace(node, inputs=tuple(inputs), outputs=(in_float32(e, y),), wanted=wanted)
    found = vjp(e, linear, [e.div(in_float32(e, cts[0]), stabilised(e, linear.y))])
    shares: list[Tensor | None] = [None] * len(node.inputs)
    for i, place in enumerate(places):
        ct = found[i]
        if i in wanted and ct is not None:
            shares[place] = e.cast(e.mul(linear.input(i), ct), node.input(place).dtype)
    return shares


def takes_all(signal: int) -> MultiRule:
    """Of a signal times a gate the signal takes all the relevance.

    Source: Arras et al.: Explaining Recurrent Neural Network Predictions, 2017.
    """

    def rule(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        assert cts[0] is not None
        parts = [cts[0] if i == signal else e.mul(cts[0], 0.0) for i in range(2)]
        return [sum_to_input(e, part, node, i) for i, part in enumerate(parts)]

    return rule
