"""The values of a model's input in one measure: what is a step for one model is one for all.

A canvas holds pictures float64 [N, C, H, W] that count from -1/2 (black) over 0 (mid-grey) to 1/2
(white), the channels in the model's own order. What is no picture is its own canvas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from retrograph.errors import InputError
from retrograph.preprocess import Preprocessing, infer_layout
from retrograph.preprocess.recipe import describe, known, spatial

Canvas: TypeAlias = npt.NDArray[np.float64]

WHITE = 0.5
_RANGE = 255.0


@dataclass(frozen=True)
class Space:
    """From a canvas to the model's input and back.

    Attributes:
        item: the shape of one input on a canvas, [C, H, W] of a picture.
        recipe: how a picture becomes the input; None where the input is no picture.
        low, high: the least and the largest value that a canvas may have.
    """

    item: tuple[int, ...]
    recipe: Preprocessing | None
    low: float = -np.inf
    high: float = np.inf

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a picture."""
        return self.item[1], self.item[2]

    def to_input(self, canvas: Canvas) -> npt.NDArray[np.float32]:
        """The model's input, float32 [N, ...] in its own layout, of a canvas."""
        if self.recipe is None:
            return canvas.astype(np.float32)
        gain, offset = _gain(self.recipe), _offset(self.recipe)
        values = canvas * gain + offset
        if self.recipe.layout == "nhwc":
            values = values.transpose(0, 2, 3, 1)
        return np.ascontiguousarray(values, np.float32)

    def from_input(self, values: npt.ArrayLike) -> Canvas:
        """The canvas of a model's input [N, ...]."""
        canvas = np.asarray(values, np.float64)
        if self.recipe is None:
            return canvas
        if self.recipe.layout == "nhwc":
            canvas = canvas.transpose(0, 3, 1, 2)
        found: Canvas = (canvas - _offset(self.recipe)) / _gain(self.recipe)
        return found

    def gradient(self, gradient: npt.ArrayLike) -> Canvas:
        """The gradient by the canvas, of that by the model's input [N, ...]."""
        values = np.asarray(gradient, np.float64)
        if self.recipe is None:
            return values
        if self.recipe.layout == "nhwc":
            values = values.transpose(0, 3, 1, 2)
        found: Canvas = values * _gain(self.recipe)
        return found

    def clipped(self, canvas: Canvas) -> Canvas:
        """The canvas with the values that it may have."""
        return np.clip(canvas, self.low, self.high)

    def rounded(self, canvas: Canvas) -> Canvas:
        """The canvas with the 256 values of a picture's bytes; what is no picture stays."""
        if self.recipe is None:
            return canvas
        rounded: Canvas = np.round((canvas + WHITE) * _RANGE) / _RANGE - WHITE
        return self.clipped(rounded)


def space_of(
    shape: Sequence[int | str | None],
    recipe: Preprocessing | None,
    size: tuple[int, int] | None,
    bounds: tuple[float, float] | None,
) -> Space:
    """The space of a model's input.

    Args:
        shape: of the input, batch first.
        recipe: how pictures become it.
        size: height and width where the model leaves them open, else None.
        bounds: the least and largest value of an input that is no picture; None for any.

    Raises:
        InputError: a size is missing, or is not the model's.
    """
    try:
        infer_layout(shape)
    except InputError:
        return _of_no_picture(shape, size, bounds)
    if bounds is not None:
        raise InputError("bounds are for inputs that are no pictures; leave them out")
    assert recipe is not None
    fixed = spatial(shape, recipe.layout)
    return Space((recipe.channels, *_settled(fixed, size)), recipe, -WHITE, WHITE)


def _settled(fixed: tuple[int | None, int | None], size: tuple[int, int] | None) -> tuple[int, int]:
    wanted = size or (fixed[0] or _USUAL, fixed[1] or _USUAL)
    for name, have, want in zip(("height", "width"), fixed, wanted, strict=True):
        if have is not None and have != want:
            raise InputError(
                f"the model takes pictures of {name} {have}, not {want}; leave the size out"
            )
    return wanted


_USUAL = 224
"""The side of a picture where neither the model nor the user says it."""


def _of_no_picture(
    shape: Sequence[int | str | None],
    size: tuple[int, int] | None,
    bounds: tuple[float, float] | None,
) -> Space:
    item = [known(dim) for dim in shape[1:]]
    if size is not None:
        raise InputError(f"the model's input {describe(shape)} is no picture; leave the size out")
    if None in item or not item:
        raise InputError(
            f"the model's input {describe(shape)} leaves sizes open and is no picture; "
            "start from an array of the size that is wanted"
        )
    sizes = tuple(int(extent or 0) for extent in item)
    low, high = bounds or (-np.inf, np.inf)
    return Space(sizes, None, low, high)


def _gain(recipe: Preprocessing) -> Canvas:
    found: Canvas = _RANGE * recipe.scale / np.array(recipe.std).reshape(-1, 1, 1)
    return found


def _offset(recipe: Preprocessing) -> Canvas:
    """What mid-grey is in the model's input."""
    grey = WHITE * _RANGE * recipe.scale - np.array(recipe.mean).reshape(-1, 1, 1)
    found: Canvas = grey / np.array(recipe.std).reshape(-1, 1, 1)
    return found
