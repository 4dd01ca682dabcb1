"""Rows of a table: [N, F]."""

from __future__ import annotations

from retrograph.inputs.kinds.numbers import NumberInput
from retrograph.preprocess import Coding, InputAxes


class TableInput(NumberInput):
    """A row of numbers."""

    name = "table"

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """One axis."""
        return len(axes.item) == 1
