"""The attribution of an inner tensor, laid over the input that the tensor is computed from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrograph.contract import Places
from retrograph.runtime import Array


def onto_input(values: Array, places: Places, item: Sequence[int]) -> Array | None:
    """An attribution where it lies in the input, summed over the axes that no place tells.

    Between the centres of what neighbouring positions see it is interpolated.

    Args:
        values: of an inner tensor, [*tensor].
        places: where the tensor lies in the input (see `Contract.places`).
        item: the shape of an item of the input.

    Returns:
        [*item], with 1 along the axes of the input that the tensor does not follow; None where
        it follows none.
    """
    told = [(axis, place) for axis, place in enumerate(places) if place is not None]
    own = [int(place[0]) % values.ndim for _, place in told]
    if not told or len({*own}) < len(own):
        return None
    rest = tuple(axis for axis in range(values.ndim) if axis not in own)
    kept = sorted(own)
    drawn = values.sum(axis=rest).transpose([kept.index(axis) for axis in own])
    for number, (axis, (_, stride, centre)) in enumerate(told):
        drawn = _spread(drawn, number, stride, centre, item[axis])
    shape = [1] * len(item)
    for axis, _ in told:
        shape[axis] = item[axis]
    laid: Array = drawn.reshape(shape)
    return laid


def _spread(values: Array, axis: int, stride: float, centre: float, size: int) -> Array:
    """Values at stride * q + centre along an axis, read at 0, 1, ..., size - 1."""
    rows = np.moveaxis(values, axis, 0)
    at = np.clip((np.arange(size) - centre) / (stride or 1.0), 0, len(rows) - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    part = (at - low).reshape(-1, *[1] * (rows.ndim - 1))
    read: Array = np.moveaxis(rows[low] * (1 - part) + rows[high] * part, 0, axis)
    return read.astype(values.dtype)
