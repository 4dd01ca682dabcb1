"""Which node of the file a node of the canonical graph has come of."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import NodeProto

from retrograph.ir.graph import Graph


def origin(graph: Graph, node: NodeProto) -> NodeProto:
    """The node of the file that a node is, or has come of: q of q/Round."""
    return among({n.name: n for n in graph.model.graph.node}, node)


def among(file: Mapping[str, NodeProto], node: NodeProto) -> NodeProto:
    """The same among the nodes of a file by their names."""
    name = node.name
    while name not in file and "/" in name:
        name = name.rpartition("/")[0]
    return file.get(name, node)
