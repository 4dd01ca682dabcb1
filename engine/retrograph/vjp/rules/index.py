"""Taking a part of a tensor."""

from __future__ import annotations

import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Rows, Tensor
from retrograph.vjp.lowering.linear_maps import add_at, put, scatter_add
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, shape_of


@defvjp("Slice")
def slice_(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct at the taken positions, 0 elsewhere"""
    count = _number_of_axes(node)
    axes = node.value(3)
    if node.has(3) and axes is None:
        raise Unsupported("its axes are computed at run time; export with constant axes")
    where = list(range(count)) if axes is None else [int(a) % node.rank() for a in axes]
    for i, axis in enumerate(where):
        if axis == 0 and node.x.rows is not Rows.SHARED:
            continue  # it takes all rows, or it would not have come here
        pads = _margins(node, i, axis)
        if pads is not None:
            ct = e.pad(ct, pads, [axis], node.rank()) if any(pads) else ct
            continue
        size = e.dim(node.x, axis)
        places = [j for j in (1, 2, 4) if node.has(j)]
        one = [e.cast(e.slice(node.input(j), [i], [i + 1], [0]), size.dtype) for j in places]
        taken = e.emit("Slice", e.range(size), *one[:2], e.ints([0]), *one[2:])
        ct = put(e, ct, taken, axis, node.rank(), size)
    return [ct, *[None] * (len(node.inputs) - 1)]


def _number_of_axes(node: Node) -> int:
    shapes = [shape_of(node.input(i)) for i in (1, 2, 3) if node.has(i)]
    if any(len(shape) != 1 for shape in shapes):
        raise Unsupported("its starts and ends must have one axis; give Slice lists of numbers")
    counts = {shape[0] for shape in shapes}
    known = [c for c in counts if isinstance(c, int)]
    if not known:
        raise Unsupported("how many axes it cuts is not known; export with static shapes")
    return known[0]


def _margins(node: Node, i: int, axis: int) -> list[int] | None:
    """What lies before and behind a slice with step 1; None where only run time tells."""
    starts, ends, steps = node.value(1), node.value(2), node.value(4)
    size = shape_of(node.x)[axis]
    if starts is None or ends is None or (node.has(4) and steps is None):
        return None
    if steps is not None and steps[i] != 1:
        return None
    if starts[i] == 0 and ends[i] >= 10**9:
        return [0, 0]
    if not isinstance(size, int):
        return None
    start, end, _ = slice(int(starts[i]), int(ends[i])).indices(size)
    return [start, size - max(start, end)]


@defvjp("Gather")
def gather(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[i] = sum of ct over the places that took i"""
    axis, rank = node.axis(), node.rank()
    size = e.dim(node.x, axis)
    index = e.cast(e.reshape(node.input(1), [-1]), size.dtype)
    before, after = e.sizes(node.x, 0, axis), e.sizes(node.x, axis + 1)
    if axis:
        before = e.concat([e.ints([-1]), e.sizes(node.x, 1, axis)], axis=0)
        length = e.emit("Size", index, dtype=size.dtype)
        middle = e.reshape(length, [1])
    else:
        middle = e.ints([-1])
    parts = [t for t, n in ((before, axis), (middle, 1), (after, rank - axis - 1)) if n]
    line = e.reshape(ct, e.concat(parts, axis=0))
    if _takes_each_once(node):
        return put(e, line, index, axis, rank, size), None
    return add_at(e, line, index, axis, rank, size), None


def _takes_each_once(node: Node) -> bool:
    index, size = node.value(1), shape_of(node.x)[node.axis()]
    if index is None:
        return False
    if isinstance(size, int):
        index = index % size
    elif (index < 0).any() and (index >= 0).any():
        return False
    return bool(np.unique(index).size == index.size)


@defvjp("GatherElements")
def gather_elements(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[.., index, ..] += ct"""
    sizes = e.sizes(node.x, 0)
    if node.x.rows is not Rows.SHARED:
        sizes = e.concat([e.dim(ct, 0), e.sizes(node.x, 1)], axis=0)
    return scatter_add(e, sizes, node.input(1), ct, node.axis()), None
