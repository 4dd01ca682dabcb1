"""What is taken along the front axes of a Transpose is taken before it.

Exporters turn axes to the front to take parts along them: query, key and value of an attention, or
x[:, :, i, j] with arrays of places. Taken before the Transpose, the batch stays in front; and so it
does where tensors are stacked behind their leading axis and then turned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, Tensor, attributes
from retrograph.ir.passes.expand.steps import Steps

_Take = Callable[[Graph, NodeProto, str, list[int]], list[NodeProto] | None]


def take_first(graph: Graph) -> Graph:
    """A graph that takes before a Transpose of the leading axis what the given one takes behind it.

    The given one, whose tensors it keeps, stays as it is.
    """
    whole = graph.copy()
    turned: dict[str, tuple[str, list[int]]] = {}
    whole.nodes = []
    for node in graph.nodes:
        for one in _rewritten(whole, node, turned) or [node]:
            whole.nodes.append(one)
            perm = attributes(one).get("perm") if one.op_type == "Transpose" else None
            if perm:
                _type_source(whole, one, perm)
            if perm and perm[0]:
                turned[one.output[0]] = (one.input[0], perm)
    whole.index()
    return whole


def _rewritten(
    graph: Graph, node: NodeProto, turned: dict[str, tuple[str, list[int]]]
) -> list[NodeProto] | None:
    if node.domain not in STANDARD_DOMAINS:
        return None
    if node.op_type == "Concat":
        return _stack(graph, node)
    if node.op_type not in _TAKES or node.input[0] not in turned:
        return None
    return _TAKES[node.op_type](graph, node, *turned[node.input[0]])


def _type_source(graph: Graph, node: NodeProto, perm: list[int]) -> None:
    """The type of what a Transpose of ours reads, by that of what it makes."""
    made, source = graph.tensor(node.output[0]), node.input[0]
    if made is not None and graph.tensor(source) is None:
        shape = made.shape and tuple(made.shape[perm.index(i)] for i in range(len(perm)))
        graph.types[source] = Tensor(source, made.dtype, shape)


def _turn(steps: Steps, x: str, perm: list[int], taken: int, put: int) -> str:
    """The Transpose of x, in which `put` axes stand in the place of the first `taken` of `perm`."""
    front = perm[0]
    others = [axis if axis < front else axis - taken + put for axis in perm[taken:]]
    return steps.add("Transpose", x, perm=[*range(front, front + put), *others])


def _stack(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    """Tensors stacked along a new leading axis: stacked behind the leading one, and turned."""
    whole = graph.tensor(node.output[0])
    if whole is None or whole.rank is None or whole.rank < 2:
        return None
    parts = [graph.producer.get(name) for name in node.input]
    stacked = [part.input[0] for part in parts if part is not None and _adds_front(graph, part)]
    if attributes(node)["axis"] % whole.rank or len(stacked) < len(parts):
        return None
    steps = Steps(graph, node)
    behind = [steps.add("Unsqueeze", x, steps.ints([1])) for x in stacked]
    for name, x in zip(behind, map(graph.tensor, stacked), strict=True):
        if x is not None and x.shape is not None:
            graph.types[name] = Tensor(name, x.dtype, (x.shape[0], 1, *x.shape[1:]))
    both = steps.add("Concat", *behind, axis=1)
    return steps.finish(steps.add("Transpose", both, perm=[1, 0, *range(2, whole.rank)]))


def _adds_front(graph: Graph, node: NodeProto) -> bool:
    axes = graph.value(node.input[1]) if node.op_type == "Unsqueeze" else None
    return axes is not None and axes.tolist() == [0]


def _transpose(graph: Graph, node: NodeProto, x: str, perm: list[int]) -> list[NodeProto] | None:
    second = attributes(node).get("perm")
    if second is None:
        return None
    both = [perm[axis] for axis in second]
    return [helper.make_node("Transpose", [x], node.output, name=node.name, perm=both)]


def _gather(graph: Graph, node: NodeProto, x: str, perm: list[int]) -> list[NodeProto] | None:
    index = graph.tensor(node.input[1])
    if attributes(node).get("axis", 0) % len(perm) or index is None or index.rank is None:
        return None
    steps = Steps(graph, node)
    part = steps.add("Gather", x, node.input[1], axis=perm[0])
    return steps.finish(_turn(steps, part, perm, 1, index.rank))


def _split(graph: Graph, node: NodeProto, x: str, perm: list[int]) -> list[NodeProto] | None:
    attrs = attributes(node)
    if attrs.get("axis", 0) % len(perm):
        return None
    steps, attrs = Steps(graph, node), attrs | {"axis": perm[0]}
    parts = steps.add_many("Split", x, *node.input[1:], count=len(node.output), **attrs)
    return steps.finish(*(_turn(steps, part, perm, 1, 1) for part in parts))


def _along(graph: Graph, node: NodeProto, x: str, perm: list[int]) -> list[NodeProto] | None:
    """Squeeze and reductions of the front axis alone."""
    axes = graph.value(node.input[1]) if len(node.input) > 1 else None
    if axes is None or axes.size != 1 or axes.item() % len(perm):
        return None
    steps, attrs = Steps(graph, node), attributes(node)
    part = steps.add(node.op_type, x, steps.ints([perm[0]]), **attrs)
    kept = 0 if node.op_type == "Squeeze" else attrs.get("keepdims", 1)
    return steps.finish(_turn(steps, part, perm, 1, kept))


def _gather_nd(graph: Graph, node: NodeProto, x: str, perm: list[int]) -> list[NodeProto] | None:
    """As a Gather along the axes as one, where they stand together and their sizes are known."""
    index, source = graph.value(node.input[1]), graph.tensor(x)
    if index is None or source is None or not source.shape or attributes(node).get("batch_dims", 0):
        return None
    front, taken = perm[0], index.shape[-1]
    sizes = [d for d in source.shape[front : front + taken] if isinstance(d, int)]
    behind = [d if isinstance(d, int) else -1 for d in source.shape[front + taken :]]
    together = perm[:taken] == list(range(front, front + taken)) and len(sizes) == taken
    if not together or 0 in [*sizes, *behind] or behind.count(-1) > 1:
        return None
    if ((index < -np.array(sizes)) | (index >= sizes)).any():
        return None
    steps = Steps(graph, node)
    places = steps.ints(_as_one(index % sizes, sizes))
    line = steps.add("Reshape", x, steps.ints([*[0] * front, math.prod(sizes), *behind]))
    kept = source.shape[:front], source.shape[front + taken :]
    graph.types[line] = Tensor(line, source.dtype, (*kept[0], math.prod(sizes), *kept[1]))
    part = steps.add("Gather", line, places, axis=front)
    return steps.finish(_turn(steps, part, perm, taken, index.ndim - 1))


def _as_one(index: Array, sizes: Sequence[int]) -> Array:
    """Indices [.., len(sizes)] into axes of these sizes as indices [..] into one."""
    strides = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    return index @ np.array(strides, np.int64)


_TAKES: dict[str, _Take] = {
    "Transpose": _transpose,
    "Gather": _gather,
    "Split": _split,
    **dict.fromkeys(("Squeeze", "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"), _along),
    "GatherND": _gather_nd,
}
