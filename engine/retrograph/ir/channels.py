"""Which axis of a tensor counts channels: exporters write [N, C, *S] and [N, *S, C]."""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.graph import Graph, Tensor, attributes

_COLOURS = (1, 3)

_LAYOUT_KEEPING = frozenset(
    ("Relu", "Clip", "Add", "Mul", "Sub", "Div", "Sigmoid", "Tanh", "LeakyRelu", "Identity", "Cast")
)


def channel_axis(graph: Graph, name: str, rank: int) -> int:
    """The axis of an item that counts channels: the first, or the last where layout is NHWC."""
    node = graph.producer.get(name)
    while node is not None and node.op_type in _LAYOUT_KEEPING:
        node = graph.producer.get(node.input[0])
    if node is not None and rank >= 2 and _perm(node) == [0, *range(2, rank + 1), 1]:
        return rank - 1
    return 0


def input_channels(graph: Graph, tensor: Tensor) -> int | None:
    """The axis of an input [N, ...] that counts channels; None where it has none.

    The last one if it is brought to the front, or if it has as many channels as a picture and
    the first has not.
    """
    rank = tensor.rank or 0
    if rank < 3:
        return None
    assert tensor.shape is not None
    waiting, seen = [tensor.name], set()
    while waiting:
        name = waiting.pop()
        for node in graph.consumers.get(name, []):
            if _perm(node) == [0, rank - 1, *range(1, rank - 1)]:
                return rank - 1
            if node.op_type in _LAYOUT_KEEPING and node.output[0] not in seen:
                seen.add(node.output[0])
                waiting.append(node.output[0])
    last = tensor.shape[-1] in _COLOURS and tensor.shape[1] not in _COLOURS
    return rank - 1 if last and rank == 4 else 1


def _perm(node: NodeProto) -> list[int] | None:
    return attributes(node).get("perm") if node.op_type == "Transpose" else None
