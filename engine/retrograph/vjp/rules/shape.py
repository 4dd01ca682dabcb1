"""Moving elements without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from retrograph.ir.emit import FLOAT64, INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.broadcast import sum_to_shape
from retrograph.vjp.lowering.channel_slices import channels
from retrograph.vjp.lowering.linear_maps import add_at
from retrograph.vjp.registry import (
    Cotangents,
    Node,
    Unsupported,
    defvjp,
    defvjp_multi,
    shape_of,
)


@defvjp("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def reshape(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct in the shape of x"""
    return [e.reshape_like(ct, node.x), *[None] * (len(node.inputs) - 1)]


@defvjp("Transpose")
def transpose(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct, transposed back"""
    perm = node.attrs.get("perm") or list(range(node.rank()))[::-1]
    return (e.transpose(ct, [int(i) for i in np.argsort(perm)]),)


@defvjp("Expand")
def expand(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = sum of ct over the repeated axes"""
    whole = shape_of(node.y)
    return sum_to_shape(e, ct, node.x, whole, [whole]), None


@defvjp("Tile")
def tile(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = sum of ct over the copies"""
    repeats = node.value(1)
    if repeats is None:
        return _untiled(e, node, ct), None
    parts: list[Tensor] = []
    copies: list[int] = []
    for axis, times in enumerate(repeats.tolist()):
        if times > 1:
            copies.append(len(parts))
            parts.append(e.ints([times]))
        parts.append(e.ints([-1]) if axis == 0 else e.dim(node.x, axis))
    summed = e.reduce_sum(e.reshape(ct, e.concat(parts, axis=0)), copies, keepdims=False)
    return summed, None


def _untiled(e: Emitter, node: Node, ct: Tensor) -> Tensor:
    """The sum over copies whose numbers only run time tells: [r_0, d_0, r_1, d_1, ..] in turns."""
    sizes = [e.dim(node.x, axis) for axis in range(1, node.rank())]
    count = e.slice(node.input(1), [0], [1], [0])
    first = e.div(e.dim(replace(ct, shape=None), 0), count)
    whole = e.concat([first, *sizes], axis=0)
    turns = e.concat([e.unsqueeze(node.input(1), [1]), e.unsqueeze(whole, [1])], axis=1)
    parts = e.reshape(ct, e.reshape(turns, [-1]))
    return e.reduce_sum(parts, list(range(0, 2 * node.rank(), 2)), keepdims=False)


@defvjp("Concat")
def concat(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx_i = the slice of ct that came from x_i"""
    axis = node.axis()
    widths = [_size(x, axis) for x in node.inputs]
    if axis == 1 and all(width is not None for width in widths):
        ends = list(accumulate(width or 0 for width in widths))
        return [channels(e, ct, a, b) for a, b in zip([0, *ends], ends, strict=False)]
    cts: list[Tensor | None] = []
    start = e.ints([0])
    for i in range(len(node.inputs)):
        end = e.add(start, e.dim(node.input(i), axis))
        cts.append(e.slice(ct, start, end, [axis]))
        start = end
    return cts


def _size(tensor: Tensor | None, axis: int) -> int | None:
    """How long an axis is, None where that is open."""
    size = None if tensor is None or tensor.shape is None else tensor.shape[axis]
    return size if isinstance(size, int) else None


@defvjp_multi("Split")
def split(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """dx = the cotangents of the parts, joined"""
    axis = node.axis()
    like = next(ct for ct in cts if ct is not None)
    parts = []
    for ct, y in zip(cts, node.outputs, strict=True):
        if ct is None:
            assert y is not None
            before = e.sizes(like, 0, axis) if axis else None
            after = e.sizes(like, axis + 1) if axis + 1 < node.rank() else None
            shape = [t for t in (before, e.dim(y, axis), after) if t is not None]
            ct = e.constant_of_shape(e.concat(shape, axis=0), 0.0, like.dtype)
        parts.append(ct)
    return [e.concat(parts, axis), *[None] * (len(node.inputs) - 1)]


@defvjp("Pad")
def pad(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct with the padding taken off; what a border copied is added back

    dvalue = the sum of ct over the padding.
    """
    value = _padding_sum(e, node, ct) if 2 in node.wanted else None
    rest = [None, value, None][: len(node.inputs) - 1]
    if node.attrs.get("mode", "constant") == "constant":
        rank, named = node.rank(), node.value(3)
        if node.has(3) and named is None:
            raise Unsupported("its axes are computed at run time; export with constant axes")
        axes = list(range(rank)) if named is None else [int(a) % rank for a in named]
        pads = node.value(1)
        taken = e.neg(node.input(1)) if pads is None else [-int(p) for p in pads]
        return [e.pad(ct, taken, axes, rank), *rest]
    return [_copied_back(e, node, ct), *rest]


def _padding_sum(e: Emitter, node: Node, ct: Tensor) -> Tensor:
    inside = e.constant_of_shape(e.sizes(node.x, 0), 0.0, ct.dtype)
    outside = e.emit("Pad", inside, node.input(1), e.const(1, ct.dtype), *node.inputs[3:])
    total = e.reduce_sum(e.mul(ct, outside), list(range(node.rank())), keepdims=False)
    return e.reshape_like(total, node.input(2))


def _copied_back(e: Emitter, node: Node, ct: Tensor) -> Tensor:
    """The transpose of reflect, edge or wrap, an axis at a time.

    Pad of the positions themselves tells where each padded position was copied from.
    """
    pads, axes = node.value(1), node.value(3)
    if pads is None or (node.has(3) and axes is None):
        raise Unsupported("its pads are computed at run time; export with static shapes")
    where = list(range(node.rank())) if axes is None else [int(a) % node.rank() for a in axes]
    for i, axis in enumerate(where):
        around = [int(pads[i]), int(pads[i + len(where)])]
        if any(around):
            size = e.dim(node.x, axis)
            number = e.cast(e.range(size), FLOAT64)  # CUDA pads no whole numbers
            source = e.emit("Pad", number, e.ints(around), mode=node.attrs["mode"])
            source = e.cast(source, INT64)
            ct = add_at(e, ct, source, axis, node.rank(), size)
    return ct


@defvjp("DepthToSpace")
def depth_to_space(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct, its blocks moved back into channels   (x: [N, C b b, H, W], ct: [N, C, H b, W b])"""
    block = int(node.attrs["blocksize"])
    packed = _packed(e, node, ct, block)
    if node.attrs.get("mode", "DCR") == "DCR":
        return (packed,)
    sizes = e.sizes(node.x, 2)
    split = e.reshape(packed, e.concat([e.ints([0, block * block, -1]), sizes], axis=0))
    return (e.reshape_like(e.transpose(split, [0, 2, 1, 3, 4]), node.x),)


def _packed(e: Emitter, node: Node, ct: Tensor, block: int) -> Tensor:
    """SpaceToDepth, which WebGPU has not"""
    if e.device != "web":
        return e.emit("SpaceToDepth", ct, blocksize=block)
    side = e.ints([block])
    parts = [e.ints([0, -1]), e.dim(node.x, 2), side, e.dim(node.x, 3), side]
    blocks = e.reshape(ct, e.concat(parts, axis=0))
    return e.reshape_like(e.transpose(blocks, [0, 3, 5, 1, 2, 4]), node.x)


@defvjp("SpaceToDepth")
def space_to_depth(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct, its channels moved back into blocks"""
    mode = node.attrs.get("mode", "DCR")
    return (e.emit("DepthToSpace", ct, blocksize=int(node.attrs["blocksize"]), mode=mode),)
