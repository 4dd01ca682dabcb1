"""One number of a tensor, followed back through the nodes that only move numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes, is_static

Index: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Element:
    """One number of a tensor.

    Attributes:
        tensor: its name.
        index: one number for each axis, the batch's included.
    """

    tensor: str
    index: Index


def moved_from(graph: Graph, element: Element) -> Element | None:
    """The element that a node has only moved to this place; None where its maker computes.

    Args:
        graph: canonical, of fixed shapes.
        element: of a tensor of it.
    """
    node = graph.producer.get(element.tensor)
    if node is None or node.domain not in STANDARD_DOMAINS or node.op_type not in _MOVES:
        return None
    tensors = [graph.tensor(name) for name in (node.input[0], element.tensor)]
    if any(tensor is None or not is_static(tensor.shape) for tensor in tensors):
        return None
    return _MOVES[node.op_type](graph, node, element)


def shape_of(graph: Graph, name: str) -> tuple[int, ...]:
    """The shape of a tensor of fixed shape; () where it is open or not known."""
    tensor = graph.tensor(name)
    if tensor is None or tensor.shape is None or not is_static(tensor.shape):
        return ()
    return tuple(int(d) for d in tensor.shape if isinstance(d, int))


def _same(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    return Element(str(node.input[0]), element.index)


def _reshaped(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    before, behind = shape_of(graph, node.input[0]), shape_of(graph, element.tensor)
    if math.prod(before) != math.prod(behind) or not before or not behind:
        return None
    flat = np.ravel_multi_index(element.index, behind)
    return Element(str(node.input[0]), tuple(map(int, np.unravel_index(flat, before))))


def _transposed(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    rank = len(element.index)
    order = attributes(node).get("perm") or [*reversed(range(rank))]
    index = [0] * rank
    for place, axis in zip(element.index, order, strict=True):
        index[axis] = place
    return Element(str(node.input[0]), tuple(index))


def _joined(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    axis = int(attributes(node)["axis"]) % len(element.index)
    place = element.index[axis]
    for name in node.input:
        shape = shape_of(graph, name)
        if not shape:
            return None
        if place < shape[axis]:
            return Element(str(name), _with(element.index, axis, place))
        place -= shape[axis]
    return None


def _parted(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    axis = int(attributes(node).get("axis", 0)) % len(element.index)
    start = 0
    for name in node.output:
        if name == element.tensor:
            place = start + element.index[axis]
            return Element(str(node.input[0]), _with(element.index, axis, place))
        shape = shape_of(graph, name)
        if not shape:
            return None
        start += shape[axis]
    return None


def _sliced(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    shape = shape_of(graph, node.input[0])
    names = [*node.input[1:], *[""] * 4]
    starts, _, axes, steps = (graph.value(name) if name else None for name in names[:4])
    if starts is None or (names[2] and axes is None) or (names[3] and steps is None):
        return None
    index = list(element.index)
    for number, start in enumerate(starts.tolist()):
        axis = number if axes is None else int(axes[number]) % len(shape)
        step = 1 if steps is None else int(steps[number])
        first = start + shape[axis] if start < 0 else start
        first = min(max(first, 0), shape[axis] - 1 if step < 0 else shape[axis])
        index[axis] = first + step * index[axis]
    return Element(str(node.input[0]), tuple(index))


def _gathered(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    indices, shape = graph.value(node.input[1]), shape_of(graph, node.input[0])
    if indices is None:
        return None
    axis = int(attributes(node).get("axis", 0)) % len(shape)
    rank = indices.ndim
    place = int(indices[element.index[axis : axis + rank]]) % shape[axis]
    index = (*element.index[:axis], place, *element.index[axis + rank :])
    return Element(str(node.input[0]), index)


def _expanded(graph: Graph, node: NodeProto, element: Element) -> Element | None:
    return Element(str(node.input[0]), broadcast(element.index, shape_of(graph, node.input[0])))


def _with(index: Index, axis: int, place: int) -> Index:
    return (*index[:axis], place, *index[axis + 1 :])


def broadcast(index: Sequence[int], shape: Sequence[int]) -> Index:
    """The index in an operand of this shape of what stands at an index of the result."""
    tail = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else place for place, size in zip(tail, shape, strict=True))


_Move: TypeAlias = Callable[[Graph, NodeProto, Element], Element | None]
_MOVES: dict[str, _Move] = {
    "Identity": _same,
    "Dropout": _same,
    "Cast": _same,
    "Reshape": _reshaped,
    "Flatten": _reshaped,
    "Squeeze": _reshaped,
    "Unsqueeze": _reshaped,
    "Transpose": _transposed,
    "Concat": _joined,
    "Split": _parted,
    "Slice": _sliced,
    "Gather": _gathered,
    "Expand": _expanded,
}
"""How the place of a number before a node follows from its place behind it."""
