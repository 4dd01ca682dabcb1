"""Floating-point numbers that are whole, for what rounds them, and how far they reach."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.op_traits import MOVES
from retrograph.ir.passes.quantize.codes import Reach, limits_of

_ANY = limits_of(np.int64)
_KEEPING = MOVES | {"Slice"}
_FURTHEST = 16


def whole_reach(graph: Graph, name: str, depth: int = 0) -> Reach | None:
    """The lowest and highest number of a tensor of whole ones; None where it may have others."""
    value = graph.value(name)
    if value is not None:
        whole = value.size > 0 and np.isfinite(value).all() and (value == np.rint(value)).all()
        return (int(value.min()), int(value.max())) if whole else None
    node = graph.producer.get(name)
    if node is None or node.domain not in STANDARD_DOMAINS or depth > _FURTHEST:
        return None
    if node.op_type in ("Round", "Floor", "Ceil"):
        return _ANY
    if node.op_type == "Sign":
        return -1, 1
    if node.op_type not in _KEEPING | {"Clip", "Max", "Min", "Relu", "Add", "Sub", "Mul", "Where"}:
        return None
    return _made(graph, node, depth + 1)


def _made(graph: Graph, node: NodeProto, depth: int) -> Reach | None:
    """What a node makes of whole numbers that it keeps whole."""
    op = node.op_type
    operands = node.input[:1] if op in _KEEPING | {"Relu"} else node.input
    operands = node.input[1:] if op == "Where" else operands
    ends = [whole_reach(graph, n, depth) if n else _ANY for n in operands]
    if any(end is None for end in ends):
        return None
    (low, high), *others = [end for end in ends if end is not None]
    if op in _KEEPING:
        return low, high
    if op == "Relu":
        return max(low, 0), max(high, 0)
    if op == "Clip":
        least = others[0][0] if others and node.input[1] else low
        most = others[1][1] if len(others) > 1 and node.input[2] else high
        return min(max(low, least), most), max(min(high, most), least)
    lows, highs = [low, *(a for a, _ in others)], [high, *(b for _, b in others)]
    if op in ("Max", "Min"):
        choose = max if op == "Max" else min
        return choose(lows), choose(highs)
    if op == "Where":
        return min(lows), max(highs)
    (a, b) = others[0]
    if op == "Add":
        return low + a, high + b
    if op == "Sub":
        return low - b, high - a
    corners = (low * a, low * b, high * a, high * b)
    return min(corners), max(corners)
