"""Walks over nodes that enter the bodies of control flow."""

from __future__ import annotations

from onnx import NodeProto, helper

from retrograph.ir.subgraphs import nodes_with_inner


def holder(name: str, *bodies: list[NodeProto]) -> NodeProto:
    """An If whose branches are these bodies."""
    branches = {
        f"branch{i}": helper.make_graph(body, name, [], []) for i, body in enumerate(bodies)
    }
    return helper.make_node("If", ["c"], ["y"], name=name, **branches)


def leaf(name: str) -> NodeProto:
    return helper.make_node("Relu", ["x"], ["y"], name=name)


def test_each_node_comes_before_what_its_bodies_hold() -> None:
    inner = holder("b", [leaf("c")], [leaf("d"), leaf("e")])
    nodes = [leaf("a"), holder("if", [inner, leaf("f")]), leaf("g")]
    assert [n.name for n in nodes_with_inner(nodes)] == ["a", "if", *"bcdefg"]


def test_bodies_are_read_after_a_node_has_been_changed() -> None:
    node, seen = holder("if", [leaf("a")], [leaf("b")]), []
    for each in nodes_with_inner([node]):
        seen.append(each.name)
        if each.op_type == "If":
            del each.attribute[0]
    assert seen == ["if", "b"]
