"""Red speaks for the unit, blue against it, in one number for each place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from retrograph.render.colour import LUMA, Floats, Order, Picture
from retrograph.render.styles.base import (
    AGAINST,
    BAR_WIDTH,
    FOR,
    SIGNED_ENDS,
    Key,
    Style,
    bar,
    ramp,
)

FAINT: Final = 0.16
"""The share of its contrast that a picture keeps under a map."""
COLOURS: Final = bytes.fromhex(
    "0b2f6b 17549c 3f82c4 86b4de c6dcf0 ffffff fbd3bd f39a7b dc5b4b b5222f 6d0a22"
)
"""From what speaks against to what speaks for, evenly spaced, as dark at both ends."""


@dataclass(frozen=True)
class RedBlue(Style):
    """Red speaks for the unit, blue against it, in one number for each place."""

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

    def _key(self, coloured: bool, over_picture: bool) -> Key:
        drawn = RedBlue().draw(ramp(-1), percentile=100)
        text = f"red speaks {FOR}, blue {AGAINST}"
        if over_picture:
            black = np.zeros((1, BAR_WIDTH, 3), np.uint8)
            on_black = RedBlue().draw(ramp(-1), picture=Image.fromarray(black), percentile=100)
            drawn = np.concatenate([drawn, on_black])
            text += ", over the faint picture"
        return Key(bar(drawn), SIGNED_ENDS, text)
