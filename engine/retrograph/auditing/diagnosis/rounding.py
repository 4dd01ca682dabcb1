"""Weights that were rounded: to fewer bits, or to whole multiples of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ml_dtypes
import numpy as np

from retrograph.auditing.axes import relative_error
from retrograph.runtime import Array

_EXACT = 1e-7
_LEVELS = 256
_SOME = 16
_FEW = 4
_ROUGHLY = 0.2
_ON_THE_GRID = 1e-2

Relation = Callable[[Array, Array], str | None]
"""Of the weights of A and B, [O, I, *kernel], what B's are; None where they are not that."""


def _bfloat16(a: Array, b: Array) -> str | None:
    cut = (np.ascontiguousarray(a).view(np.uint32) & 0xFFFF0000).view(np.float32)
    is_it = relative_error(cut, b) <= _EXACT or _is_rounded(a, b, ml_dtypes.bfloat16)
    return "the weights are cut to bfloat16" if is_it else None


def _float16(a: Array, b: Array) -> str | None:
    return "the weights are rounded to float16" if _is_rounded(a, b, np.float16) else None


def _float8(a: Array, b: Array) -> str | None:
    kinds = (("E4M3", ml_dtypes.float8_e4m3fn), ("E5M2", ml_dtypes.float8_e5m2))
    name = next((name for name, kind in kinds if _is_rounded(a, b, kind)), "")
    return f"the weights are rounded to float8 ({name})" if name else None


def _is_rounded(a: Array, b: Array, kind: type[np.generic]) -> bool:
    """Whether B's are A's in another type of floating point."""
    with np.errstate(over="ignore"):
        return relative_error(a.astype(kind).astype(np.float32), b) <= _EXACT


def _int8(a: Array, b: Array) -> str | None:
    return _whole_numbers(a, b, "int8", 127)


def _int4(a: Array, b: Array) -> str | None:
    return _whole_numbers(a, b, "int4", 7)


def _whole_numbers(a: Array, b: Array, name: str, most: int) -> str | None:
    """Whether B's are A's on a grid of steps, of which the largest weight is so many."""
    if a.size < _SOME:
        return None
    if _on_a_grid(a.reshape(1, -1), b.reshape(1, -1), most):
        return f"the weights are rounded to {name}"
    rows = a.reshape(len(a), -1), b.reshape(len(b), -1)
    if rows[1].shape[1] >= _FEW and _on_a_grid(*rows, most):
        return f"the weights are rounded to {name}, by channel"
    return None


def _on_a_grid(a: Array, b: Array, most: int) -> bool:
    """Whether each row of B holds whole multiples of the so-many-th part of its largest value.

    And none of them farther from A's than a step.
    """
    steps = np.maximum(np.abs(b).max(1, keepdims=True), 1e-30) / most
    is_near = bool((np.abs(a - b) <= steps).all())
    return is_near and bool(np.abs(b / steps - np.round(b / steps)).max() < _ON_THE_GRID)


def _few_values(a: Array, b: Array) -> str | None:
    if a.size < _SOME or relative_error(a, b) > _ROUGHLY:
        return None
    levels = len(np.unique(b))
    is_rounded = levels <= _LEVELS < b.size and len(np.unique(a)) > 2 * levels
    return f"the weights are rounded to {levels} values" if is_rounded else None


ROUNDINGS: Sequence[tuple[str, Relation]] = (
    ("bfloat16", _bfloat16),
    ("float16", _float16),
    ("float8", _float8),
    ("int4", _int4),
    ("int8", _int8),
    ("int8", _few_values),
)
"""The types to which weights may be rounded, those of the most bits first, each with its test."""
