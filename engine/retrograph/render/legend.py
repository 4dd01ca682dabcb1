"""What the colours of a page mean, in words and as bars."""

from __future__ import annotations

from typing import Final

import numpy as np

from retrograph.render.blocks import INK
from retrograph.render.colour import (
    PERCENTILE,
    Attribution,
    Pixels,
    channels_last,
    to_bytes,
    to_unit,
)
from retrograph.render.styles.base import Key, bar, ramp
from retrograph.render.styles.signed import signed

SCALE: Final = f"each map has its own scale, up to the {PERCENTILE}th percentile of its magnitudes"


def values_picture(values: Attribution) -> Pixels:
    """The values [1, rows, columns] of an input as greys, as `values_key` says."""
    if (values < 0).any():
        return signed(values)
    shares = to_unit(channels_last(values, "nchw"), PERCENTILE)
    return to_bytes(255 + (np.array(INK) - 255) * shares)


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
