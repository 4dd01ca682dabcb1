"""A baseline: the input that an attribution is told from, as a parameter of a method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from retrograph.errors import InputError
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Array, DType, Tensor
from retrograph.methods.given import SUFFIXES, Given, read

Baseline = float | Array | Mapping[str, Array] | Given
"""A number; or an array of the shape of an item, or such by the inputs' names."""

BASELINE_KIND = "a number, or an .npy or .npz"


def read_baseline(text: str) -> Baseline:
    """A number, or arrays from a file."""
    return read(text) if text.endswith(SUFFIXES) else float(text)


def held(what: str, value: Baseline) -> float | Given:
    """A baseline in a form that can be compared and recorded.

    Args:
        what: whose parameter it is, for errors.
        value: as it was given.

    Raises:
        InputError: it has no numbers, or some are not finite.
    """
    if isinstance(value, Given):
        return value
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            raise InputError(f"{what} is {value}; give a finite number")
        return value
    return Given(what, value)


def check_baseline(value: Baseline, inputs: Sequence[Tensor], first: int) -> None:
    """Whether a baseline that is held fits the explained inputs.

    Args:
        value: the baseline.
        inputs: [N, *item] each.
        first: the first axis of an item: 1, or 0 where the whole input is one item.

    Raises:
        InputError: it does not.
    """
    if isinstance(value, Given):
        items = {x.name: (x.shape or ())[first:] for x in inputs}
        value.check({name: [item, (1, *item)][: first + 1] for name, item in items.items()})


def baseline_of(e: Emitter, value: Baseline, x: Tensor, first: int, dtype: DType) -> Tensor:
    """The baseline of an input, a number or an item of it."""
    if isinstance(value, Given):
        array = value.of(x.name)
        return e.const(array.reshape(array.shape[array.ndim - (x.rank or 0) + first :]), dtype)
    assert isinstance(value, (int, float))
    return e.const(value, dtype)
