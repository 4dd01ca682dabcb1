"""The picture that a model makes: of style transfer, of super-resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrograph.runtime import Array

_RANGES: Final = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
"""What values of pictures lie between, black and white."""
_BEYOND: Final = 0.1
"""How far beyond its range, in its extents, a picture that is not clipped goes."""
_DARK: Final = 16.0
"""Values between 0 and 255 that are nowhere brighter are none of a picture's."""
_BELOW: Final = 0.1
"""The share of its values that may be below black."""
_SMALLEST: Final = 0.9
"""The sides of the picture, in those of the input."""


def made_picture(values: Array, sizes: Sequence[int]) -> NDArray[np.uint8] | None:
    """The output of a model as a picture, where it is one and not scores of classes by pixel.

    That is told by its size, its one or three channels and their range: scores of classes are
    below 0 for most classes, and shares of them sum to 1.

    Args:
        values: of the output, [C, *positions].
        sizes: height and width of the input.

    Returns:
        [H, W] of one channel, [H, W, 3] of three; None where it is no picture.
    """
    if values.ndim != 3 or len(values) not in (1, 3) or len(sizes) != 2:
        return None
    if any(side < _SMALLEST * size for side, size in zip(values.shape[1:], sizes, strict=True)):
        return None
    numbers = values.astype(np.float64)
    limits = None if _are_shares(numbers) else _range_of(numbers)
    if limits is None:
        return None
    low, high = limits
    pixels = (np.clip((numbers - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)
    return pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, 2)


def _are_shares(values: NDArray[np.float64]) -> bool:
    """Whether the channels of each pixel sum to 1."""
    return len(values) > 1 and values.min() >= 0 and bool(np.allclose(values.sum(0), 1, atol=1e-3))


def _range_of(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Which of the ranges of pictures the values keep to; None where none."""
    lowest, highest = np.percentile(values, (1, 99))
    for low, high in _RANGES:
        beyond = _BEYOND * (high - low)
        is_within = low - beyond <= lowest and highest <= high + beyond
        is_bright = high < _DARK or highest > _DARK
        if is_within and is_bright and np.mean(values < low) <= _BELOW:
            return low, high
    return None
