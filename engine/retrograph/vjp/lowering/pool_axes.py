"""Max-pools without indices, an axis at a time;   x: [N, C, *I], y, ct: [N, C, *O].

WebGPU gives no indices out of a MaxPool. The first maximum of a window, in the order of the axes,
is the first of the maxima of its rows: a pool is one along the last axis, then one of what that
makes along the axis before it, and so on. Along one axis a window is its taps, k slices of the
input, and what comes down goes to the first tap that holds the maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.window import Window, transposed_windows
from retrograph.vjp.registry import Node, shape_of


@dataclass(frozen=True)
class _Pool:
    """A pool along one axis.

    Attributes:
        window: it reaches along that axis alone.
        x: what it is of.
        taps: k tensors of the shape of y.
        y: their maxima.
    """

    window: Window
    x: Tensor
    taps: Sequence[Tensor]
    y: Tensor


def to_first_maxima(e: Emitter, node: Node, ct: Tensor, window: Window) -> Tensor:
    """dx[i] = sum of ct over the windows whose first maximum is i"""
    for pool in reversed(_pools(e, node, window)):
        ct = _down(e, pool, ct)
    return ct


def _pools(e: Emitter, node: Node, window: Window) -> list[_Pool]:
    """The pools along one axis that make a pool, the last axis first."""
    axes = [axis for axis in range(window.rank) if _reaches(window, axis)]
    pools: list[_Pool] = []
    x = node.x
    for axis in reversed(axes):
        along = _along(window, axis)
        taps = _taps(e, x, node.y, along, axis)
        if axis == axes[0]:
            y = node.y
        else:
            sizes = [*shape_of(x)]
            sizes[axis + 2] = shape_of(node.y)[axis + 2]
            y = e.declare(reduce(e.maximum, taps), tuple(sizes))
        pools.append(_Pool(along, x, taps, y))
        x = y
    return pools


def _reaches(window: Window, axis: int) -> bool:
    """Whether a window does more along an axis than to take every position by itself."""
    numbers = (window.kernel, window.strides, window.begins, window.ends)
    return [each[axis] for each in numbers] != [1, 1, 0, 0]


def _along(window: Window, axis: int) -> Window:
    """A window as it is along one axis, of one position along the others."""

    def only(numbers: Sequence[int], other: int) -> tuple[int, ...]:
        return tuple(n if i == axis else other for i, n in enumerate(numbers))

    return Window(
        kernel=only(window.kernel, 1),
        strides=only(window.strides, 1),
        dilations=only(window.dilations, 1),
        begins=only(window.begins, 0),
        ends=only(window.ends, 0),
    )


def _taps(e: Emitter, x: Tensor, y: Tensor, window: Window, axis: int) -> list[Tensor]:
    """What the windows read at each of their positions along an axis; padding is below all."""
    size, count = shape_of(x)[axis + 2], shape_of(y)[axis + 2]
    begin, stride = window.begins[axis], window.strides[axis]
    known = isinstance(size, int) and isinstance(count, int)
    if isinstance(size, int) and isinstance(count, int):
        end = max(0, (count - 1) * stride + window.extents[axis] - begin - size)
    else:
        end = window.ends[axis] + stride - 1
    padded = x
    if begin or end:
        lowest = float(np.finfo(x.dtype).min)
        padded = e.pad(x, [begin, end], [axis + 2], window.rank + 2, lowest)
    starts = [k * window.dilations[axis] for k in range(window.kernel[axis])]
    taps = []
    for start in starts:
        if known:
            stop: Sequence[int] | Tensor = [start + (int(count or 0) - 1) * stride + 1]
        else:
            reach = e.mul(e.sub(e.dim(y, axis + 2), 1), stride)
            stop = e.add(reach, start + 1)
        tap = e.slice(padded, [start], stop, [axis + 2], [stride])
        taps.append(replace(tap, rows=x.rows))
    return taps


def _down(e: Emitter, pool: _Pool, ct: Tensor) -> Tensor:
    """What comes to y of a pool along one axis, at the taps that hold the first maxima."""
    parts = []
    for tap in pool.taps:
        hit = e.equal(tap, pool.y)
        parts.append(e.where(hit, ct, 0.0))
        ct = e.where(hit, 0.0, ct)
    count = len(parts)
    # Channels do not mix: each is one item, with a channel for each tap.
    single = e.concat([e.ints([-1, 1]), e.sizes(pool.y, 2)], axis=0)
    stacked = e.concat([e.reshape(part, single) for part in parts], axis=1)
    taken = np.eye(count).reshape(count, 1, *pool.window.kernel)
    weight = e.const(taken, ct.dtype)
    spread = transposed_windows(e, stacked, weight, pool.window, pool.x, pool.y)
    return e.reshape_like(spread, pool.x)
