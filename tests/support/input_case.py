"""The kind of an input of a shape."""

from __future__ import annotations

from retrograph.inputs import InputKind, input_kind
from retrograph.preprocess import Coding, Preprocessing, Shape, axes_by_size


def kind_of(shape: Shape, recipe: Preprocessing, coding: Coding | None = None) -> InputKind:
    """What an input is of which no more than its shape, batch first, is known."""
    return input_kind(axes_by_size(shape), recipe, coding)
