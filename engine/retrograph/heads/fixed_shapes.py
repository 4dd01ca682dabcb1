"""A graph whose input has one size: so every shape behind it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import ModelProto

from retrograph.ir.analysis.untyped_outputs import guess_types
from retrograph.ir.graph import Graph, is_static
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.preprocess import InputAxes

USUAL_SIDE = 320
"""Height and width of a picture where the model leaves them open."""


def sized(axes: InputAxes, size: Sequence[int] = ()) -> tuple[list[int], tuple[int, int] | None]:
    """The shape of a batch of one item of an input, and its height and width.

    Args:
        axes: of the input.
        size: height and width, where they are open; the usual ones if they are not given.

    Returns:
        The shape, and the size; None for what has no height and width. Four axes of which nothing
        tells what they count are taken for [N, C, H, W].
    """
    spatial = _spatial(axes)
    sides = dict(zip(spatial, size or (USUAL_SIDE, USUAL_SIDE), strict=False))
    item = [d if isinstance(d, int) else sides.get(axis, 1) for axis, d in enumerate(axes.item)]
    return [1] * int(axes.batched) + item, frame_of(axes, item)


def frame_of(axes: InputAxes, item: Sequence[int]) -> tuple[int, int] | None:
    """Height and width of an item of an input; None for what has none.

    Args:
        axes: of the input.
        item: the shape of the item.
    """
    spatial = _spatial(axes)
    return (int(item[spatial[0]]), int(item[spatial[1]])) if spatial else None


def _spatial(axes: InputAxes) -> tuple[int, ...]:
    """The axes of an item that are height and width; () where there are none."""
    if len(axes.spatial) == 2:
        return axes.spatial
    return (len(axes.item) - 2, len(axes.item) - 1) if len(axes.shape) == 4 else ()


def is_fixed(graph: Graph) -> bool:
    """Whether the shapes of all outputs are known."""
    tensors = [graph.tensor(name) for name in graph.output_names()]
    return all(tensor is not None and is_static(tensor.shape) for tensor in tensors)


def fixed_graph(proto: ModelProto, shapes: Mapping[str, Sequence[int]]) -> Graph:
    """The canonical graph of a model for inputs of these shapes.

    Args:
        proto: the model.
        shapes: of inputs, by their names; what is open of others becomes 1.
    """
    twin = ModelProto()
    twin.CopyFrom(proto)
    constants = {tensor.name for tensor in twin.graph.initializer}
    for info in twin.graph.input:
        if info.name in constants or not info.type.HasField("tensor_type"):
            continue
        dims = info.type.tensor_type.shape.dim
        for axis, dim in enumerate(dims):
            if not dim.HasField("dim_value"):
                known = shapes.get(info.name, ())
                dim.dim_value = int(known[axis]) if len(known) == len(dims) else 1
    del twin.graph.value_info[:]
    for info in twin.graph.output:
        if info.type.HasField("tensor_type"):
            info.type.tensor_type.ClearField("shape")
    graph = canonicalize(twin)
    guess_types(graph)
    return graph
