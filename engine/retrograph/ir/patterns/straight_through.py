"""Rounding written out: what the cotangent passes straight through, as inside QuantizeLinear.

A network that was trained with quantised activations rounds them in floating point, x / s, Round,
Clip, times s, and a binarised one takes their Sign. Their derivative is 0, and they were trained as
if it were 1 (of a Sign where |x| <= 1). Not every rounding is a quantiser: what is joined again,
number by number, with the number that it rounds is arithmetic (x - Floor(x), Sign(x) * Sqrt(|x|)).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph

EVERYWHERE = math.inf
"""The bound of what passes the cotangent wherever its input is."""
BINARISED = 1.0
"""The bound of a Sign."""
NOWHERE = -1.0
"""The bound of what passes nothing: the derivative as it is."""

_ROUNDS = {"Round", "Floor", "Ceil"}
_POINTWISE = {"Abs", "Add", "Cast", "Clip", "Div", "Identity", "Max", "Min", "Mul", "Neg", "Pow"}
_POINTWISE |= {"Relu", "Sqrt", "Sub", "Sum", "Tanh", "Where", "Sign", "HardTanh", *_ROUNDS}
_FURTHEST = 64
"""So many nodes of a pointwise chain are looked at."""


def straight(graph: Graph) -> dict[str, float]:
    """The nodes of a canonical graph that stand for a quantiser, each with the bound of |x| within
    which the cotangent passes."""
    found = {}
    for node in graph.nodes:
        if node.domain not in STANDARD_DOMAINS or node.op_type not in {*_ROUNDS, "Sign"}:
            continue
        if node.name not in graph.straight_through and _quantises(graph, node):
            found[node.name] = _bound(graph, node)
    return found


def without_straight_through(graph: Graph) -> Graph:
    """The graph with the derivative of rounding as it is: what rounds passes nothing."""
    strict = graph.copy()
    strict.straight_through = dict.fromkeys(graph.straight_through, NOWHERE)
    return strict


def _bound(graph: Graph, node: NodeProto) -> float:
    """Of a Sign of a Sign, which only says what becomes of 0, that of a rounding."""
    if node.op_type != "Sign" or _shifted_sign(graph, node) is not None:
        return EVERYWHERE
    return BINARISED


def _shifted_sign(graph: Graph, node: NodeProto) -> NodeProto | None:
    """The inner Sign of Sign(Sign(x) + c) with |c| < 1."""
    shift = graph.producer.get(node.input[0])
    if shift is None or shift.op_type not in ("Add", "Sub"):
        return None
    constants = [v for v in map(graph.value, shift.input) if v is not None]
    if len(constants) != 1 or not (np.abs(constants[0]) < 1).all():
        return None
    inner = next(graph.producer.get(name) for name in shift.input if name not in graph.constants)
    return inner if inner is not None and inner.op_type == "Sign" else None


def _quantises(graph: Graph, node: NodeProto) -> bool:
    """Whether it gives floating point that stands for what it rounds."""
    tensor = graph.tensor(node.output[0])
    return tensor is not None and tensor.is_float and stands_for_its_input(graph, node)


def stands_for_its_input(graph: Graph, node: NodeProto) -> bool:
    """Whether others read what a node rounds, and nothing joins it with the number it rounds."""
    y = str(node.output[0])
    if not graph.consumers.get(y) or y in graph.output_names():
        return False
    source = _behind(graph, str(node.input[0]))
    waiting, seen = [y], {y}
    while waiting and len(seen) < _FURTHEST:
        name = waiting.pop()
        for reader in graph.consumers.get(name, []):
            if not _is_pointwise(reader):
                continue
            end = _through(graph, node, name, reader, source)
            if end is None:
                return False
            if end not in seen:
                seen.add(end)
                waiting.append(end)
    return True


def _through(
    graph: Graph, node: NodeProto, name: str, reader: NodeProto, source: set[str]
) -> str | None:
    """What a pointwise reader of rounded numbers makes; None where it joins them with their own.

    Adding x to the rounding less x, as is written for training, gives the rounding itself.
    """
    others = [other for other in reader.input if other and other != name]
    mine = [other for other in others if _same_size(graph, other, name)]
    if all(source.isdisjoint(_behind(graph, other)) for other in mine):
        return str(reader.output[0])
    if reader.op_type == "Mul" and node.op_type in _ROUNDS and _are_signs(graph, mine):
        return str(reader.output[0])
    return _undone(graph, reader, others)


def _undone(graph: Graph, reader: NodeProto, others: list[str]) -> str | None:
    """What x + (r - x) or x - (x - r) makes of the difference, for a reader that takes it."""
    last = graph.sole_consumer(str(reader.output[0]))
    if reader.op_type != "Sub" or last is None or len(others) != 1:
        return None
    first = reader.input[0] == others[0]
    if first and last.op_type == "Sub" and list(last.input) == [others[0], reader.output[0]]:
        return str(last.output[0])
    if not first and last.op_type == "Add" and others[0] in last.input:
        return str(last.output[0])
    return None


def _are_signs(graph: Graph, names: Iterable[str]) -> bool:
    makers = (graph.producer.get(name) for name in names)
    return all(maker is not None and maker.op_type == "Sign" for maker in makers)


def _behind(graph: Graph, name: str) -> set[str]:
    """The tensors of the same size that one is computed of number by number, itself included."""
    waiting, found = [name], {name} - graph.constants.keys()
    while waiting and len(found) < _FURTHEST:
        current = waiting.pop()
        maker = graph.producer.get(current)
        if maker is None or not _is_pointwise(maker):
            continue
        same = {n for n in maker.input if n and _same_size(graph, n, current)} - found
        found |= same
        waiting.extend(same)
    return found


def _is_pointwise(node: NodeProto) -> bool:
    return node.domain in STANDARD_DOMAINS and node.op_type in _POINTWISE


def _same_size(graph: Graph, name: str, other: str) -> bool:
    """Whether a tensor that changes may be as large as another, so that none is one for many."""
    if name in graph.constants:
        return False
    a, b = graph.tensor(name), graph.tensor(other)
    return a is None or b is None or a.shape is None or b.shape is None or a.shape == b.shape
