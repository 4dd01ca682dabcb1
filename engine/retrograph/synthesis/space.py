"""The values of a model's input in one measure: what is a step for one model is one for all.

A canvas holds pictures float64 [N, C, H, W] that count from -1/2 (black) over 0 (mid-grey) to 1/2
(white), the channels in the model's own order; of a video the channels of all its frames, [N, T C,
H, W]. What is neither is its own canvas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from retrograph.errors import InputError
from retrograph.preprocess import InputAxes, Preprocessing
from retrograph.preprocess.picture import Pixels
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
        axes: what the axes of the input count.
        low, high: the least and the largest value that a canvas may have.
    """

    item: tuple[int, ...]
    recipe: Preprocessing | None
    axes: InputAxes
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
        gain, offset = self._gain_and_offset
        return np.ascontiguousarray(self.arranged(canvas * gain + offset), np.float32)

    def arranged(self, canvas: Canvas) -> Canvas:
        """A canvas with its axes as the model's input has them."""
        if self.recipe is None:
            return canvas
        stacks = canvas.reshape(len(canvas), -1, self.recipe.channels, *canvas.shape[2:])
        if self.recipe.layout == "nhwc":
            stacks = stacks.transpose(0, 1, 3, 4, 2)
        return self.axes.to_items(stacks)

    def _canvas(self, values: Canvas) -> Canvas:
        """What has the axes of the model's input [N, ...] as a canvas."""
        assert self.recipe is not None
        stacks = self.axes.to_stacks(values)
        if self.recipe.layout == "nhwc":
            stacks = stacks.transpose(0, 1, 4, 2, 3)
        return stacks.reshape(len(stacks), -1, *stacks.shape[3:])

    @cached_property
    def _gain_and_offset(self) -> tuple[Canvas, Canvas]:
        """The input by a step on the canvas, and at mid-grey, for the channels of all frames.

        Each [T C, 1, 1], or [1, 1, 1] for all.
        """
        recipe = self.recipe
        assert recipe is not None
        gain = _RANGE * recipe.scale / np.array(recipe.std).reshape(-1, 1, 1)
        grey = WHITE * _RANGE * recipe.scale - np.array(recipe.mean).reshape(-1, 1, 1)
        offset = grey / np.array(recipe.std).reshape(-1, 1, 1)
        frames = self.item[0] // recipe.channels
        repeated = (v if len(v) == 1 else np.tile(v, (frames, 1, 1)) for v in (gain, offset))
        first, second = repeated
        return first, second

    def from_input(self, values: npt.ArrayLike) -> Canvas:
        """The canvas of a model's input [N, ...]."""
        canvas = np.asarray(values, np.float64)
        if self.recipe is None:
            return canvas
        gain, offset = self._gain_and_offset
        result: Canvas = (self._canvas(canvas) - offset) / gain
        return result

    def gradient(self, gradient: npt.ArrayLike) -> Canvas:
        """The gradient by the canvas, of that by the model's input [N, ...]."""
        values = np.asarray(gradient, np.float64)
        if self.recipe is None:
            return values
        result: Canvas = self._canvas(values) * self._gain_and_offset[0]
        return result

    def picture(self, values: npt.NDArray[Any]) -> Pixels | None:
        """An input [*input] as a picture, uint8 [H, W, 3]: a video's frames side by side.

        None for what is neither.
        """
        if self.recipe is None:
            return None
        return np.concatenate([*self.axes.frames_of(values, self.recipe)], axis=1)

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
    axes: InputAxes,
    recipe: Preprocessing | None,
    size: tuple[int, int] | None,
    bounds: tuple[float, float] | None,
) -> Space:
    """The space of a model's input.

    Args:
        axes: of the input.
        recipe: how pictures become it.
        size: height and width where the model leaves them open, else None.
        bounds: the least and largest value of an input that is no picture; None for any.

    Raises:
        InputError: a size is missing, or is not the model's.
    """
    if axes.frame is None:
        return _of_no_picture(axes, size, bounds)
    if bounds is not None:
        raise InputError("bounds are for inputs that are no pictures; leave them out")
    assert recipe is not None
    if axes.takes_videos and axes.frames is None:
        raise InputError(
            f"the model's input {describe(axes.shape)} leaves the number of frames open; start "
            "from a video of as many frames as are wanted"
        )
    fixed = spatial(axes.frame, recipe.layout)
    channels = recipe.channels * (axes.frames or 1)
    return Space((channels, *_settled(fixed, size)), recipe, axes, -WHITE, WHITE)


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
    axes: InputAxes, size: tuple[int, int] | None, bounds: tuple[float, float] | None
) -> Space:
    shape, item = axes.shape, [known(dim) for dim in axes.item]
    if size is not None:
        raise InputError(f"the model's input {describe(shape)} is no picture; leave the size out")
    if None in item or not item:
        raise InputError(
            f"the model's input {describe(shape)} leaves sizes open and is no picture; "
            "start from an array of the size that is wanted"
        )
    sizes = tuple(int(extent or 0) for extent in item)
    low, high = bounds or (-np.inf, np.inf)
    return Space(sizes, None, axes, low, high)
