"""Elements picked and placed by index, one by one.   x: any shape."""

from __future__ import annotations

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Rows, Tensor
from retrograph.vjp.linear import put, scatter_add, wide
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp


@defvjp("GatherND")
def gather_nd(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[index] += ct"""
    if node.attrs.get("batch_dims", 0):
        raise Unsupported(f"batch_dims={node.attrs['batch_dims']}; supported: 0")
    zeros = e.constant_of_shape(e.sizes(node.x, 0), 0.0, wide(ct.dtype))
    parts = e.cast(ct, wide(ct.dtype))
    dx = e.emit("ScatterND", zeros, node.input(1), parts, reduction="add")
    return e.cast(dx, ct.dtype), None


@defvjp("ScatterND")
def scatter_nd(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct, 0 where an update replaced it;   dupdates = ct[index]"""
    kept = _kept(node)
    taken = e.emit("GatherND", ct, node.input(1))
    if not kept:
        nothing = e.mul(taken, 0.0)
        ct = e.emit("ScatterND", ct, node.input(1), nothing)
    return ct, None, taken


@defvjp("ScatterElements")
def scatter_elements(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct, 0 where an update replaced it;   dupdates = ct[.., index, ..]"""
    kept, axis = _kept(node), node.axis()
    taken = e.emit("GatherElements", ct, node.input(1), axis=axis)
    if not kept:
        nothing = e.mul(taken, 0.0)
        ct = e.emit("ScatterElements", ct, node.input(1), nothing, axis=axis)
    return ct, None, taken


def _kept(node: Node) -> bool:
    """Whether the data stay below the updates (reduction add)."""
    reduction = node.attrs.get("reduction", "none")
    if reduction not in ("none", "add"):
        raise Unsupported(f"reduction='{reduction}'; supported: none and add")
    return bool(reduction == "add")


@defvjp("TopK")
def top_k(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[.., index, ..] = ct"""
    index = node.outputs[1]
    if index is None or not index.name:
        raise Unsupported("its second output, the indices, is left out; name it in the model")
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
