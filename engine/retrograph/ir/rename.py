"""Other names for tensors, wherever they stand."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import ModelProto, NodeProto

from retrograph.ir.subgraphs import subgraphs


def rename(model: ModelProto, names: Mapping[str, str]) -> None:
    """Rename tensors everywhere in a model, in place."""
    _rename(model.graph, names)


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    thin = (t.values for t in graph.sparse_initializer)
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer, *thin):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        _rename_in(node, names)


def _rename_in(node: NodeProto, names: Mapping[str, str]) -> None:
    for ends in (node.input, node.output):
        for i, name in enumerate(ends):
            if name in names:
                ends[i] = names[name]
    for body in subgraphs(node):
        _rename(body, names)


def renamed(node: NodeProto, names: Mapping[str, str]) -> NodeProto:
    """A node with other names for what it reads and makes, in its bodies too."""
    twin = NodeProto()
    twin.CopyFrom(node)
    _rename_in(twin, names)
    return twin
