"""What a square root is taken of, for its derivative at 0, which is infinite.

Of a sum of squares, such as a norm or a standard deviation spelled out, every square is 0 there,
and infinity meets zeros: no number comes of that. As of ReduceL2, the derivative of the root is 0
then, the smallest of its subgradients.
"""

from __future__ import annotations

from typing import Literal

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.patterns.order_preserving import number

_KEEPING = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Flatten", "Slice"}
_KEEPING |= {"ReduceSum", "ReduceMean", "ReduceMax", "AveragePool", "GlobalAveragePool", "Gather"}
_JOINING = {"Add", "Sum", "Concat", "Max"}
_DEEPEST = 16


Radicand = Literal["any", "squares", "positive"]
"""What is known of what a root is taken of: a sum of squares, or numbers that are never 0."""


def radicand(graph: Graph, node: NodeProto) -> Radicand:
    """What a Sqrt, or a Pow to 0.5, is taken of; "any" for other nodes."""
    if node.domain not in STANDARD_DOMAINS or node.op_type not in ("Sqrt", "Pow"):
        return "any"
    if node.op_type == "Pow" and number(graph, node.input[1]) != 0.5:
        return "any"
    x = str(node.input[0])
    if _is_square(graph, x, _DEEPEST):
        return "squares"
    maker = graph.producer.get(x)
    shifted = maker is not None and maker.op_type in ("Add", "Max", "Clip")
    if maker is None or not shifted:
        return "any"
    least = maker.input[:2] if maker.op_type != "Clip" else maker.input[1:2]
    return "positive" if any((number(graph, n) or 0) > 0 for n in least) else "any"


def _is_square(graph: Graph, name: str, depth: int) -> bool:
    """Whether each number of a tensor is 0 only where the squares that it is a sum of are."""
    node = graph.producer.get(name)
    if node is None or depth == 0 or node.domain not in STANDARD_DOMAINS:
        return False
    a, *others = node.input
    if node.op_type in _KEEPING:
        return _is_square(graph, a, depth - 1)
    if node.op_type in _JOINING:
        return all(_is_square(graph, each, depth - 1) for each in node.input)
    if node.op_type == "ReduceSumSquare":
        return True
    if node.op_type == "Pow":
        return number(graph, others[0]) == 2
    if node.op_type == "Mul" and a == others[0]:
        return True
    if node.op_type == "Mul" and _is_count(graph, a, depth):
        a, others = others[0], [a]
    scaled = node.op_type in ("Mul", "Div") and _is_count(graph, others[0], depth)
    return scaled and _is_square(graph, a, depth - 1)


def _is_count(graph: Graph, name: str, depth: int) -> bool:
    """Whether a tensor is a positive number, or computed of sizes and numbers alone."""
    if name in graph.constants:
        value = number(graph, name)
        return value is not None and value > 0
    node = graph.producer.get(name)
    if node is None or depth == 0:
        return False
    return node.op_type in ("Shape", "Size") or all(
        each in graph.constants or _is_count(graph, each, depth - 1) for each in node.input if each
    )
