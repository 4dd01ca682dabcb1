"""RoiAlign.   x: [N, C, H, W], rois: [R, 4], y, ct: [R, C, P, Q], R regions, P * Q bins each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.ir.emit import BOOL, INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, defvjp
from retrograph.vjp.rules.roi import Reads, at_maxima, column, maxima, most, numbers


@dataclass(frozen=True)
class _Span:
    """The regions along one axis, counted in elements of x.

    Attributes:
        start, length: [R, 1].
        follows: whether the length is the distance of the ends, and no least one: bool [R, 1].
        bins: how many bins share the length.
        size: of x along the axis, int64 [1].
    """

    start: Tensor
    length: Tensor
    follows: Tensor
    bins: int
    size: Tensor


@dataclass(frozen=True)
class _Samples:
    """The points of each bin along one axis, S of them or less.

    Attributes:
        at: between the first and the last element, [R, B, S].
        share: at = start + share * length, unless it is held at a border, [R, B, S].
        moves: whether it is not held there, bool [R, B, S].
        counted: whether the bin has so many, bool [R, 1, S] or [1, 1, S].
        inside: whether the point is near enough to be read, bool [R, B, S].
        number: how many a bin has, but 1 at least, [R, 1] or [1, 1].
    """

    at: Tensor
    share: Tensor
    moves: Tensor
    counted: Tensor
    inside: Tensor
    number: Tensor


_Pulls = tuple[Tensor, Tensor]
"""The cotangents of start and length along one axis, each [R, 1]."""


@defvjp("RoiAlign")
def roi_align(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """avg: dx[n] = sum over the regions r of item n of V_r^T ct_r H_r

    y_r = V_r x H_r^T, with matrices [P, H] and [Q, W] for the two axes: the mean of the samples of
    a bin, each interpolated between two elements.

    max: dx = weight * ct at the first maximum, which is taken over the products of an element and
    its weight: ONNX Runtime and onnx.reference compare those, not the interpolated samples.

    The weights of the two elements around a sample fall and rise by 1 as it moves by 1, and it
    moves with the region's ends:  at = start + share * (end - start),
    dstart = sum of dat * (1 - share),   dend = sum of dat * share
    """
    x, items = node.x, e.cast(node.input(2), INT64)
    dtype = wide(ct.dtype)
    regions, wide_ct = e.cast(node.input(1), dtype), e.cast(ct, dtype)
    spans = [_aligned(e, node, regions, axis) for axis in (0, 1)]
    samples = [_samples(e, span, int(node.attrs["sampling_ratio"])) for span in spans]
    by_mode = _by_maxima if node.attrs["mode"] == "max" else _by_means
    dx, pulls = by_mode(e, x, wide_ct, spans, samples, items)
    drois = _ends(e, spans, pulls, node.attrs["spatial_scale"])
    return e.cast(dx, ct.dtype), e.cast(drois, node.input(1).dtype), None


def _aligned(e: Emitter, node: Node, regions: Tensor, axis: int) -> _Span:
    scale, shift = node.attrs["spatial_scale"], 0.0
    if node.attrs["coordinate_transformation_mode"] == "half_pixel":
        shift = 0.5
    first, last = (column(e, regions, i) for i in ((1, 3), (0, 2))[axis])
    start, end = (e.sub(e.mul(place, scale), shift) for place in (first, last))
    length = e.sub(end, start)
    follows = e.const(np.ones((1, 1), bool), BOOL)
    if not shift:
        follows = e.greater(length, 1.0)
        length = e.emit("Max", length, e.const(1.0, length.dtype))
    bins = node.attrs[("output_height", "output_width")[axis]]
    return _Span(start, length, follows, int(bins), e.dim(node.x, 2 + axis))


def _samples(e: Emitter, span: _Span, ratio: int) -> _Samples:
    """`ratio` points in each bin, or one for each element begun where that is 0."""
    length = e.div(span.length, float(span.bins))
    if ratio:
        points, number = e.ints([ratio]), e.const(np.full((1, 1), ratio), length.dtype)
    else:
        number = e.emit("Ceil", length)
        points = most(e, number)
    steps = e.add(numbers(e, points, length), 0.5)
    divisor = e.emit("Max", number, e.const(1, number.dtype))
    bins = e.const(np.arange(span.bins), length.dtype)
    edges = e.add(span.start, e.mul(length, bins))
    inner = e.div(e.mul(steps, length), divisor)
    at = e.add(e.unsqueeze(edges, [2]), e.unsqueeze(inner, [1]))
    parts = e.add(e.unsqueeze(bins, [1]), e.unsqueeze(e.div(steps, divisor), [1]))
    near = e.emit("LessOrEqual", at, e.cast(span.size, at.dtype), dtype=BOOL)
    last = e.cast(e.sub(span.size, 1), at.dtype)
    counted = e.unsqueeze(e.less(steps, number), [1])
    free = e.logical_and(e.emit("Not", e.less(at, 0.0)), e.less(at, last))
    return _Samples(
        at=e.emit("Max", e.emit("Min", at, last), e.const(0, at.dtype)),
        share=e.div(parts, float(span.bins)),
        moves=e.logical_and(free, counted),
        counted=counted,
        inside=e.logical_and(near, e.emit("Not", e.less(at, -1.0))),
        number=divisor,
    )


def _ends(e: Emitter, spans: list[_Span], pulls: list[_Pulls], scale: float) -> Tensor:
    """The cotangents of the regions' ends: [R, 4], x before y"""
    firsts, lasts = [], []
    for span, (start, length) in zip(spans[::-1], pulls[::-1], strict=True):
        last = e.where(span.follows, length, 0.0)
        firsts.append(e.mul(e.sub(start, last), scale))
        lasts.append(e.mul(last, scale))
    return e.concat([*firsts, *lasts], axis=1)


