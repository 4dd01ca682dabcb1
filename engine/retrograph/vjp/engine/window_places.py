"""Where the windows of units lie, and what is cut out of tensors and put back there.

All units are rows of one batch: their windows have one size, only their places differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from retrograph.ir.analysis.nchwc_layout import BLOCK
from retrograph.ir.emit import FLOAT32, INT64, Emitter
from retrograph.ir.graph import Dim, Rows, Tensor
from retrograph.receptive_field.unit_windows import Pair, View
from retrograph.vjp.registry import static_shape

Place = tuple[Pair, View]
"""The height and width of a tensor, and a window of it."""


@dataclass(frozen=True)
class Units:
    """The explained units.

    Attributes:
        index: int64 [M, 3], channel, row and column of each; -1 for one that is out of range.
        items: int64 [M], the item of the batch that each belongs to.
        rows: what the rows of their cotangents count.
        count: M as a dimension.
    """

    index: Tensor
    items: Tensor
    rows: Rows
    count: Dim


class Places:
    """The places of some units' windows.

    Args:
        e: emits.
        units: the units.
        bordered: the windows of which more will be asked than to be cut out or put back: where
            they stick out of their tensors.
    """

    def __init__(self, e: Emitter, units: Units, bordered: Sequence[Place]) -> None:
        self.e, self.units = e, units
        self._insides: dict[Place, Tensor] = {}
        self._masks: dict[tuple[Place, int], Tensor] = {}
        with e.scope("windows"):
            position = e.slice(units.index, [1], [3], [1])
            self._centre = e.emit("Max", position, e.const(0, INT64))  # [M, 2]
            if bordered:
                self._insides = dict(zip(bordered, self._borders(bordered), strict=True))

    def _borders(self, places: Sequence[Place]) -> list[Tensor]:
        """Where windows lie inside of their tensors, of all at once: 0 and 1, [M, 1, h, w] each"""
        e, axes = self.e, (0, 1)
        sizes = [[view.size[axis] for _, view in places] for axis in axes]
        limit, step, first, axis = (
            np.repeat(column, [*sizes[0], *sizes[1]])
            for column in np.transpose(
                [(n[a], view.step[a], view.first[a], a) for a in axes for n, view in places]
            )
        )
        offset = first + np.concatenate([np.arange(n) for along in sizes for n in along])
        centre = e.gather(self._centre, e.const(axis, INT64), 1)
        number = e.add(e.mul(centre, e.const(step, INT64)), e.const(offset, INT64))
        inside = e.cast(self._between(number, e.const(limit, INT64)), FLOAT32)
        height = sum(sizes[0])
        rows = e.unsqueeze(e.slice(inside, [0], [height], [1]), [1, 3])
        columns = e.unsqueeze(e.slice(inside, [height], [height + sum(sizes[1])], [1]), [1, 2])
        parts = zip(self._split(rows, sizes[0], 2), self._split(columns, sizes[1], 3), strict=True)
        return [e.mul(row, column) for row, column in parts]

    def _split(self, lines: Tensor, sizes: Sequence[int], axis: int) -> list[Tensor]:
        kinds = [lines.dtype] * len(sizes)
        return self.e.emit_many("Split", lines, self.e.ints(sizes), dtypes=kinds, axis=axis)

    def _between(self, number: Tensor, limit: Tensor | int) -> Tensor:
        """0 <= number < limit"""
        e = self.e
        return e.logical_and(e.greater(number, -1), e.less(number, limit))

    def cut(self, tensor: Tensor, view: View, outside: float = 0.0) -> Tensor:
        """The window of a tensor [N, C, H, W], of each unit's item: [M, C, h, w]"""
        e, (height, width) = self.e, hw(tensor)
        rows, columns = self._lines(self._start(view), view.size)
        inside = e.logical_and(
            e.unsqueeze(self._between(rows, height), [1, 3]),
            e.unsqueeze(self._between(columns, width), [1, 2]),
        )
        return e.where(inside, self._taken(tensor, self.units.items, rows, columns), outside)

    def restored(self, ct: Tensor, view: View, size: Pair) -> Tensor:
        """A window's cotangent at its place in a tensor, zeros elsewhere: [M, C, H, W]"""
        e, (height, width) = self.e, hw(ct)
        ringed = replace(
            e.pad(ct, [1, 1, 1, 1], [2, 3], 4), shape=(None, channels(ct), height + 2, width + 2)
        )
        row = e.range(e.dim(replace(self.units.items, shape=None), 0))
        rows, columns = self._lines(e.sub(1, self._start(view)), size)
        return self._taken(ringed, row, rows, columns)

    def _start(self, view: View) -> Tensor:
        """The first row and column of a window: int64 [M, 2]"""
        e = self.e
        return e.add(e.mul(self._centre, e.ints(view.step)), e.ints(view.first))

    def _lines(self, start: Tensor, size: Pair) -> tuple[Tensor, Tensor]:
        """So many rows and columns from a place on: int64 [M, h] and [M, w]"""
        e = self.e
        firsts = (e.slice(start, [axis], [axis + 1], [1]) for axis in (0, 1))
        rows, columns = (
            e.add(a, e.const(np.arange(n), INT64)) for a, n in zip(firsts, size, strict=True)
        )
        return rows, columns

    def _taken(self, x: Tensor, item: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """x[item, :, rows, columns], at the border what lies beyond it

        x: [N, C, H, W], item: int64 [M], rows: int64 [M, h], columns: int64 [M, w]
        -> [M, C, h, w]
        """
        e, (height, width) = self.e, hw(x)
        row, column = (
            e.emit("Min", e.emit("Max", lines, e.const(0, INT64)), e.const(size - 1, INT64))
            for lines, size in ((rows, height), (columns, width))
        )
        line = e.add(e.mul(e.reshape(item, [-1, 1]), height), row)
        number = e.add(e.mul(e.unsqueeze(line, [2]), width), e.unsqueeze(column, [1]))
        elements = e.reshape(e.transpose(x, [0, 2, 3, 1]), [-1, channels(x)])
        return e.transpose(e.gather(elements, number, 0), [0, 3, 1, 2])

    def bounded(self, window: Tensor, place: Place) -> Tensor:
        """A window with zeros outside of its tensor.   window: [M, C, h, w], finite"""
        return self.e.mul(window, self._mask(place, window))

    def raised(self, window: Tensor, place: Place, outside: float) -> Tensor:
        """A window with a number of its own outside of its tensor.   window: [M, C, h, w]"""
        return self.e.where(self.e.greater(self._insides[place], 0.5), window, outside)

    def _mask(self, place: Place, window: Tensor) -> Tensor:
        """1 inside of the tensor and 0 outside, for a window's channels

        In the blocked layout by a convolution, for there a product needs equal shapes.
        """
        e, inside, count = self.e, self._insides[place], channels(window)
        if not e.has_blocks or count % BLOCK or window.dtype != FLOAT32:
            return e.cast(inside, window.dtype)
        key = place, count
        if key not in self._masks:
            ones = e.const(np.ones((count, 1, 1, 1)), FLOAT32)
            shape = (self.units.count, count, *place[1].size)
            lead = e.declare(inside, (shape[0], 1, *shape[2:]))
            self._masks[key] = e.declare(e.emit("Conv", lead, ones), shape)
        return self._masks[key]


def hw(tensor: Tensor) -> Pair:
    """The height and width of a tensor [N, C, H, W] of known sizes."""
    height, width = static_shape(replace(tensor, shape=(tensor.shape or ())[2:]))
    return height, width


def channels(tensor: Tensor) -> int:
    """The channels of a tensor [N, C, H, W] of known sizes."""
    return static_shape(replace(tensor, shape=(tensor.shape or ())[1:2]))[0]
