"""A network as it is drawn: its nodes, what leads to what, and which nodes fold into which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from onnx import NodeProto

from retrograph.ir.graph import Graph, Shape, op_label, reads
from retrograph.ir.path import flow
from retrograph.layers import Layer

_LINEAR: Final = frozenset(
    (
        *("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv", "Gemm", "MatMul"),
        *("LSTM", "GRU", "RNN", "MaxPool", "AveragePool", "LpPool"),
        *("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "Resize"),
    )
)
_JOINS: Final = frozenset(("Add", "Concat", "Mul", "Sum", "Sub", "Max", "Min"))


@dataclass(frozen=True)
class DrawnNode:
    """A node of a drawn network.

    Attributes:
        id: its name in edges.
        op: the operator.
        name: the node's name in the graph.
        tensor: its first output.
        shape: of that output; None where it is not known.
        layer: the alias by which it is explained; None where it cannot be.
        is_kept: whether it is drawn when the network is folded.
        fold: the id of the kept node into which it folds; None for a kept one, or where there is
            none to fold into.
    """

    id: str
    op: str
    name: str
    tensor: str
    shape: Shape | None
    layer: str | None
    is_kept: bool
    fold: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a record for a program."""
        return {
            "id": self.id,
            "op": self.op,
            "name": self.name,
            "layer": self.layer,
            "tensor": self.tensor,
            "shape": None if self.shape is None else [*self.shape],
            "fold": self.fold,
            "keep": self.is_kept,
        }


@dataclass(frozen=True)
class Outline:
    """A network as it is drawn.

    Attributes:
        nodes: in the order of the graph; what depends on no input is left out.
        edges: pairs of ids: of inputs ("in:NAME"), nodes and outputs ("out:NAME").
        inputs, outputs: their names and shapes.
    """

    nodes: tuple[DrawnNode, ...]
    edges: tuple[tuple[str, str], ...]
    inputs: Mapping[str, Shape | None]
    outputs: Mapping[str, Shape | None]

    def to_dict(self) -> dict[str, Any]:
        """As a record for a program."""
        return {
            "nodes": [node.to_dict() for node in self.nodes],
            "edges": [[*edge] for edge in self.edges],
            "inputs": _ends("in", self.inputs),
            "outputs": _ends("out", self.outputs),
        }


def outline(graph: Graph, layers: Iterable[Layer]) -> Outline:
    """The network of a canonical graph, with the aliases of its layers.

    Convolutions, matrix products, recurrent layers, pools, ReLUs, joins of several tensors and what
    makes an output are kept; every other node folds into the kept one before it, or behind it where
    there is none before.
    """
    names = graph.input_names()
    reached, aliases = flow(graph, names), {layer.tensor.name: layer for layer in layers}
    ids, nodes = {name: f"in:{name}" for name in names}, list[DrawnNode]()
    edges: dict[tuple[str, str], None] = {}
    for number, node in enumerate(graph.nodes):
        if reached.isdisjoint(node.output):
            continue
        drawn = _drawn(graph, node, f"n{number}", aliases, reached)
        nodes.append(drawn)
        edges.update({(ids[name], drawn.id): None for name in reads(node) if name in ids})
        ids.update(dict.fromkeys(filter(None, node.output), drawn.id))
    outputs = [name for name in graph.output_names() if name in ids]
    edges.update({(ids[name], f"out:{name}"): None for name in outputs})
    return Outline(
        tuple(_folded(nodes, edges)),
        tuple(edges),
        {name: _shape(graph, name) for name in names},
        {name: _shape(graph, name) for name in outputs},
    )


def _drawn(
    graph: Graph, node: NodeProto, id: str, aliases: Mapping[str, Layer], reached: Iterable[str]
) -> DrawnNode:
    tensor = next(filter(None, node.output))
    layer = aliases.get(tensor)
    op = op_label(node) if layer is None else layer.op
    is_join = op in _JOINS and sum(name in reached for name in {*node.input}) > 1
    is_output = not {*node.output}.isdisjoint(graph.output_names())
    is_layer = layer is not None and (op in _LINEAR or layer.is_relu or is_join)
    alias = None if layer is None else layer.alias
    kept = is_layer or is_output
    return DrawnNode(id, op, node.name, tensor, _shape(graph, tensor), alias, kept)


def _folded(nodes: list[DrawnNode], edges: Iterable[tuple[str, str]]) -> Iterable[DrawnNode]:
    """The nodes, each that is not kept with the kept one that it folds into."""
    before, behind = dict[str, str](), dict[str, str]()
    kept = {node.id for node in nodes if node.is_kept}
    for start, end in edges:
        before.setdefault(end, start)
        behind.setdefault(start, end)
    into: dict[str, str | None] = {name: name for name in kept}
    for node in nodes:
        into.setdefault(node.id, into.get(before.get(node.id, "")))
    for node in reversed(nodes):
        follower = behind.get(node.id, "")
        is_unfinished = node.layer is None and node.op in _LINEAR and follower in kept
        if into[node.id] is None or is_unfinished:  # a convolution before its bias
            into[node.id] = into.get(follower)
    for node in nodes:
        yield node if node.is_kept else replace(node, fold=into[node.id])


def _shape(graph: Graph, name: str) -> Shape | None:
    tensor = graph.tensor(name)
    return None if tensor is None else tensor.shape


def _ends(kind: str, ends: Mapping[str, Shape | None]) -> list[dict[str, Any]]:
    return [
        {"id": f"{kind}:{name}", "name": name, "shape": None if shape is None else [*shape]}
        for name, shape in ends.items()
    ]
