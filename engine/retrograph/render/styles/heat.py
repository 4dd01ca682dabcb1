"""Black is zero, brighter matters more, whatever the sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.render.colour import (
    PERCENTILE,
    Attribution,
    Floats,
    Layout,
    Order,
    Picture,
    Pixels,
    magma,
)
from retrograph.render.styles.base import Drawn, Key, Style, bar, ramp


def heat(
    attribution: Attribution, *, layout: Layout = "nchw", percentile: float = PERCENTILE
) -> Pixels:
    """How much each place matters, whatever the sign: uint8 [H, W, 3], from black to pale yellow.

    That is the largest absolute value over the channels, on a perceptually uniform colour map.

    Raises:
        InputError: the attribution is not finite.
    """
    return Heat().draw(attribution, layout=layout, percentile=percentile)


@dataclass(frozen=True)
class Heat(Style):
    """Black is zero, brighter matters more, whatever the sign."""

    name = "heat"
    has_sign = False

    def plane(self, values: Floats, order: Order) -> Floats:
        largest: Floats = np.abs(values).max(axis=2)
        return largest

    def colours(self, plane: Floats, picture: Picture | None) -> Floats:
        return magma(plane)

    def _key(self, drawn: Drawn) -> Key:
        return Key(bar(heat(ramp(0), percentile=100)), ("0", "most"), drawn.size_text)
