"""Inputs that are no pictures as planes that can be drawn: sequences, vectors, stacks of maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LONGEST = 1024
_FLATTEST = 8
_MOST_DOTTED = 100
"""The rows and columns of a plane whose cells have room for a dot."""


def plane(values: NDArray[Any]) -> NDArray[Any]:
    """A vector [L], a sequence [C, L] or maps [C, H, W] as one grey picture [1, rows, columns].

    Maps are averaged over their channels, the fewer of the first and the last axis. Of a sequence
    the longer axis lies across. What is too long keeps of each stretch its value farthest from 0;
    what is too flat is drawn higher.
    """
    flat = rows_and_columns(values)
    for axis in (0, 1):
        flat = _shortened(flat, axis)
    height = -(-flat.shape[1] // (_FLATTEST * flat.shape[0]))
    drawn: NDArray[Any] = flat.repeat(max(1, height), axis=0)[np.newaxis]
    return drawn


def rows_and_columns(values: NDArray[Any]) -> NDArray[Any]:
    """What `plane` draws, [rows, columns], before it is shortened or made higher."""
    if values.ndim == 3:
        averaged: NDArray[Any] = values.mean(axis=0 if values.shape[0] <= values.shape[2] else 2)
        return averaged
    flat = values.reshape(-1, values.shape[-1])
    return flat.T if flat.shape[0] > flat.shape[1] else flat


def axis_names(values: NDArray[Any]) -> tuple[str, str]:
    """What is counted down and across where `plane` draws it."""
    if values.ndim == 3:
        return "row", "column"
    if values.ndim < 2:
        return "", "position"
    flat = values.reshape(-1, values.shape[-1])
    return ("column", "row") if flat.shape[0] > flat.shape[1] else ("row", "column")


def is_averaged(values: NDArray[Any]) -> bool:
    """Whether `plane` draws the mean of several channels."""
    return values.ndim == 3 and min(values.shape[0], values.shape[2]) > 1


def is_sparse(values: NDArray[Any]) -> bool:
    """Whether few values of a small plane [rows, columns] are 1 and the others 0."""
    is_small = max(values.shape) <= _MOST_DOTTED and min(values.shape) > 1
    are_few = 0 < np.count_nonzero(values) < values.size / 2
    return bool(is_small and are_few and ((values == 0) | (values == 1)).all())


def _shortened(values: NDArray[Any], axis: int) -> NDArray[Any]:
    length = values.shape[axis]
    if length <= _LONGEST:
        return values
    cuts = np.linspace(0, length, _LONGEST, endpoint=False).astype(int)
    high = np.maximum.reduceat(values, cuts, axis=axis)
    low = np.minimum.reduceat(values, cuts, axis=axis)
    return np.where(high >= -low, high, low)
