"""What the colours of a page mean, in words and as bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from retrograph.render.blocks import INK
from retrograph.render.colour import (
    PERCENTILE,
    Attribution,
    Floats,
    Order,
    Picture,
    Pixels,
)
from retrograph.render.styles.base import Key, Style, bar, ramp
from retrograph.render.styles.signed import Signed

SCALE: Final = f"each map has its own scale ({PERCENTILE}th percentile)"


@dataclass(frozen=True)
class ValueGreys(Style):
    """The values of an input as greys: 0 is white where none is negative, else mid-grey."""

    name = "values"
    has_sign = True

    def plane(self, values: Floats, order: Order) -> Floats:
        total: Floats = values.sum(axis=2, keepdims=True)
        return total

    def colours(self, plane: Floats, picture: Picture | None) -> Floats:
        if (plane < 0).any():
            return Signed().colours(plane, picture)
        inks: Floats = 255 + (np.array(INK) - 255) * plane
        return inks

    def _key(self, coloured: bool, over_picture: bool) -> Key:
        return values_key(has_negative=True)


def values_picture(values: Attribution) -> Pixels:
    """The values [1, rows, columns] of an input as greys, as `values_key` says."""
    return ValueGreys().draw(values)


def values_key(has_negative: bool) -> Key:
    """The legend of an input that is no picture, whose values are drawn.

    Args:
        has_negative: whether some are below 0.
    """
    text = (
        "no picture, so its values are drawn: a row for each channel of a sequence, the mean over "
        "those of maps"
    )
    drawn = values_picture(ramp(-1 if has_negative else 0))
    return Key(bar(drawn), ("negative", "0", "positive") if has_negative else ("0", "most"), text)
