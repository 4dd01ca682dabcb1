"""Linear layers: a convolution or product with weights, with what scales and shifts its channels.

Exporters write the bias of a layer as an Add behind it, now and then behind a Squeeze or Transpose,
and keep or fold a BatchNormalization; seen as one, all of them are y = w x + b.
"""

from __future__ import annotations

from collections.abc import Collection

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes
from retrograph.ir.path import Composite, Path

LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
MOVES = {"Squeeze", "Unsqueeze", "Transpose"}
"""What a layer's output may pass before it is scaled or shifted."""


def linear_layers(graph: Graph, way: Path) -> list[Composite]:
    """The linear layers on a path, each with its tail."""
    onward = {node.name for node in way.nodes}
    return [
        Composite("Linear", (node, *_tail(graph, way, onward, node)), _variable(way, node))
        for node in way.nodes
        if node.op_type in LAYERS
        and node.domain in STANDARD_DOMAINS
        and sum(name in way.tensors for name in node.input) == 1
        and _variable(way, node) in node.input[:2]
    ]


def first_layers(way: Path, layers: Collection[Composite]) -> set[str]:
    """The names of those layers that no other one lies before."""
    behind = {layer.nodes[0].output[0] for layer in layers}
    for node in way.nodes:
        if not behind.isdisjoint(node.input):
            behind.update(node.output)
    return {layer.name for layer in layers if layer.input not in behind}


def _variable(way: Path, node: NodeProto) -> str:
    return next((str(name) for name in node.input if name in way.tensors), "")


def _tail(graph: Graph, way: Path, onward: Collection[str], node: NodeProto) -> list[NodeProto]:
    """What scales and shifts the channels of a layer, as far as nothing else on the path reads."""
    found: list[NodeProto] = []
    merged = 0
    axis, name = _channel_axis(graph, way, node), str(node.output[0])
    while axis is not None:
        readers = [n for n in graph.consumers.get(name, ()) if n.name in onward]
        if len(readers) != 1 or readers[0].domain not in STANDARD_DOMAINS:
            break
        (reader,) = readers
        if reader.op_type in MOVES:
            axis = _moved(graph, reader, axis)
        elif not _shifts_channels(graph, reader, name, axis):
            break
        found.append(reader)
        merged = merged if reader.op_type in MOVES else len(found)
        name = str(reader.output[0])
    return found[:merged]


def _channel_axis(graph: Graph, way: Path, node: NodeProto) -> int | None:
    """The axis of what a layer makes that counts its channels; None if there is none."""
    place = list(node.input).index(_variable(way, node))
    names = node.input[place], node.input[1 - place], node.output[0]
    ranks = [None if t is None else t.rank for t in map(graph.tensor, names)]
    x, weight, y = ranks
    if x is None or weight is None or y is None or weight < 2:
        return None
    if node.op_type != "MatMul":
        return 1
    return y - 1 if place == 0 or x == 1 else y - 2


def _moved(graph: Graph, node: NodeProto, axis: int) -> int | None:
    """Where a move brings an axis; None if it is not known."""
    x, y = graph.tensor(node.input[0]), graph.tensor(node.output[0])
    if x is None or x.rank is None or y is None or y.rank is None:
        return None
    if node.op_type == "Transpose":
        perm = list(attributes(node).get("perm") or reversed(range(x.rank)))
        return perm.index(axis)
    axes = graph.value(node.input[1]) if len(node.input) > 1 else None
    if axes is None:
        return None
    whole = max(x.rank, y.rank)
    kept = sorted(set(range(whole)) - {int(a) % whole for a in axes})
    if node.op_type == "Unsqueeze":
        return kept[axis]
    return kept.index(axis) if axis in kept else None


def _shifts_channels(graph: Graph, node: NodeProto, name: str, axis: int) -> bool:
    if node.op_type == "BatchNormalization":
        known = all(other in graph.constants for other in node.input[1:])
        return known and axis == 1 and not attributes(node).get("training_mode", 0)
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return False
    if node.op_type == "Div" and node.input[0] != name:
        return False
    other = graph.tensor(node.input[1] if node.input[0] == name else node.input[0])
    y, out = graph.tensor(name), graph.tensor(node.output[0])
    if other is None or other.name not in graph.constants or y is None or out is None:
        return False
    if y.rank is None or out.rank != y.rank:
        return False
    dims = (1,) * (y.rank - (other.rank or 0)) + tuple(other.shape or ())
    channels = (y.shape or ())[axis]
    return all(d == 1 or (a == axis and d == channels) for a, d in enumerate(dims))
