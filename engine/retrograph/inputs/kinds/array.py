"""Inputs of which nothing more is known: maps, sequences of numbers, features."""

from __future__ import annotations

from retrograph.inputs.kinds.numbers import NumberInput
from retrograph.preprocess import Coding, InputAxes


class ArrayInput(NumberInput):
    """An array of any number of axes."""

    name = "array"

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """All."""
        return True
