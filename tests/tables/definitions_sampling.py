"""Sampling operators by their definition in NumPy, where onnx.reference (1.23) is wrong or lacks
them.

DeformConv    samples with GridSample in float32; divides by 0 along an axis of size 1; 4-D alone
GridSample    places in float32; fails to reflect along an axis of size 1; cubic over a border jumps
              to the border's value half an element beyond it, unlike ONNX Runtime and PyTorch
MaxRoiPool    is missing
Resize        negative axes; places from corner to corner, of the picture or of a crop, by a length
              that is not rounded yet; cubic weights in float32

ONNX Runtime agrees with these in every case that it runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_resize import Resize as OnnxResize

from tables.definitions import Array, Operator, at

_Line = list[tuple[int, float]]
"""What is read along an axis: elements and their weights."""


def keys(distance: float, a: float = -0.75) -> float:
    """The cubic convolution kernel (Keys 1981)."""
    t = abs(distance)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def reflected(place: int, size: int, corners: bool) -> int:
    """Reflected at the outer elements' centres or edges until it is inside."""
    while not 0 <= place < size:
        if size == 1:
            return 0
        low, high = (0, 2 * (size - 1)) if corners else (-1, 2 * size - 1)
        place = low - place if place < 0 else high - place
    return place


def line(place: float, size: int, mode: str, padding: str, corners: bool) -> _Line:
    """The elements around a place that lie inside or have one inside in their stead."""
    first = math.floor(place)
    if mode == "nearest":
        found = [(round(place), 1.0)]
    elif mode in ("linear", "bilinear"):
        found = [(i, 1 - abs(place - i)) for i in (first, first + 1)]
    else:
        found = [(i, keys(place - i)) for i in range(first - 1, first + 3)]
    if padding == "border":
        return [(min(max(i, 0), size - 1), w) for i, w in found]
    if padding == "reflection":
        return [(reflected(i, size, corners), w) for i, w in found]
    return [(i, w) for i, w in found if 0 <= i < size]


def sampled(x: Array, lines: Sequence[_Line]) -> Array:
    """The weighted sum over the last axes of x, read along a line for each."""
    total = np.zeros(x.shape[: x.ndim - len(lines)], x.dtype)
    for taps in itertools.product(*lines):
        total += math.prod(w for _, w in taps) * x[at([i for i, _ in taps])]
    return total


class GridSample(Operator):
    """Each point of the grid names a place of x, its last axis first, from -1 to 1."""

    def _run(
        self,
        x: Array,
        grid: Array,
        align_corners: int | None = None,
        mode: str | None = None,
        padding_mode: str | None = None,
    ) -> tuple[Array]:
        corners, sizes = bool(align_corners), x.shape[2:]
        y = np.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
        for n, *point in np.ndindex(y.shape[0], *y.shape[2:]):
            lines = []
            for g, size in zip(grid[(n, *point)][::-1], sizes, strict=True):
                place = (g + 1) / 2 * (size - 1) if corners else ((g + 1) * size - 1) / 2
                lines.append(line(float(place), size, str(mode), str(padding_mode), corners))
            y[(n, slice(None), *point)] = sampled(x[n], lines)
        return (y,)


class DeformConv(Operator):
    """A convolution whose kernel reads between the elements, at places moved by `offset`."""

    def _run(
        self,
        x: Array,
        w: Array,
        offset: Array,
        b: Array | None = None,
        mask: Array | None = None,
        **attrs: Any,
    ) -> tuple[Array]:
        kernel, rank = w.shape[2:], x.ndim - 2
        strides = attrs["strides"] or [1] * rank
        dilations = attrs["dilations"] or [1] * rank
        pads = attrs["pads"] or [0] * 2 * rank
        group, groups = attrs["group"] or 1, attrs["offset_group"] or 1
        outputs, channels = offset.shape[2:], x.shape[1]
        shifts = offset.reshape(len(x), groups, *kernel, rank, *outputs)
        gates = np.ones((len(x), groups, *kernel, *outputs), x.dtype)
        if mask is not None:
            gates = mask.reshape(gates.shape)
        y = np.zeros((len(x), len(w), *outputs), x.dtype)
        for n, c, *spots in np.ndindex(len(x), channels, *kernel, *outputs):
            k, o = spots[:rank], spots[rank:]
            g, in_group = c * groups // channels, c // w.shape[1]
            lines = []
            for a in range(rank):
                start = o[a] * strides[a] - pads[a] + k[a] * dilations[a]
                place = start + float(shifts[(n, g, *k, a, *o)])
                lines.append(line(place, x.shape[2 + a], "linear", "zeros", corners=False))
            value = sampled(x[n, c], lines) * gates[(n, g, *k, *o)]
            per_group = len(w) // group
            mine = slice(in_group * per_group, (in_group + 1) * per_group)
            y[(n, mine, *o)] += w[(mine, c % w.shape[1], *k)] * value
        return (y if b is None else y + b.reshape(-1, *[1] * rank),)


class MaxRoiPool(Operator):
    """The maximum of each bin, its edges rounded outwards; 0 where that is empty."""

    def _run(
        self,
        x: Array,
        rois: Array,
        pooled_shape: Sequence[int] | None = None,
        spatial_scale: float | None = None,
    ) -> tuple[Array]:
        bins, scale = tuple(pooled_shape or ()), spatial_scale or 1.0
        y = np.zeros((len(rois), x.shape[1], *bins), x.dtype)
        for r, roi in enumerate(rois):
            first = [math.floor(float(v) * scale + 0.5) for v in roi[[2, 1]]]
            last = [math.floor(float(v) * scale + 0.5) for v in roi[[4, 3]]]
            for spot in np.ndindex(*bins):
                window = x[int(roi[0])]
                for a, (s, f, z, b) in enumerate(zip(spot, first, last, bins, strict=True)):
                    length = max(z - f + 1, 1)
                    edges = (s * length // b, -(-(s + 1) * length // b))
                    low, high = (min(max(edge + f, 0), x.shape[2 + a]) for edge in edges)
                    window = window.take(range(low, high), axis=1 + a)
                if window.size:
                    y[(r, slice(None), *spot)] = window.max(axis=(1, 2))
        return (y,)


class Resize(OnnxResize):
    """That of onnx.reference with axes from the front, and lengths where these tell the places."""

    op_domain = ""

    def _run(self, *inputs: Any, **attrs: Any) -> Any:
        x, roi, scales, sizes = (*inputs, None, None)[:4]
        named = [a % x.ndim for a in attrs["axes"] or range(x.ndim)]
        attrs["axes"] = named
        attrs["cubic_coeff_a"] = float(attrs["cubic_coeff_a"])
        if attrs["coordinate_transformation_mode"] in ("align_corners", "tf_crop_and_resize"):
            before = np.array([x.shape[a] for a in named])
            sizes = _lengths(before, scales, sizes, attrs["keep_aspect_ratio_policy"])
            scales, attrs["keep_aspect_ratio_policy"] = None, "stretch"
        return super()._run(x, roi, scales, sizes, **attrs)


def _lengths(before: Array, scales: Array | None, sizes: Array | None, policy: str) -> Array:
    if sizes is None:
        scaled: Array = np.floor(before * scales)
        return scaled.astype(np.int64)
    if policy == "stretch":
        return sizes
    ratios = sizes / before
    ratio = float(ratios.min() if policy == "not_larger" else ratios.max())
    return np.floor(before * ratio + 0.5).astype(np.int64)


SAMPLING: list[type[OpRun]] = [DeformConv, GridSample, MaxRoiPool, Resize]