# Means.


def _by_means(
    e: Emitter,
    x: Tensor,
    ct: Tensor,
    spans: list[_Span],
    samples: list[_Samples],
    items: Tensor,
) -> tuple[Tensor, list[_Pulls]]:
    rows, columns = (_means(e, *axis) for axis in zip(spans, samples, strict=True))
    mine = e.equal(e.unsqueeze(e.range(e.dim(x, 0)), [1, 2, 3]), e.unsqueeze(items, [1]))
    own = e.cast(mine, ct.dtype)
    lines = _lines(e, x, ct, rows, columns)
    turned_x, turned_ct = (e.transpose(a, [0, 1, 3, 2]) for a in (x, ct))
    turned_lines = _lines(e, turned_x, turned_ct, columns, rows)
    return _averaged(e, x, lines, rows, own), [
        _pulls(e, _of_means(e, x, lines, rows, own), samples[0], spans[0]),
        _pulls(e, _of_means(e, turned_x, turned_lines, columns, own), samples[1], spans[1]),
    ]


def _means(e: Emitter, span: _Span, samples: _Samples) -> Tensor:
    """The matrix [R, B, size] of the mean over each bin's samples."""
    elements = numbers(e, span.size, samples.at)
    distance = e.emit("Abs", e.sub(e.unsqueeze(samples.at, [3]), elements))
    weight = e.relu(e.sub(1.0, distance))
    read = e.unsqueeze(e.logical_and(samples.counted, samples.inside), [3])
    total = e.reduce_sum(e.where(read, weight, 0.0), [2], keepdims=False)
    return e.div(total, e.unsqueeze(samples.number, [2]))


