"""What puts elements elsewhere, by lengths, places or what they are.   x: any shape."""

from __future__ import annotations

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import put
from retrograph.vjp.registry import Cotangents, Node, defvjp


@defvjp("ReverseSequence")
def reverse_sequence(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct, reversed likewise"""
    batch, time = int(node.attrs["batch_axis"]), int(node.attrs["time_axis"])
    return e.emit("ReverseSequence", ct, node.input(1), batch_axis=batch, time_axis=time), None


@defvjp("TensorScatter")
def tensor_scatter(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dpast = ct, 0 where the update went;   dupdate = ct where it went

    past: [N, .., S, ..], update: [N, .., s, ..], places: int64 [N]
    """
    axis, rank = node.axis(-2), node.rank()
    steps = e.range(e.dim(node.input(1), axis))
    first = node.input(2) if node.has(2) else e.constant_of_shape(e.dim(ct, 0), 0, INT64)
    where = e.add(e.unsqueeze(first, [1]), e.unsqueeze(steps, [0]))
    if node.attrs["mode"] == "circular":
        where = e.mod(where, e.dim(node.x, axis))
    line = e.reshape(where, [0, *(-1 if a == axis else 1 for a in range(1, rank))])
    place = e.expand(line, e.concat([e.ints([1]), e.sizes(node.input(1), 1)], axis=0))
    taken = e.emit("GatherElements", ct, place, axis=axis)
    kept = e.emit("ScatterElements", ct, place, e.mul(taken, 0.0), axis=axis)
    return [kept, taken, None][: len(node.inputs)]


@defvjp("Unique")
def unique(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct at the first occurrences, 0 elsewhere

    Equal numbers are a set without area; beside it, y is a permutation of x.
    """
    first = node.outputs[1] if len(node.outputs) > 1 else None
    if first is None:
        first = e.emit_many("Unique", node.x, dtypes=[node.x.dtype, INT64], **node.attrs)[1]
    if node.attrs.get("axis") is not None:
        axis = node.axis()
        return (put(e, ct, first, axis, node.rank(), e.dim(node.x, axis)),)
    size = e.reshape(e.emit("Size", node.x, dtype=INT64), [1])
    return (e.reshape_like(put(e, ct, first, 0, 1, size), node.x),)
