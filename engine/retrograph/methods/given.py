"""Arrays as the parameter of a method: compared and recorded by their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from retrograph.errors import InputError, parameter
from retrograph.ir.graph import Array, Shape
from retrograph.pointers import refuse_pointer_file

SUFFIXES = (".npy", ".npz")


class Given:
    """An array for the only explained input, or one each by the inputs' names.

    Args:
        what: whose parameter it is, for errors.
        value: the array, or arrays by inputs' names; that named "" is for the only explained
            input, where none has its name.

    Raises:
        InputError: it has no numbers, or some are not finite.
    """

    def __init__(self, what: str, value: ArrayLike | Mapping[str, ArrayLike]) -> None:
        self._what = what
        named = dict(value) if isinstance(value, Mapping) else {"": value}
        self._arrays = {name: _checked(what, array) for name, array in named.items()}
        self._text = "; ".join(
            f"{name}: {_told(array)}" if name else _told(array)
            for name, array in self._arrays.items()
            if name or len(self._arrays) == 1
        )

    def of(self, name: str) -> Array:
        """The array of an explained input."""
        return self._arrays[name if name in self._arrays else ""]

    def check(self, shapes: Mapping[str, Sequence[Shape]]) -> None:
        """Whether there is an array for each explained input, in one of its shapes.

        Raises:
            InputError: there is not.
        """
        for name, allowed in shapes.items():
            if name not in self._arrays and ("" not in self._arrays or len(shapes) > 1):
                raise InputError(
                    f"{self._what}: give an array for each of {', '.join(shapes)}, by their names "
                    f"(a mapping, or an .npz), or explain one input ({parameter('wrt')})"
                )
            array = self.of(name)
            if not any(_fits(array, shape) for shape in allowed):
                wanted = " or ".join(map(_listed, allowed))
                raise InputError(
                    f"{self._what}: an array {list(array.shape)} does not fit the input '{name}'; "
                    f"it takes {wanted}"
                )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Given) or self._arrays.keys() != other._arrays.keys():
            return False
        return all(np.array_equal(a, other._arrays[name]) for name, a in self._arrays.items())

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


def read(text: str) -> Given:
    """Arrays from a file: .npy, or .npz with one array or with one each by the inputs' names.

    Where only one input is explained and no array has its name, `input` is taken, as `explain`
    keeps it.

    Raises:
        InputError: it cannot be read.
    """
    refuse_pointer_file(text)
    try:
        with open(text, "rb") as file:
            loaded: Any = np.load(file, allow_pickle=False)
            arrays = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except OSError as error:
        raise InputError(f"cannot read '{text}': {error.strerror}") from None
    except Exception as error:  # on damaged data NumPy and zipfile raise nearly anything
        reason = " ".join(str(error).split())
        raise InputError(
            f"'{text}' is no .npy or .npz with arrays of numbers ({reason}); save it anew"
        ) from None
    if len(arrays) == 1:
        return Given(text, *arrays.values())
    if "input" not in arrays:
        return Given(text, arrays)
    others = {name: array for name, array in arrays.items() if name != "input" and _usable(array)}
    return Given(text, {"": arrays["input"], "input": arrays["input"], **others})


def _fits(array: Array, shape: Shape) -> bool:
    """Whether an array has a shape, as far as that is known."""
    return array.ndim == len(shape) and all(
        size == d or not isinstance(d, int) for size, d in zip(array.shape, shape, strict=True)
    )


def _checked(what: str, value: ArrayLike) -> Array:
    array = np.array(value)
    if not _is_numbers(array):
        raise InputError(f"{what}: {array.dtype} {list(array.shape)} is no array of numbers")
    if not np.isfinite(array).all():
        raise InputError(f"{what}: some numbers are not finite")
    array.flags.writeable = False
    return array


def _is_numbers(array: Array) -> bool:
    return array.dtype.kind in "iuf" and array.size > 0


def _usable(array: Array) -> bool:
    return _is_numbers(array) and bool(np.isfinite(array).all())


def _listed(shape: Shape) -> str:
    return "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"


def _told(array: Array) -> str:
    digest = hashlib.sha256(array.tobytes()).hexdigest()[:8]
    return f"array {list(array.shape)} sha256:{digest}"
