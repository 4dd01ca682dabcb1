"""Attention: ONNX's function body, safe for queries that see no key."""

from __future__ import annotations

from onnx import NodeProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.expand.function import function_body
from retrograph.ir.passes.expand.registry import defines


@defines("Attention")
def attention(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    """The function body, its softmax kept from rows of -inf.

    Of a row that is masked whole the softmax is NaN, and so is its derivative; the body makes 0 of
    it only behind the softmax. The same choice before it leaves numbers everywhere. The body of
    onnx 1.22 and before has no such choice, and NaN stays NaN.
    """
    nodes = function_body(graph, node)
    if nodes is None:
        return None
    softmax = next(n for n in nodes if n.op_type == "Softmax")
    cast = next(n for n in nodes if softmax.output[0] in n.input)
    choices = [n for n in nodes if n.op_type == "Where" and n.input[2] == cast.output[0]]
    if not choices:
        return nodes
    choice = choices[0]
    x, masked, place = softmax.input[0], choice.input[0], nodes.index(choice)
    zero, safe = (graph.fresh(f"{node.name}/{hint}") for hint in ("zero", "safe"))
    guarded = [
        helper.make_node("CastLike", [choice.input[1], x], [zero], name=zero),
        helper.make_node("Where", [masked, zero, x], [safe], name=safe),
        helper.make_node("Softmax", [safe], softmax.output, name=softmax.name),
        cast,
    ]
    before = [n for n in nodes[:place] if n is not softmax and n is not cast]
    return [*before, *guarded, *nodes[place:]]
