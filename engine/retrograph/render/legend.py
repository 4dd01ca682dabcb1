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
from retrograph.render.styles.base import Drawn, Key, Style, bar, ramp
from retrograph.render.styles.signed import Signed

SCALE: Final = f"each map has its own scale, clipped at its {PERCENTILE}th percentile"
"""Of several maps."""
BAR_SCALE: Final = f"bars and colours clipped at the {PERCENTILE}th percentile"
"""Of curves."""
LONE_SCALE: Final = f"colours clipped at the {PERCENTILE}th percentile"
"""Of one."""


@dataclass(frozen=True)
class ValueGreys(Style):
    """The values of an input as greys, none clipped: 0 is mid-grey where some are negative.

    Where none is, the least is white and the greatest is dark.
    """

    name = "values"
    has_sign = True
    percentile = 100

    def plane(self, values: Floats, order: Order) -> Floats:
        total: Floats = values.sum(axis=2, keepdims=True)
        return total - max(0.0, float(total.min()))

    def colours(self, plane: Floats, picture: Picture | None) -> Floats:
        if (plane < 0).any():
            return Signed().colours(plane, picture)
        inks: Floats = 255 + (np.array(INK) - 255) * plane
        return inks

    def _key(self, drawn: Drawn) -> Key:
        return values_key(has_negative=True)


def values_picture(values: Attribution) -> Pixels:
    """The values [1, rows, columns] of an input as greys, as `values_key` says."""
    return ValueGreys().draw(values)


def values_key(
    has_negative: bool, span: tuple[float, float] | None = None, *, is_mean: bool = False
) -> Key:
    """The legend of an input that is no picture, whose values are drawn.

    Args:
        has_negative: whether some are below 0.
        span: the least and the greatest value; None where inputs have several.
        is_mean: whether the mean over channels is drawn.
    """
    text = f"the values of the input{', the mean over its channels' if is_mean else ''}"
    drawn = values_picture(ramp(-1 if has_negative else 0))
    return Key(bar(drawn), _value_ends(has_negative, span), text)


def _value_ends(has_negative: bool, span: tuple[float, float] | None) -> tuple[str, ...]:
    """The names of a bar's ends: numbers where they are known."""
    if span is None:
        return ("negative", "0", "positive") if has_negative else ("least", "most")
    if not has_negative:
        return tuple(f"{end:.4g}" for end in span)
    most = f"{max(map(abs, span)):.4g}"
    return f"-{most}", "0", most
