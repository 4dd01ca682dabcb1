"""Maxima over regions.   x: [N, C, H, W], y, ct: [R, C, P, Q], R regions, P * Q bins each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import scatter_add, wide
from retrograph.vjp.registry import Cotangents, Node, defvjp


@dataclass(frozen=True)
class Reads:
    """The elements of each bin along one axis, T of them or less.

    Attributes:
        place: int64 [R, B, T].
        weight: [R, B, T].
        valid: whether it is compared at all, bool [R, B, T].
    """

    place: Tensor
    weight: Tensor
    valid: Tensor


@dataclass(frozen=True)
class Maxima:
    """The first of each bin's elements whose weighted value is the largest: [C, K], K bins in all.

    Attributes:
        entry: which one of the K * T, int64.
        place: which one of an x that is [C, N * H * W], int64.
        value: that of x.
        ct: the cotangent of the bin.
    """

    entry: Tensor
    place: Tensor
    value: Tensor
    ct: Tensor

    def of_entry(self, e: Emitter, rows: Tensor, columns: Tensor) -> Tensor:
        """The product of a part for the rows [R, P, T] and one for the columns: [C, K]"""
        return e.gather(e.reshape(_product(e, rows, columns), [-1]), self.entry, axis=0)


@defvjp("MaxRoiPool")
def max_roi_pool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct at the first maximum of each bin, nothing where a bin is empty;   drois = 0

    The edges of regions and bins are rounded to whole elements.
    """
    dtype = wide(ct.dtype)
    rois = node.input(1)
    regions = e.cast(rois, dtype)
    rows, columns = (_window(e, node, regions, axis) for axis in (0, 1))
    items = e.cast(e.reshape(column(e, regions, 0), [-1]), INT64)
    found = maxima(e, node.x, e.cast(ct, dtype), rows, columns, items)
    dx = at_maxima(e, node.x, rows, columns, found)
    return e.cast(dx, ct.dtype), e.constant_of_shape(e.sizes(rois, 0), 0.0, rois.dtype)


def column(e: Emitter, regions: Tensor, i: int) -> Tensor:
    """[R, 1]"""
    return e.slice(regions, [i], [i + 1], [1])


def numbers(e: Emitter, end: Tensor, like: Tensor) -> Tensor:
    """0 .. end-1 in the type of `like`"""
    return e.cast(e.range(end), like.dtype)


def most(e: Emitter, counts: Tensor) -> Tensor:
    """The largest count, and 1 at least: int64 [1].   Without regions there is none."""
    some = e.concat([e.reshape(counts, [-1]), e.const([1], counts.dtype)], axis=0)
    return e.cast(e.emit("ReduceMax", some, keepdims=1), INT64)


def _window(e: Emitter, node: Node, regions: Tensor, axis: int) -> Reads:
    """The elements of each bin: whole ones, from the floor to the ceiling of its edges."""
    bins, size = int(node.attrs["pooled_shape"][axis]), e.dim(node.x, 2 + axis)
    scale, dtype = node.attrs["spatial_scale"], regions.dtype
    first, last = (column(e, regions, i) for i in ((2, 4), (1, 3))[axis])
    start, end = (_rounded(e, e.mul(place, scale)) for place in (first, last))
    length = e.emit("Max", e.add(e.sub(end, start), 1.0), e.const(1.0, dtype))
    step, number = e.div(length, float(bins)), e.const(np.arange(bins), dtype)
    begin = _within(e, e.add(e.emit("Floor", e.mul(step, number)), start), size)
    stop = _within(e, e.add(e.emit("Ceil", e.mul(step, e.add(number, 1.0))), start), size)
    count = most(e, e.sub(stop, begin))
    place = e.add(e.unsqueeze(begin, [2]), numbers(e, count, begin))
    valid = e.less(place, e.unsqueeze(stop, [2]))
    last_place = e.sub(size, 1)
    return Reads(
        place=e.emit("Min", e.cast(place, INT64), last_place),
        weight=e.cast(valid, dtype),
        valid=valid,
    )


def _rounded(e: Emitter, a: Tensor) -> Tensor:
    """To the nearest whole number, halves away from 0."""
    return e.mul(e.sign(a), e.emit("Floor", e.add(e.emit("Abs", a), 0.5)))


def _within(e: Emitter, place: Tensor, size: Tensor) -> Tensor:
    below = e.emit("Min", place, e.cast(size, place.dtype))
    return e.emit("Max", below, e.const(0.0, place.dtype))


def maxima(e: Emitter, x: Tensor, ct: Tensor, rows: Reads, columns: Reads, items: Tensor) -> Maxima:
    """Which elements are taken: by a table [K, T] of all, the channels at the front."""
    h, w = (e.dim(x, axis) for axis in (2, 3))
    count = e.mul(e.dim(rows.place, 2), e.dim(columns.place, 2))
    bins = e.mul(e.mul(e.dim(rows.place, 0), e.dim(rows.place, 1)), e.dim(columns.place, 1))
    table = e.concat([bins, count], axis=0)
    lines = e.add(e.mul(rows.place, w), e.mul(e.unsqueeze(items, [1, 2]), e.mul(h, w)))
    place = e.reshape(e.add(_down(e, lines), _across(e, columns.place)), table)
    weight = e.reshape(_product(e, rows.weight, columns.weight), table)
    valid = e.logical_and(_down(e, rows.valid), _across(e, columns.valid))
    flat = e.reshape(e.transpose(e.cast(x, ct.dtype), [1, 0, 2, 3]), [0, -1])
    value = e.mul(e.gather(flat, place, axis=1), weight)
    ranked = e.where(e.reshape(valid, table), value, -np.inf)
    best = e.emit("ArgMax", ranked, axis=2, keepdims=0, dtype=INT64)
    entry = e.add(best, e.mul(e.range(bins), count))
    taken = e.gather(e.reshape(place, [-1]), entry, axis=0)
    return Maxima(
        entry=entry,
        place=taken,
        value=e.emit("GatherElements", flat, taken, axis=1),
        ct=e.reshape(e.transpose(ct, [1, 0, 2, 3]), e.concat([e.dim(x, 1), bins], axis=0)),
    )


def at_maxima(e: Emitter, x: Tensor, rows: Reads, columns: Reads, found: Maxima) -> Tensor:
    """Each bin's cotangent, weighted, at the element taken."""
    n, c, h, w = (e.dim(x, axis) for axis in range(4))
    parts = e.mul(found.ct, found.of_entry(e, rows.weight, columns.weight))
    sizes = e.concat([c, e.mul(n, e.mul(h, w))], axis=0)
    added = scatter_add(e, sizes, found.place, parts, axis=1)
    planes = e.reshape(added, e.concat([c, n, h, w], axis=0))
    return e.transpose(planes, [1, 0, 2, 3])


def _product(e: Emitter, rows: Tensor, columns: Tensor) -> Tensor:
    """[R, P, T], [R, Q, T] -> [R, P, Q, T, T]"""
    return e.mul(_down(e, rows), _across(e, columns))


def _down(e: Emitter, a: Tensor) -> Tensor:
    """[R, P, T] -> [R, P, 1, T, 1]"""
    return e.unsqueeze(a, [2, 4])


def _across(e: Emitter, a: Tensor) -> Tensor:
    """[R, Q, T] -> [R, 1, Q, 1, T]"""
    return e.unsqueeze(a, [1, 3])
