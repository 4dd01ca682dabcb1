"""Which axis of a tensor counts channels: exporters write [N, C, *S] and [N, *S, C]."""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.analysis.positions import channels_of_input, positions
from retrograph.ir.graph import Graph, Tensor, attributes

_COLOURS = (1, 3)

_LAYOUT_KEEPING = frozenset(
    ("Relu", "Clip", "Add", "Mul", "Sub", "Div", "Sigmoid", "Tanh", "LeakyRelu", "Identity", "Cast")
)


def channel_axis(graph: Graph, name: str, rank: int) -> int:
    """The axis of an item that counts channels: the one without positions of an input.

    Where that is not known, or there is no batch axis: the only one that is longer than 1, else the
    first, or the last behind a Transpose to NHWC.
    """
    tensor = graph.tensor(name)
    batched = int(tensor is not None and tensor.rank == rank + 1)
    item = () if tensor is None or tensor.shape is None else tensor.shape[-rank:]
    long = [axis for axis, size in enumerate(item) if size != 1]
    if len(long) == 1 and not batched:
        return long[0]
    for source in graph.input_names():
        for found in positions(graph, source):
            axis = found.channel_axis(name)
            if axis is not None:
                return axis - batched
    if len(long) == 1:
        return long[0]
    node = graph.producer.get(name)
    while node is not None and node.op_type in _LAYOUT_KEEPING:
        node = graph.producer.get(node.input[0])
    if node is not None and rank >= 2 and _perm(node) == [0, *range(2, rank + 1), 1]:
        return rank - 1
    return 0


def input_channels(graph: Graph, tensor: Tensor) -> int | None:
    """The axis of an input that counts channels; None where it has none.

    Where no operator tells, that of [N, C, *S], or the last one if it has as many channels as a
    picture and the first has not.
    """
    told, axis = channels_of_input(graph, tensor.name)
    if told:
        return axis
    rank = tensor.rank or 0
    if rank < 3:
        return None
    assert tensor.shape is not None
    last = tensor.shape[-1] in _COLOURS and tensor.shape[1] not in _COLOURS
    return rank - 1 if last and rank == 4 else 1


def _perm(node: NodeProto) -> list[int] | None:
    return attributes(node).get("perm") if node.op_type == "Transpose" else None
