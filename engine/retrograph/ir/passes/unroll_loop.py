"""A Loop that runs a known number of times as its body, once for each time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import NodeProto, helper

from retrograph.ir.graph import Graph, attributes
from retrograph.ir.rename import rename

MOST_NODES = 20_000
"""No more are written."""


def unroll(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    """The nodes that take the place of a Loop; None where only run time tells how often it runs."""
    body = attributes(node)["body"]
    times = _times(graph, node, body)
    if times is None or times * len(body.node) > MOST_NODES or body.sparse_initializer:
        return None
    carried = len(node.input) - 2
    scanned = [name for name in node.output[carried:] if name]
    if times == 0 and scanned:
        return None
    nodes: list[NodeProto] = []
    states, rows = list(node.input[2:]), []
    for turn in range(times):
        ends = _turn(graph, node, body, nodes, [*_head(graph, node, turn), *states])
        states = ends[1 : 1 + carried]
        rows.append(ends[1 + carried :])
    nodes += _identities(node, states)
    for place, name in enumerate(node.output[carried:]):
        if name:
            nodes += _stacked(graph, name, [row[place] for row in rows])
    return nodes


def _times(graph: Graph, node: NodeProto, body: onnx.GraphProto) -> int | None:
    """How often a Loop runs, if its count is constant and its condition always holds."""
    count = graph.value(node.input[0]) if node.input[0] else None
    starts = graph.value(node.input[1]) if node.input[1] else np.asarray(True)
    if count is None or starts is None:
        return None
    if not starts.item():
        return 0
    return max(int(count.item()), 0) if _stays_true(body) else None


def _stays_true(body: onnx.GraphProto) -> bool:
    """Whether a body gives its condition on as it is, or the constant True."""
    name = body.output[0].name
    makers = {o: n for n in body.node for o in n.output}
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    if name == body.input[1].name:
        return True
    values = {t.name: t for t in body.initializer}
    if name in makers and makers[name].op_type == "Constant":
        values[name] = helper.get_attribute_value(makers[name].attribute[0])
    return name in values and bool(np.all(onnx.numpy_helper.to_array(values[name])))


def _head(graph: Graph, node: NodeProto, turn: int) -> list[str]:
    """The number of a turn and its condition."""
    return [
        graph.add_constant(np.asarray(turn, np.int64), f"{node.name}/turn"),
        graph.add_constant(np.asarray(True), f"{node.name}/condition"),
    ]


def _turn(
    graph: Graph,
    node: NodeProto,
    body: onnx.GraphProto,
    nodes: list[NodeProto],
    given: Sequence[str],
) -> list[str]:
    """Append the body's nodes for one turn; the names of its outputs."""
    copy = onnx.ModelProto()
    copy.graph.CopyFrom(body)
    inner = [t.name for t in body.initializer] + [o for n in body.node for o in n.output if o]
    names = {name: graph.fresh(f"{node.name}/{name}") for name in inner}
    formal = [v.name for v in body.input]
    rename(copy, names | dict(zip(formal, given, strict=True)))
    graph.constants |= {t.name: t for t in copy.graph.initializer}
    for step in copy.graph.node:
        step.name = graph.fresh(f"{node.name}/{step.op_type}")
    nodes += copy.graph.node
    return [v.name for v in copy.graph.output]


def _identities(node: NodeProto, states: Sequence[str]) -> list[NodeProto]:
    return [
        helper.make_node("Identity", [state], [name], name=f"{node.name}/{name}")
        for state, name in zip(states, node.output, strict=False)
        if name
    ]


def _stacked(graph: Graph, name: str, parts: Sequence[str]) -> list[NodeProto]:
    """The scanned outputs of all turns along a new first axis."""
    axes = graph.add_constant(np.asarray([0], np.int64), f"{name}/axes")
    lifted = [graph.fresh(f"{name}/Unsqueeze") for _ in parts]
    rows = [
        helper.make_node("Unsqueeze", [part, axes], [out], name=out)
        for part, out in zip(parts, lifted, strict=True)
    ]
    return [*rows, helper.make_node("Concat", lifted, [name], name=name, axis=0)]
