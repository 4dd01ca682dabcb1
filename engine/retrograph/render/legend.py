"""What the colours of a page mean, in words and as bars."""

from __future__ import annotations

from typing import Final

from retrograph.render.colour import PERCENTILE
from retrograph.render.styles.base import Key, bar, ramp
from retrograph.render.styles.signed import signed

SCALE: Final = (
    f"Each map has a scale of its own, so brightness does not compare between maps: the end of the "
    f"colours is the {PERCENTILE}th percentile of the map's magnitudes other than 0, and what is "
    "beyond looks the same."
)


def values_key() -> Key:
    """The legend of an input that is no picture, whose values are drawn."""
    text = (
        "no picture, so its values are drawn: grey is 0, brighter is positive, darker is "
        "negative; a row for each channel of a sequence, the mean over those of maps, and of "
        "long stretches the value farthest from 0"
    )
    return Key(bar(signed(ramp(-1), percentile=100)), ("negative", "0", "positive"), text)
