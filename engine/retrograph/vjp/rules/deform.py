"""Convolutions at moving places, and columns put together.

x: [N, C, *I], w: [M, C/g, *K], offset: [N, G * K * r, *O], mask: [N, G * K, *O], y, ct: [N, M, *O],
with K places in a kernel of r axes, and G = offset_group.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.interpolation import Interpolation, motion, read, spread, taps
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.lowering.window import Window, window_of
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, static_shape


@defvjp("DeformConv")
def deform_conv(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """The transposes of  y = w . (mask * col),  col = x read at the kernel's places + offset

    dcol = mask * w^T ct,   dx[i] += dcol * weight of i,   doffset = sum of dcol * d col / d place,
    dmask = sum of w^T ct * col,   dw = ct (mask * col)^T,   db = sum of ct
    """
    groups, dtype = int(node.attrs["offset_group"]), wide(ct.dtype)
    m, _, *kernel = static_shape(node.input(1))
    window = window_of(node, tuple(kernel))
    x, offset, mask = _with_rows_of_each_other(node)
    places = _places(e, node, window, e.cast(offset, dtype))
    found = taps(e, places, e.sizes(x, 2), window.rank, Interpolation())
    wide_ct = e.reshape(e.cast(ct, dtype), [0, m, -1])
    ungated = _transposed_product(e, node, wide_ct, groups)
    flat = e.reshape(e.cast(x, dtype), [0, groups, _channels(node) // groups, -1])
    values = read(e, flat, found)
    col = e.reduce_sum(e.mul(values, e.unsqueeze(found.weight, [2])), [4], keepdims=False)
    dcol, gated = ungated, col
    if mask is not None:
        gate = e.reshape(e.cast(mask, dtype), [0, groups, 1, -1])
        dcol, gated = e.mul(dcol, gate), e.mul(gated, gate)
    read_ct = e.reduce_sum(e.mul(e.unsqueeze(dcol, [4]), values), [2], keepdims=False)
    moved = e.reshape(motion(e, read_ct, found), [0, groups, math.prod(kernel), -1, window.rank])
    cts = (
        spread(e, flat, dcol, found),
        _weight_cotangent(e, node, wide_ct, gated),
        e.transpose(moved, [0, 1, 2, 4, 3]),
        e.reduce_sum(wide_ct, [0, 2]),
        e.reduce_sum(e.mul(ungated, col), [2]),
    )
    inputs = (x, node.input(1), offset, *node.inputs[3:4], mask)[: len(node.inputs)]
    return [
        None if like is None else e.cast(e.reshape_like(part, like), like.dtype)
        for part, like in zip(cts, inputs, strict=False)
    ]


def _with_rows_of_each_other(node: Node) -> tuple[Tensor, Tensor, Tensor | None]:
    """x, offset and mask have a row for each item, a constant one too."""
    mask = node.input(4) if node.has(4) else None
    rows = max(t.rows for t in (node.x, node.input(2), mask) if t is not None)
    return (
        replace(node.x, rows=rows),
        replace(node.input(2), rows=rows),
        None if mask is None else replace(mask, rows=rows),
    )


def _channels(node: Node) -> int:
    return static_shape(node.input(1))[1] * int(node.attrs["group"])


def _places(e: Emitter, node: Node, window: Window, offset: Tensor) -> Tensor:
    """Where each place of the kernel reads for each output: [N, G, K * P, r], P outputs.

    place = output * stride - pad + k * dilation + offset
    """
    rank, groups = window.rank, int(node.attrs["offset_group"])
    kernel = np.stack(np.meshgrid(*map(np.arange, window.kernel), indexing="ij"), axis=-1)
    steps = kernel.reshape(-1, 1, rank) * np.array(window.dilations)
    sizes = e.sizes(node.y, 2)
    number = e.range(e.count(node.y, range(2, 2 + rank)))
    outputs: list[Tensor] = []
    for axis in range(rank - 1, -1, -1):
        size = e.gather(sizes, e.const(axis, INT64), axis=0)
        outputs.insert(0, e.unsqueeze(e.mod(number, size), [1]))
        number = e.div(number, size)
    starts = e.mul(e.concat(outputs, axis=1), e.ints(window.strides))
    fixed = e.add(e.sub(starts, e.ints(window.begins)), e.const(steps, INT64))
    moved = e.reshape(offset, [0, groups, len(steps), rank, -1])
    places = e.add(e.transpose(moved, [0, 1, 2, 4, 3]), e.cast(fixed, offset.dtype))
    return e.reshape(places, [0, groups, -1, rank])


def _transposed_product(e: Emitter, node: Node, ct: Tensor, groups: int) -> Tensor:
    """w^T ct:   [N, M, P] -> [N, G, C/G, K * P]"""
    m, per_group, *kernel = static_shape(node.input(1))
    group = int(node.attrs["group"])
    weight = e.cast(node.input(1), ct.dtype)
    matrix = e.reshape(weight, [group, m // group, per_group * math.prod(kernel)])
    grouped = e.reshape(ct, [0, group, m // group, -1])
    product = e.matmul(e.transpose(matrix, [0, 2, 1]), grouped)
    # The rows are channels and places of the kernel, in this order over all groups.
    lines = e.reshape(product, [0, groups, _channels(node) // groups, math.prod(kernel), -1])
    return e.reshape(lines, [0, 0, 0, -1])


def _weight_cotangent(e: Emitter, node: Node, ct: Tensor, col: Tensor) -> Tensor:
    """sum over items of ct col^T;   ct: [N, M, P], col: [N, G, C/G, K * P]"""
    m, per_group, *kernel = static_shape(node.input(1))
    group = int(node.attrs["group"])
    rows = e.reshape(col, [0, group, per_group * math.prod(kernel), -1])
    grouped = e.reshape(ct, [0, group, m // group, -1])
    return e.reduce_sum(e.matmul(grouped, e.transpose(rows, [0, 1, 3, 2])), [0])


@defvjp("Col2Im")
def col2im(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[c, k, o] = ct[c, o * stride - pad + k * dilation], 0 in the padding

    x: [N, C * K, L], k over the block, o over the L blocks; ct: [N, C, *S].
    """
    block = node.value(2)
    if block is None:
        raise Unsupported("the block's shape is not constant; supported: a constant block_shape")
    window = window_of(node, tuple(int(k) for k in block))
    rank = window.rank
    parts = e.pad(ct, [*window.begins, *window.ends], window.spatial, rank + 2)
    for i in range(rank):
        parts = e.gather(parts, _block_places(e, node, window, i), axis=2 + 2 * i)
    # [N, C, K0, O0, K1, O1, ...] -> [N, C, K0, K1, ..., O0, O1, ...]
    order = [0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2)]
    dx = e.reshape_like(e.transpose(parts, order), node.x)
    return [dx, *[None] * (len(node.inputs) - 1)]


def _block_places(e: Emitter, node: Node, window: Window, i: int) -> Tensor:
    """Where in the padded image each block reads along its i-th axis: int64 [K, O]"""
    free = window.begins[i] + window.ends[i] - window.extents[i] + window.strides[i]
    size = e.slice(node.input(1), [i], [i + 1], [0])
    count = e.div(e.add(size, free), window.strides[i])
    starts = e.mul(e.range(count), window.strides[i])
    within = np.arange(window.kernel[i])[:, None] * window.dilations[i]
    return e.add(starts, e.const(within, INT64))
