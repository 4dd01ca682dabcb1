"""Red is positive, blue negative, in one number for each place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image

from retrograph.render.colour import LUMA, Floats, Order, Picture
from retrograph.render.styles.base import BAR_WIDTH, Drawn, Key, Style, bar, ramp

FAINT: Final = 0.3
"""The share of its contrast that a picture keeps under a map."""
COLOURS: Final = bytes.fromhex(
    "0b2f6b 17549c 3f82c4 86b4de c6dcf0 ffffff fbd3bd f39a7b dc5b4b b5222f 6d0a22"
)
"""From negative to positive, evenly spaced, as dark at both ends."""


@dataclass(frozen=True)
class RedBlue(Style):
    """Red is positive, blue negative, in one number for each place."""

    name = "red-blue"
    has_sign = True

    def plane(self, values: Floats, order: Order) -> Floats:
        total: Floats = values.sum(axis=2)
        return total

    def colours(self, plane: Floats, picture: Picture | None) -> Floats:
        controls = np.frombuffer(COLOURS, np.uint8).reshape(-1, 3)
        places = np.linspace(-1, 1, len(controls))
        inks = np.stack([np.interp(plane, places, channel) for channel in controls.T], axis=-1)
        if picture is None:
            return inks
        shade = 255 - np.asarray(picture, np.float64) @ np.array(LUMA)
        faint: Floats = inks * (1 - FAINT * shade / 255)[..., np.newaxis]
        return faint

    def _key(self, drawn: Drawn) -> Key:
        rows = RedBlue().draw(ramp(-1), percentile=100)
        text = replace(drawn, coloured=False).signed_text("red", "blue")
        if drawn.over_picture:
            black = np.zeros((1, BAR_WIDTH, 3), np.uint8)
            on_black = RedBlue().draw(ramp(-1), picture=Image.fromarray(black), percentile=100)
            rows = np.concatenate([rows, on_black])
            text += "; summed over colour channels, over the faint picture"
            text += " (lower row: over its dark parts)"
        return Key(bar(rows), drawn.signed_ends, text)
