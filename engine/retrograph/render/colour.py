"""Attributions as colours.

An attribution is an array of the model's input without the batch axis, [C, H, W] or [H, W, C] by
`layout`. Its scale is set by a percentile of the absolute values that are not zero, so that
neither one outlier nor a field of zeros (the attribution of a single unit is mostly that) washes
the rest out; what is beyond is clipped. An attribution of zeros alone stays so.

All functions raise InputError when an attribution is not finite.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess import Layout, Order

Attribution: TypeAlias = npt.NDArray[np.floating[Any]]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Picture: TypeAlias = Pixels | Image.Image
"""A picture: uint8 [H, W, 3], or of Pillow."""
Floats: TypeAlias = npt.NDArray[np.float64]

PERCENTILE: Final = 99.5
GREY: Final = 128
LUMA: Final = (0.299, 0.587, 0.114)
DIMMED: Final = 0.55
"""The share of its brightness that a picture keeps under an overlay."""

MAGMA: Final = bytes.fromhex(
    "000004 0b0924 20114b 3b0f70 57157e 721f81 8c2981 a8327d"
    "c43c75 de4968 f1605d fa7f5e fe9f6d febf84 fddea0 fcfdbf"
)
"""Every 17th colour of matplotlib's perceptually uniform map "magma" (CC0)."""


def signed(
    attribution: Attribution,
    *,
    layout: Layout = "nchw",
    order: Order = "rgb",
    percentile: float = PERCENTILE,
) -> Pixels:
    """The attribution as the guided backpropagation paper draws it: uint8 [H, W, 3].

    Zero is mid-grey (128), and each colour is brighter where its channel speaks for the unit and
    darker where it speaks against it, on one scale for all (1 to 255). Channels in `order` "bgr"
    are put back. One channel is drawn grey; of any number but 1 and 3 the sum is.
    """
    values = _channels_last(attribution, layout)
    if values.shape[2] not in (1, 3):
        values = values.sum(axis=2, keepdims=True)
    if order == "bgr":
        values = values[..., ::-1]
    pixels = _to_bytes(GREY + (GREY - 1) * _to_unit(values, percentile))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def heat(
    attribution: Attribution, *, layout: Layout = "nchw", percentile: float = PERCENTILE
) -> Pixels:
    """How much each place matters, whatever the sign: uint8 [H, W, 3], from black to pale yellow.

    That is the largest absolute value over the channels, on a perceptually uniform colour map.
    """
    return _to_bytes(_magma(_magnitude(attribution, layout, percentile)))


def overlay(
    picture: Picture,
    attribution: Attribution,
    *,
    layout: Layout = "nchw",
    percentile: float = PERCENTILE,
) -> Pixels:
    """The heat as light cast on the picture, greyed and dimmed: uint8 [H, W, 3].

    The two are blended as by "screen" in graphics programs, so that heat never darkens a place.
    Raises ValueError when the picture is not of the attribution's height and width.
    """
    light = _magma(_magnitude(attribution, layout, percentile))
    grey = DIMMED * (np.asarray(picture) @ np.array(LUMA))[..., np.newaxis]
    return _to_bytes(255 - (255 - grey) * (255 - light) / 255)


def _channels_last(attribution: Attribution, layout: Layout) -> Floats:
    values = np.asarray(attribution, np.float64)
    if not np.isfinite(values).all():
        raise InputError(
            "the attribution has NaN or infinite values; "
            "check the preprocessing, or run the model in float32"
        )
    return values.transpose(1, 2, 0) if layout == "nchw" else values


def _magnitude(attribution: Attribution, layout: Layout, percentile: float) -> Floats:
    return _to_unit(np.abs(_channels_last(attribution, layout)).max(axis=2), percentile)


def _to_unit(values: Floats, percentile: float) -> Floats:
    sizes = np.abs(values[values != 0])
    if sizes.size == 0:
        return values
    unit: Floats = np.clip(values / np.percentile(sizes, percentile), -1, 1)
    return unit


def _to_bytes(values: Floats) -> Pixels:
    pixels: Pixels = values.round().astype(np.uint8)
    return pixels


def _magma(values: Floats) -> Floats:
    controls = np.frombuffer(MAGMA, np.uint8).reshape(-1, 3)
    places = np.linspace(0, 1, len(controls))
    return np.stack([np.interp(values, places, channel) for channel in controls.T], axis=-1)
