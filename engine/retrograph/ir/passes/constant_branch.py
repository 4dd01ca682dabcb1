"""An If whose condition is constant is its branch.

PyTorch's older exporter writes one wherever a Squeeze may find another size than 1.
"""

from __future__ import annotations

import onnx
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes
from retrograph.ir.rename import rename


def inline(graph: Graph) -> bool:
    """Put the nodes of the chosen branch in the place of each such If; True if there was any."""
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        nodes.extend(_branch(graph, node) or [node])
    return graph.replace_nodes(nodes)


def _branch(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    if node.op_type != "If" or node.domain not in STANDARD_DOMAINS:
        return None
    chosen = graph.value(node.input[0])
    if chosen is None or chosen.size != 1:
        return None
    body = onnx.ModelProto()
    body.graph.CopyFrom(attributes(node)["then_branch" if chosen.item() else "else_branch"])
    if body.graph.sparse_initializer:
        return None
    inner = [t.name for t in body.graph.initializer]
    inner += [o for n in body.graph.node for o in n.output if o]
    rename(body, {name: graph.fresh(f"{node.name}/{name}") for name in inner})
    graph.constants |= {t.name: t for t in body.graph.initializer}
    for i, step in enumerate(body.graph.node):
        step.name = f"{node.name}/{i}"
    ends = zip(body.graph.output, node.output, strict=True)
    return [
        *body.graph.node,
        *(
            helper.make_node("Identity", [end.name], [name], name=f"{node.name}/{name}")
            for end, name in ends
            if name
        ),
    ]
