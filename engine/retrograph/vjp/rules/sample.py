"""Sampling at given places.   x: [N, C, *S], grid: [N, *O, r], y, ct: [N, C, *O]."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import DType, Tensor
from retrograph.vjp.lowering.interpolation import Interpolation, motion, read, spread, taps
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, defvjp

_MODES = {"bilinear": "linear", "bicubic": "cubic"}
"""What opset 16 calls them."""


@defvjp("GridSample")
def grid_sample(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[i] += ct * w(p - i),   dgrid = dp/dgrid * sum of ct * x[i] * w'(p - i)

    The sums are over the elements i around p, the place of a grid point among the elements, and
    for the grid over the channels. Padding is a matter of the elements: beyond the border there
    is nothing, the border's element or a reflected one, in every mode. That is PyTorch's and ONNX
    Runtime's reading of the standard.
    """
    rank, attrs = node.rank() - 2, node.attrs
    corners = bool(attrs["align_corners"])
    mode = _MODES.get(attrs["mode"], attrs["mode"])
    x, grid = _with_rows_of_each_other(node)
    dtype = _common(x.dtype, grid.dtype)
    half = e.mul(e.sub(e.cast(_backwards(e, x), dtype), float(corners)), 0.5)
    points = e.reshape(e.cast(grid, dtype), [0, 1, -1, rank])
    places = e.add(e.mul(e.add(points, 1.0), half), 0.0 if corners else -0.5)
    found = taps(
        e,
        e.gather(places, e.ints(range(rank)[::-1]), axis=3),
        e.sizes(x, 2),
        rank,
        Interpolation(mode, attrs["padding_mode"], corners),
    )
    flat, wide_ct = _lines(e, x, dtype), _lines(e, ct, dtype)
    dx = e.cast(spread(e, flat, wide_ct, found), ct.dtype)
    read_ct = e.reduce_sum(e.mul(e.unsqueeze(wide_ct, [4]), read(e, flat, found)), [2], False)
    moved = e.gather(motion(e, read_ct, found), e.ints(range(rank)[::-1]), axis=3)
    dgrid = e.cast(e.mul(moved, half), grid.dtype)
    return e.reshape_like(dx, x), e.reshape_like(dgrid, grid)


def _with_rows_of_each_other(node: Node) -> tuple[Tensor, Tensor]:
    """Both inputs have a row for each item, a constant one too."""
    x, grid = node.x, node.input(1)
    rows = max(x.rows, grid.rows)
    return replace(x, rows=rows), replace(grid, rows=rows)


def _common(x: DType, grid: DType) -> DType:
    return np.promote_types(wide(x), wide(grid))


def _backwards(e: Emitter, x: Tensor) -> Tensor:
    """The spatial sizes in the order of a grid's coordinates, the last axis first."""
    return e.slice(e.sizes(x, 2), [-1], [-(2**31)], [0], [-1])


def _lines(e: Emitter, a: Tensor, dtype: DType) -> Tensor:
    """[N, C, *S] -> [N, 1, C, S]"""
    return e.unsqueeze(e.reshape(e.cast(a, dtype), [0, 0, -1]), [1])
