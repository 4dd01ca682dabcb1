"""What the colours of attributions mean: bars of them, drawn as attributions are, and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from retrograph.render.colour import GREY, PERCENTILE, Floats, Pixels, heat, overlay, signed

WIDTH: Final = 300
HEIGHT: Final = 40

SCALE: Final = (
    f"Each map has a scale of its own, so brightness does not compare between maps: the end of the "
    f"colours is the {PERCENTILE}th percentile of the map's magnitudes other than 0, and what is "
    "beyond looks the same."
)


@dataclass(frozen=True)
class Key:
    """A style of drawing in a legend.

    Attributes:
        bar: its colours, uint8 [H, W, 3].
        ends: what the bar's left, possibly middle, and right are.
        text: what they mean.
    """

    bar: Pixels
    ends: tuple[str, ...]
    text: str


def key(style: str, *, coloured: bool = True) -> Key:
    """The legend of a style.

    Args:
        style: signed, heat or overlay; values, for an input that is no picture.
        coloured: whether red, green and blue are apart in a signed map; else it is grey.
    """
    if style == "heat":
        text = "how much a place matters, whatever the sign: the largest magnitude of its channels"
        return Key(_tall(heat(_ramp(0), percentile=100)), ("0", "most"), text)
    if style == "overlay":
        ground = np.full((1, WIDTH, 3), GREY, np.uint8)
        drawn = overlay(ground, _ramp(0), percentile=100)
        text = "how much a place matters, cast as light on the picture, which is dimmed and grey"
        return Key(_tall(drawn), ("0", "most"), text)
    if style == "values":
        text = (
            "no picture, so its values are drawn: grey is 0, brighter is positive, darker is "
            "negative; a row for each channel of a sequence, the mean over those of maps, and of "
            "long stretches the value farthest from 0"
        )
        return Key(_tall(signed(_ramp(-1), percentile=100)), ("negative", "0", "positive"), text)
    text = "grey is 0, brighter is positive, for the unit, darker is negative, against it"
    if coloured:
        text += "; each of the picture's colours, red, green and blue, by itself"
    drawn = signed(_colours() if coloured else _ramp(-1), percentile=100)
    return Key(_tall(drawn), ("against", "0", "for"), text)


def _ramp(start: float) -> Floats:
    """From a value to 1: [1, 1, WIDTH]."""
    return np.linspace(start, 1, WIDTH)[np.newaxis, np.newaxis]


def _colours() -> Floats:
    """From -1 to 1 in all channels together, then in each by itself: [3, 4, WIDTH]."""
    rows = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]])
    colours: Floats = rows[..., np.newaxis] * _ramp(-1)
    return colours


def _tall(bar: Pixels) -> Pixels:
    return bar.repeat(HEIGHT // len(bar), axis=0)
