"""A crop's derivative by its region.   x: [.., I, ..], ct: [.., O, ..] along each resized axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrograph.ir.emit import BOOL, INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.interpolation import derived, polynomial, polynomials
from retrograph.vjp.lowering.linear_maps import along, wide
from retrograph.vjp.registry import Node, Unsupported


def region_cotangent(
    e: Emitter, node: Node, ct: Tensor, matrices: Mapping[int, Tensor], named: Sequence[int]
) -> Tensor:
    """dstart = sum over o of dp[o] (I - 1) (1 - t[o]),   dend = sum of dp[o] (I - 1) t[o]

    along each named axis, for Resize with coordinate_transformation_mode="tf_crop_and_resize". The
    places read are  p[o] = (I - 1) ((1 - t[o]) start + t[o] end)  with t[o] = o / (O - 1), or 1/2
    for one place alone, and  dp[o] = sum over i of M'[o, i] (ct_o . x_i),  with the derivative M'
    of the axis's matrix by the place, and ct passed down the other axes.

    Args:
        matrices: that of each resized axis, [O, I].
        named: the axes that the region speaks of.

    Returns:
        The starts of all named axes, then the ends: [2 * len(named)].

    Raises:
        Unsupported: the weights are not those of the places alone.
    """
    rois, dtype = node.input(1), wide(ct.dtype)
    if not _moves(node):
        return e.constant_of_shape(e.sizes(rois, 0), 0.0, rois.dtype)
    if node.attrs.get("antialias") or node.attrs["exclude_outside"]:
        raise Unsupported(
            "the derivative by the roi of a Resize with antialias or exclude_outside; "
            "supported: without them"
        )
    regions = e.cast(rois, dtype)
    none = e.const(np.zeros(1), dtype)
    starts, ends = [none] * len(named), [none] * len(named)
    for i, axis in enumerate(named):
        if axis in matrices:
            others = {a: m for a, m in matrices.items() if a != axis}
            products = _products(e, node, ct, axis, others)
            first, last = (e.slice(regions, [j], [j + 1], [0]) for j in (i, i + len(named)))
            starts[i], ends[i] = _ends(e, node, products, axis, first, last)
    return e.cast(e.concat([*starts, *ends], axis=0), rois.dtype)


def _moves(node: Node) -> bool:
    """Whether what is read depends on the region, but for jumps."""
    crops = node.attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    return bool(crops and node.attrs["mode"] != "nearest")


def _products(
    e: Emitter, node: Node, ct: Tensor, axis: int, others: Mapping[int, Tensor]
) -> Tensor:
    """The products of the cotangents and the elements along one axis: [O, I]"""
    rank, dtype = node.rank(), wide(ct.dtype)
    for other, matrix in others.items():
        ct = along(e, ct, other, rank, matrix)
    perm = [axis, *(a for a in range(rank) if a != axis)]
    lines, elements = (
        e.reshape(e.transpose(e.cast(a, dtype), perm), [0, -1]) for a in (ct, node.x)
    )
    return e.matmul(lines, e.transpose(elements, [1, 0]))


def _ends(
    e: Emitter, node: Node, products: Tensor, axis: int, first: Tensor, last: Tensor
) -> tuple[Tensor, Tensor]:
    """The cotangents of the region's start and end along an axis, each [1] as they are."""
    size, count = e.dim(node.x, axis), e.dim(node.y, axis)
    dtype = products.dtype
    length = e.cast(e.sub(size, 1), dtype)
    steps = e.cast(e.emit("Max", e.sub(count, 1), e.ints([1])), dtype)
    share = e.where(e.greater(count, 1), e.div(e.cast(e.range(count), dtype), steps), 0.5)
    rest = e.sub(1.0, share)
    place = e.mul(e.add(e.mul(rest, first), e.mul(share, last)), length)
    slopes = _slopes(e, node, place, size)
    moved = e.mul(e.reduce_sum(e.mul(products, slopes), [1], keepdims=False), length)
    return e.reduce_sum(e.mul(moved, rest), [0]), e.reduce_sum(e.mul(moved, share), [0])


def _slopes(e: Emitter, node: Node, place: Tensor, size: Tensor) -> Tensor:
    """The derivatives of the weights by the place: [O] -> [O, I], 0 where it is outside."""
    rows = derived(polynomials(node.attrs["mode"], node.attrs["cubic_coeff_a"]))
    last, zero = e.sub(size, 1), e.const(0, INT64)
    floor = e.cast(e.emit("Floor", place), INT64)
    low = e.emit("Max", e.emit("Min", floor, e.sub(last, 1)), zero)
    fraction = e.unsqueeze(e.sub(place, e.cast(low, place.dtype)), [1])
    count = rows.shape[1]
    around = e.add(e.unsqueeze(low, [1]), e.const(np.arange(count) - (count - 1) // 2, INT64))
    index = e.emit("Max", e.emit("Min", around, last), zero)
    hit = e.equal(e.unsqueeze(index, [2]), e.range(size))
    slope = e.unsqueeze(polynomial(e, fraction, rows), [2])
    whole = e.reduce_sum(e.where(hit, slope, 0.0), [1], keepdims=False)
    below = e.emit("LessOrEqual", place, e.cast(last, place.dtype), dtype=BOOL)
    inside = e.logical_and(below, e.emit("Not", e.less(place, 0.0), dtype=BOOL))
    return e.where(e.unsqueeze(inside, [1]), whole, 0.0)