def _lines(e: Emitter, x: Tensor, ct: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The cotangents passed down the columns' matrix: [R * P, C * W]

    Args:
        rows: [R, P, H].
        columns: [R, Q, W].
    """
    bins, line = e.mul(e.dim(rows, 0), e.dim(rows, 1)), e.mul(e.dim(x, 1), e.dim(x, 3))
    passed = e.transpose(e.matmul(ct, e.unsqueeze(columns, [1])), [0, 2, 1, 3])
    return e.reshape(passed, e.concat([bins, line], axis=0))


def _averaged(e: Emitter, x: Tensor, lines: Tensor, rows: Tensor, own: Tensor) -> Tensor:
    """The lines passed down the rows' matrix, each added to its item.

    Args:
        own: 1 where a region is of the item, [N, 1, R, 1].
    """
    n, c, h, w = (e.dim(x, axis) for axis in range(4))
    own_rows = e.mul(own, e.transpose(rows, [2, 0, 1]))
    matrix = e.reshape(own_rows, e.concat([n, h, e.dim(lines, 0)], axis=0))
    dx = e.reshape(e.matmul(matrix, lines), e.concat([n, h, c, w], axis=0))
    return e.transpose(dx, [0, 2, 1, 3])


def _of_means(e: Emitter, x: Tensor, lines: Tensor, rows: Tensor, own: Tensor) -> Tensor:
    """The cotangent of the rows' matrix: [R, P, H]"""
    n, h = e.dim(x, 0), e.dim(x, 2)
    elements = e.transpose(e.cast(x, lines.dtype), [0, 2, 1, 3])
    flat = e.reshape(elements, e.concat([n, h, e.dim(lines, 1)], axis=0))
    products = e.matmul(flat, e.transpose(lines, [1, 0]))
    shape = e.concat([n, h, e.dim(rows, 0), e.dim(rows, 1)], axis=0)
    of_item = e.mul(e.reshape(products, shape), own)
    return e.transpose(e.reduce_sum(of_item, [0], keepdims=False), [1, 2, 0])


def _pulls(e: Emitter, of_means: Tensor, samples: _Samples, span: _Span) -> _Pulls:
    """The elements around each sample pull it towards the larger of their cotangents."""
    low = e.cast(e.emit("Floor", samples.at), INT64)
    high = e.emit("Min", e.add(low, 1), e.sub(span.size, 1))
    below, above = (e.emit("GatherElements", of_means, p, axis=2) for p in (low, high))
    of_at = e.div(
        e.where(samples.moves, e.sub(above, below), 0.0), e.unsqueeze(samples.number, [2])
    )
    return _total(e, of_at), _total(e, e.mul(of_at, samples.share))


def _total(e: Emitter, a: Tensor) -> Tensor:
    """[R, B, S] -> [R, 1]"""
    return e.unsqueeze(e.reduce_sum(a, [1, 2], keepdims=False), [1])


# Maxima.


def _by_maxima(
    e: Emitter,
    x: Tensor,
    ct: Tensor,
    spans: list[_Span],
    samples: list[_Samples],
    items: Tensor,
) -> tuple[Tensor, list[_Pulls]]:
    rows, columns = (_corners(e, *axis) for axis in zip(spans, samples, strict=True))
    found = maxima(e, x, ct, rows, columns, items)
    of_weight = e.mul(found.ct, found.value)
    down, across = (_slopes(e, *axis) for axis in zip(spans, samples, strict=True))

    def pull(of_rows: Tensor, of_columns: Tensor) -> Tensor:
        of_at = e.mul(of_weight, found.of_entry(e, of_rows, of_columns))
        of_bins = e.reduce_sum(of_at, [0], keepdims=False)
        bins = e.ints([spans[0].bins * spans[1].bins])
        shape = e.concat([e.dim(rows.place, 0), bins], axis=0)
        return e.reduce_sum(e.reshape(of_bins, shape), [1])

    return at_maxima(e, x, rows, columns, found), [
        (pull(down[0], columns.weight), pull(down[1], columns.weight)),
        (pull(rows.weight, across[0]), pull(rows.weight, across[1])),
    ]


def _corners(e: Emitter, span: _Span, samples: _Samples) -> Reads:
    """The two elements around each sample."""
    low = e.emit("Floor", samples.at)
    far = e.sub(samples.at, low)
    both = e.concat([e.unsqueeze(e.sub(1.0, far), [3]), e.unsqueeze(far, [3])], axis=3)
    place = e.add(e.unsqueeze(e.cast(low, INT64), [3]), e.const([0, 1], INT64))
    read = e.unsqueeze(e.logical_and(samples.counted, samples.inside), [3])
    return Reads(
        place=_by_bins(e, e.emit("Min", place, e.sub(span.size, 1)), span, samples),
        weight=_by_bins(e, e.where(read, both, 0.0), span, samples),
        valid=_by_bins(e, e.unsqueeze(samples.counted, [3]), span, samples),
    )


def _slopes(e: Emitter, span: _Span, samples: _Samples) -> tuple[Tensor, Tensor]:
    """By how much the corners' weights rise with a region's start and with its length."""
    signs = e.const(np.array([-1, 1]), samples.at.dtype)
    by_start = e.where(e.unsqueeze(samples.moves, [3]), signs, 0.0)
    by_length = e.mul(by_start, e.unsqueeze(samples.share, [3]))
    return _by_bins(e, by_start, span, samples), _by_bins(e, by_length, span, samples)


def _by_bins(e: Emitter, a: Tensor, span: _Span, samples: _Samples) -> Tensor:
    """[R, B, S, 2], or what broadcasts to it -> [R, B, 2 S]"""
    regions, points = e.dim(samples.at, 0), e.dim(samples.at, 2)
    bins, two = e.ints([span.bins]), e.ints([2])
    whole = e.expand(a, e.concat([regions, bins, points, two], axis=0))
    return e.reshape(whole, e.concat([regions, bins, e.mul(points, 2)], axis=0))
