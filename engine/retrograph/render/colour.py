"""Attributions as colours.

An attribution is an array of the model's input without the batch axis, [C, H, W] or [H, W, C] by
`layout`. Its scale is set by a percentile of the absolute values that are not zero, so that
neither one outlier nor a field of zeros (the attribution of a single unit is mostly that) washes
the rest out; what is beyond is clipped. An attribution of zeros alone stays so.

All functions raise InputError when an attribution is not finite.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrograph.errors import InputError

Attribution: TypeAlias = npt.NDArray[np.floating[Any]]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Picture: TypeAlias = Pixels | Image.Image
"""A picture: uint8 [H, W, 3], or of Pillow."""
Floats: TypeAlias = npt.NDArray[np.float64]
Layout: TypeAlias = Literal["nchw", "nhwc"]
Order: TypeAlias = Literal["rgb", "bgr", "gray"]

PERCENTILE: Final = 99.5
GREY: Final = 128
"""The middle of a colour's 256 levels."""
LUMA: Final = (0.299, 0.587, 0.114)

MAGMA: Final = bytes.fromhex(
    "000004 0b0924 20114b 3b0f70 57157e 721f81 8c2981 a8327d"
    "c43c75 de4968 f1605d fa7f5e fe9f6d febf84 fddea0 fcfdbf"
)
"""Every 17th colour of matplotlib's perceptually uniform map "magma" (CC0)."""


def channels_last(attribution: Attribution, layout: Layout) -> Floats:
    """The attribution as [H, W, C] in float64; raises InputError where it is not finite."""
    values = np.asarray(attribution, np.float64)
    if not np.isfinite(values).all():
        raise InputError(
            "the attribution has NaN or infinite values; "
            "check the preprocessing, or run the model in float32"
        )
    return values.transpose(1, 2, 0) if layout == "nchw" else values


def magnitude(attribution: Attribution, layout: Layout, percentile: float) -> Floats:
    """The largest absolute value over the channels [H, W], from 0 to 1."""
    return to_unit(np.abs(channels_last(attribution, layout)).max(axis=2), percentile)


def to_unit(values: Floats, percentile: float, end: float | None = None) -> Floats:
    """The values, clipped to -1 and 1, by what `scale_of` gives, or by an end that is given."""
    scale = end or scale_of(values, percentile)
    if not scale:
        return values
    unit: Floats = np.clip(values / scale, -1, 1)
    return unit


def scale_of(values: npt.NDArray[np.floating[Any]], percentile: float = PERCENTILE) -> float:
    """The magnitude at which colours end: a percentile of those that are not 0; 0 for zeros."""
    sizes = np.abs(values[values != 0])
    return float(np.percentile(sizes, percentile)) if sizes.size else 0.0


def to_bytes(values: Floats) -> Pixels:
    """Rounded to uint8."""
    pixels: Pixels = values.round().astype(np.uint8)
    return pixels


def magma(values: Floats) -> Floats:
    """The colours [..., 3] of values from 0 to 1."""
    controls = np.frombuffer(MAGMA, np.uint8).reshape(-1, 3)
    places = np.linspace(0, 1, len(controls))
    return np.stack([np.interp(values, places, channel) for channel in controls.T], axis=-1)
