"""Where a unit's patch lies in the input, and how it is cut out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from retrograph.receptive_field import Field
from retrograph.runtime import Array

Windows: TypeAlias = tuple[tuple[int, int], ...]
"""For each axis of an input the first position and the one after the last; they may lie outside."""


def windows(
    field: Field | None, index: Sequence[int], shape: Sequence[int], first: int = 1
) -> Windows:
    """The patch that a unit sees, not clipped: of one size for all units of a layer.

    Of an axis of which a unit sees as much as there is, or more, it is the whole axis.

    Args:
        field: what a unit of the layer sees; None for all.
        index: the unit's, in an item of the layer.
        shape: that of an item of the input.
        first: the input's axis that is the first of an item's: 0 where it has no batch axis.
    """
    places = [(0, size) for size in shape]
    if field is None:
        return tuple(places)
    for axis, span in zip(field.axes, field.spans, strict=True):
        if span is not None and span.size < shape[axis - first]:
            centre = 0 if span.axis is None else span.stride * index[span.axis]
            start = math.ceil(centre + span.first)
            places[axis - first] = (start, start + span.size)
    return tuple(places)


def cut(values: Array, places: Windows, fill: float = 0) -> Array:
    """The part of an array in the windows of its axes; what lies outside of it is `fill`."""
    patch = np.full([stop - start for start, stop in places], fill, values.dtype)
    inside, into = [], []
    for (start, stop), size in zip(places, values.shape, strict=True):
        first, last = max(start, 0), min(stop, size)
        last = max(first, last)
        inside.append(slice(first, last))
        into.append(slice(first - start, last - start))
    part = values[tuple(inside)]
    if part.size:
        patch[tuple(into)] = part
    return patch
