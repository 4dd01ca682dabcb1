"""Elements picked by index, one by one.   x: any shape."""

from __future__ import annotations

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Rows, Tensor
from retrograph.vjp.lowering.linear_maps import put, scatter_add, wide
from retrograph.vjp.registry import Cotangents, Node, defvjp


@defvjp("GatherND")
def gather_nd(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[index] += ct"""
    zeros = e.constant_of_shape(e.sizes(node.x, 0), 0.0, wide(ct.dtype))
    parts = e.cast(ct, wide(ct.dtype))
    dx = e.emit("ScatterND", zeros, _whole_index(e, node), parts, reduction="add")
    return e.cast(dx, ct.dtype), None


def _whole_index(e: Emitter, node: Node) -> Tensor:
    """The indices with those of the batch axes before them:   [*B, .., q] -> [*B, .., b + q]"""
    index, rank = node.input(1), node.rank(1)
    lead = e.concat([e.sizes(index, 0, rank - 1), e.ints([1])], axis=0)
    parts = []
    for axis in range(int(node.attrs.get("batch_dims", 0))):
        number = e.range(e.dim(index, axis))
        column = e.reshape(number, [-1 if a == axis else 1 for a in range(rank)])
        parts.append(e.expand(column, lead))
    return e.concat([*parts, index], axis=-1)


@defvjp("TopK")
def top_k(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[.., index, ..] = ct"""
    index = node.outputs[1]
    assert index is not None
    sizes = e.sizes(node.x, 0)
    if node.x.rows is not Rows.SHARED:
        sizes = e.concat([e.dim(ct, 0), e.sizes(node.x, 1)], axis=0)
    return scatter_add(e, sizes, index, ct, node.axis(-1)), None


@defvjp("Compress")
def compress(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct at the kept positions, 0 elsewhere"""
    kept = e.reshape(e.emit("NonZero", node.input(1), dtype=INT64), [-1])
    if node.attrs.get("axis") is not None:
        axis = node.axis()
        return put(e, ct, kept, axis, node.rank(), e.dim(node.x, axis)), None
    size = e.reshape(e.emit("Size", node.x, dtype=INT64), [1])
    return e.reshape_like(put(e, ct, kept, 0, 1, size), node.x), None
