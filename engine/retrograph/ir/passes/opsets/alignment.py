"""Operands that were aligned by an attribute before opset 7."""

from __future__ import annotations

from onnx import NodeProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.opsets.registry import Attributes, NoRewriting, before, in_place, ints


@before(7, "Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less")
def _aligned(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Before opset 7 the second operand's axes stood at `axis` of the first's, or at its end."""
    a, b = node.input
    tensors = graph.tensor(a), graph.tensor(b)
    if "axis" not in attrs or not attrs.get("broadcast", 0):
        return [in_place(node, node.op_type, [a, b])]
    ranks = [None if t is None else t.rank for t in tensors]
    if ranks[0] is None or ranks[1] is None:
        raise NoRewriting("broadcasts along an attribute `axis`, and the ranks are not known")
    behind = ranks[0] - attrs["axis"] % ranks[0] - ranks[1]
    return _with_axes_behind(graph, node, behind)


@before(7, "PRelu")
def _prelu(graph: Graph, node: NodeProto, attrs: Attributes) -> list[NodeProto]:
    """Before opset 7 a vector of slopes had one for each channel."""
    x, slope = (graph.tensor(name) for name in node.input)
    if x is None or x.rank is None or slope is None or slope.rank is None:
        raise NoRewriting("has slopes for each channel, and the ranks are not known")
    return _with_axes_behind(graph, node, x.rank - 2 if slope.rank == 1 else 0)


def _with_axes_behind(graph: Graph, node: NodeProto, count: int) -> list[NodeProto]:
    """The node with so many axes of size 1 behind those of its second operand."""
    a, b = node.input
    if count == 0:
        return [in_place(node, node.op_type, [a, b])]
    axes = ints(graph, node, "axes", range(-count, 0))
    widened = f"{node.output[0]}/aligned"
    align = helper.make_node("Unsqueeze", [b, axes], [widened], name=f"{node.name}/align")
    return [align, in_place(node, node.op_type, [a, widened])]
