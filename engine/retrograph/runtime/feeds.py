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
    kinds = "iu" if spec.dtype.kind in "iu" else "biuf"
    fits = len(spec.shape) == value.ndim and all(
        not isinstance(d, int) or d == n for d, n in zip(spec.shape, value.shape, strict=True)
    )
    if not fits or value.dtype.kind not in kinds:
        raise InputError(
            f"input '{spec.name}' takes {spec}; what is given is {value.dtype} {list(value.shape)}"
        )
    return value.astype(spec.dtype, copy=False)
