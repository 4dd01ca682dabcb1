"""Linear layers: a convolution or product with weights, with what scales and shifts its channels.

Exporters write the bias of a layer as an Add behind it, now and then behind a Squeeze or Transpose,
and keep or fold a BatchNormalization; quantisers write the scales of a sum of whole numbers as a
Mul behind a Cast, computed at run time where they follow what the input holds. Seen as one, all of
them are y = w x + b.
"""

from __future__ import annotations

from collections.abc import Collection

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Tensor, attributes
from retrograph.ir.path import Composite, Path

_SINGLE = 4
"""The bytes of a float32."""

LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_KEEPS_STEPS = {
    "Sub",
    "Add",
    "Cast",
    "Pad",
    "MaxPool",
    "Reshape",
    "Transpose",
    "Flatten",
    "Squeeze",
}
_KEEPS_STEPS |= {"Unsqueeze", "Slice", "Gather", "Expand", "Tile", "Identity", "Split"}
"""What may stand between a quantiser and a sum of its whole numbers."""

MOVES = {"Squeeze", "Unsqueeze", "Transpose"}
"""What a layer's output may pass before it is scaled or shifted, and a Cast of short numbers."""


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


def step_of(graph: Graph, way: Path, name: str) -> str | None:
    """What one of a tensor's whole numbers stands for, where a quantiser on a path made them."""
    while (node := graph.producer.get(name)) is not None:
        variable = _variable(way, node)
        if node.name in graph.straight_through:
            scaled = graph.producer.get(variable)
            return str(scaled.input[1]) if scaled is not None and _divides(graph, scaled) else None
        if node.op_type not in _KEEPS_STEPS or sum(n in way.tensors for n in node.input) != 1:
            return None
        name = variable
    return None


def _divides(graph: Graph, node: NodeProto) -> bool:
    step = graph.tensor(node.input[1]) if node.op_type == "Div" else None
    return step is not None and step.shape is not None and all(d == 1 for d in step.shape)


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
        elif not _casts(graph, reader) and not _shifts_channels(graph, way, reader, axis):
            break
        found.append(reader)
        merged = merged if reader.op_type in {*MOVES, "Cast"} else len(found)
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


def _casts(graph: Graph, node: NodeProto) -> bool:
    """Whether a node is a Cast between types that are computed with in float32."""
    ends = graph.tensor(node.input[0]), graph.tensor(node.output[0])
    short = all(t is not None and t.is_float and t.dtype.itemsize <= _SINGLE for t in ends)
    return node.op_type == "Cast" and short


def _shifts_channels(graph: Graph, way: Path, node: NodeProto, axis: int) -> bool:
    """Whether a node scales or shifts each channel by a number that nothing explained flows to."""
    if node.op_type == "BatchNormalization":
        known = all(other in graph.constants for other in node.input[1:])
        return known and axis == 1 and not attributes(node).get("training_mode", 0)
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return False
    name, others = _variable(way, node), [n for n in node.input if n not in way.tensors]
    if len(others) != 1 or (node.op_type == "Div" and node.input[0] != name):
        return False
    other, y = graph.tensor(others[0]), graph.tensor(name)
    out = graph.tensor(node.output[0])
    if other is None or y is None or out is None:
        return False
    return y.rank is not None and out.rank == y.rank and _is_along(other, y, axis)


def _is_along(other: Tensor, y: Tensor, axis: int) -> bool:
    """Whether a tensor beside y holds one number, or one for each place along an axis."""
    if other.shape is None or y.shape is None or len(other.shape) > len(y.shape):
        return False
    dims = (1,) * (len(y.shape) - len(other.shape)) + other.shape
    return all(d == 1 or (a == axis and d == y.shape[axis]) for a, d in enumerate(dims))
