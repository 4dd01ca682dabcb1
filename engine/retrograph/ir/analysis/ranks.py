"""Shapes that ONNX's inference does not give, not even their ranks."""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.lost_axes import losing_axes, squeezed, squeezes_all
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Shape, Tensor, attributes


def type_unranked(graph: Graph) -> bool:
    """Give ranks to what has none: DFT, STFT, MaxUnpool, Squeeze; True if any was given.

    What is typed as in a larger batch, and loses axes in one of 1, is noted (`losing`).
    """
    graph.losing = losing_axes(graph)
    new = {}
    for node in graph.nodes:
        if node.op_type not in _SHAPES or node.domain not in STANDARD_DOMAINS:
            continue
        x, y = graph.tensor(node.input[0]), graph.tensor(node.output[0])
        if x is not None and x.shape and (y is None or y.shape is None):
            shape = _SHAPES[node.op_type](graph, node, x.shape)
            if shape is not None:
                new[node.output[0]] = Tensor(node.output[0], x.dtype, shape)
    added = {name: tensor for name, tensor in new.items() if name not in graph.behind_bodies}
    if added:
        graph.behind_bodies |= added
        shape_inference.infer_types(graph)
    return bool(added)


def _squeeze(graph: Graph, node: NodeProto, x: Shape) -> Shape | None:
    source = graph.tensor(node.input[0])
    return squeezed(graph, source) if source is not None and squeezes_all(graph, node) else None


def _stft(graph: Graph, node: NodeProto, x: Shape) -> Shape:
    return (x[0], None, None, 2)


def _dft(graph: Graph, node: NodeProto, x: Shape) -> Shape:
    """As many axes as x; none of them is known where the transform's own is not."""
    attrs = attributes(node)
    parts = 1 if attrs.get("inverse", 0) and attrs.get("onesided", 0) else 2
    axis = dft_axis(graph, node)
    if axis is None:
        return (*[None] * (len(x) - 1), parts)
    return (*(None if i == axis % len(x) else d for i, d in enumerate(x[:-1])), parts)


def dft_axis(graph: Graph, node: NodeProto) -> int | None:
    """The axis of a DFT, an attribute until opset 19 and an input since; None if not constant."""
    axis: int = attributes(node).get("axis", 1 if graph.opset < 20 else -2)
    if len(node.input) < 3 or not node.input[2]:
        return axis
    given = graph.value(node.input[2])
    return None if given is None else int(given.reshape(-1)[0])


def _max_unpool(graph: Graph, node: NodeProto, x: Shape) -> Shape:
    """The sizes in the input `output_shape`, of which only run time tells where not constant."""
    sizes = graph.value(node.input[2]) if len(node.input) > 2 else None
    return (*x[:2], *[None] * (len(x) - 2)) if sizes is None else tuple(sizes.tolist())


_SHAPES = {"DFT": _dft, "MaxUnpool": _max_unpool, "STFT": _stft, "Squeeze": _squeeze}
