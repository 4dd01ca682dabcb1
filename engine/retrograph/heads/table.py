"""A tensor seen as a table: a row for each box or position, a column for each number of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from retrograph.errors import InputError, parameter

Array = npt.NDArray[Any]

VALUE = "value"
"""The axis whose entries are the numbers of one box: coordinates, scores."""


@dataclass(frozen=True)
class Table:
    """Some columns of a tensor, a row for each box.

    Attributes:
        tensor: its name.
        shape: of an item, its axes told apart: [85 * 3, 13, 13] as (3, 85, 13, 13).
        axes: a name for each axis, such as anchor, row, column; one is "value".
        columns: the first entry of the value axis, and the one after the last.
        start: how many numbers of the item stand before the table, where it is a part of it.
    """

    tensor: str
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    columns: tuple[int, int]
    start: int = 0

    @property
    def value_axis(self) -> int:
        """The axis of the columns."""
        return self.axes.index(VALUE)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return math.prod(self.shape) // self.shape[self.value_axis]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.columns[1] - self.columns[0]

    def rows(self, item: Array) -> Array:
        """The numbers [rows, columns] of an item of the tensor."""
        numbers = item.reshape(-1)[self.start : self.start + math.prod(self.shape)]
        apart = np.moveaxis(numbers.reshape(self.shape), self.value_axis, -1)
        return apart.reshape(-1, self.shape[self.value_axis])[:, slice(*self.columns)]

    def flat_index(self, row: int, column: int) -> int:
        """The place of a number in the item, in row-major order."""
        others = [size for axis, size in enumerate(self.shape) if axis != self.value_axis]
        place = [int(i) for i in np.unravel_index(row, others)]
        place.insert(self.value_axis, self.columns[0] + column)
        return self.start + int(np.ravel_multi_index(place, self.shape))

    def place(self, row: int) -> dict[str, int]:
        """Where a row stands, by the names of the axes: {"anchor": 1, "row": 7, "column": 12}."""
        names = [name for name in self.axes if name != VALUE]
        sizes = [self.shape[self.axes.index(name)] for name in names]
        return dict(zip(names, map(int, np.unravel_index(row, sizes)), strict=True))

    def part(self, start: int, stop: int) -> Table:
        """Other columns of the same tensor."""
        return replace(self, columns=(start, stop))

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON has it."""
        return {
            "tensor": self.tensor,
            "shape": [*self.shape],
            "axes": [*self.axes],
            "columns": [*self.columns],
            "start": self.start,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Table:
        """The table of a record.

        Raises:
            InputError: something is missing or does not go together.
        """
        try:
            table = cls(
                str(record["tensor"]),
                tuple(map(int, record["shape"])),
                tuple(map(str, record["axes"])),
                (int(record["columns"][0]), int(record["columns"][1])),
                int(record.get("start", 0)),
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"{parameter('head')}: a table needs tensor, shape, axes and columns ({error!r}); "
                "take what `retrograph heads MODEL --json` prints, and change it"
            ) from None
        if len(table.axes) != len(table.shape) or table.axes.count(VALUE) != 1:
            raise InputError(
                f"{parameter('head')}: the axes {', '.join(table.axes)} of '{table.tensor}' name "
                f"{len(table.axes)} of {len(table.shape)} axes, one of which is 'value'; give a "
                "name for each"
            )
        start, stop = table.columns
        if not 0 <= start < stop <= table.shape[table.value_axis]:
            raise InputError(
                f"{parameter('head')}: columns {start} to {stop} of '{table.tensor}', which has "
                f"{table.shape[table.value_axis]}; count from 0"
            )
        return table
