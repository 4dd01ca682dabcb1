"""What a session takes: inputs by name, of an element type and shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrograph.errors import InputError

Array = np.ndarray[Any, Any]

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint64)": np.uint64,
    "tensor(uint32)": np.uint32,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True)
class Spec:
    """One input of a session: its name, element type and shape (a name or None is open)."""

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        dims = ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.dtype} [{dims}]"

    @classmethod
    def of(cls, given: Any) -> Spec:
        """What ONNX Runtime says of an input."""
        dtype = np.dtype(_DTYPES[given.type]) if given.type in _DTYPES else None
        dims = (None if isinstance(d, int) and d < 0 else d for d in given.shape)
        return cls(given.name, dtype, tuple(dims))


def checked(specs: Sequence[Spec], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """An array for each input, of its type.

    Raises:
        InputError: one is missing, unknown, or has a wrong type or shape.
    """
    names = [spec.name for spec in specs]
    for name in feeds:
        if name not in names:
            raise InputError(f"no input '{name}'; the graph has: {', '.join(names)}")
    missing = [f"'{spec.name}' ({spec})" for spec in specs if spec.name not in feeds]
    if missing:
        raise InputError(f"missing inputs: {', '.join(missing)}; give an array for each by name")
    return {spec.name: _as(spec, np.asarray(feeds[spec.name])) for spec in specs}


def _as(spec: Spec, value: Array) -> Array:
    if spec.dtype is None:
        return value
    whole = spec.dtype.kind in "iu"
    fits = len(spec.shape) == value.ndim and all(
        not isinstance(d, int) or d == n for d, n in zip(spec.shape, value.shape, strict=True)
    )
    if not fits or value.dtype.kind not in "biuf" or (whole and not _holds(spec.dtype, value)):
        raise InputError(
            f"input '{spec.name}' takes {spec}; what is given is {value.dtype} {list(value.shape)}"
            f"{_beyond(spec.dtype, value) if fits and whole else ''}"
        )
    with np.errstate(over="ignore"):
        given = value.astype(spec.dtype, copy=False)
    if given is not value and (np.isinf(given) & np.isfinite(value)).any():
        most, end = np.abs(value[np.isfinite(value)]).max(), np.finfo(spec.dtype).max
        raise InputError(
            f"input '{spec.name}' takes {spec.dtype}, which ends at {end:g}, and numbers up to "
            f"{most:g} are given; check the preprocessing"
        )
    return given


def _holds(dtype: np.dtype[Any], value: Array) -> bool:
    """Whether a type of whole numbers holds all of these numbers."""
    if value.dtype.kind == "b" or np.can_cast(value.dtype, dtype):
        return bool(value.dtype.kind != "b")
    if value.dtype.kind == "f" and not bool(np.all(value == np.round(value))):
        return False
    ends = np.iinfo(dtype)
    return not value.size or bool(ends.min <= value.min() and value.max() <= ends.max)


def _beyond(dtype: np.dtype[Any], value: Array) -> str:
    """What numbers there are, where they are not those of a type."""
    if value.dtype.kind not in "iuf" or not value.size:
        return ""
    ends = np.iinfo(dtype)
    return (
        f" of numbers from {value.min():g} to {value.max():g}; give whole numbers from {ends.min} "
        f"to {ends.max}"
    )
