"""Black is zero, brighter matters more, whatever the sign."""

from __future__ import annotations

from retrograph.render.colour import (
    PERCENTILE,
    Attribution,
    Layout,
    Order,
    Picture,
    Pixels,
    magma,
    magnitude,
    to_bytes,
)
from retrograph.render.styles.base import Key, Style, bar, ramp


def heat(
    attribution: Attribution, *, layout: Layout = "nchw", percentile: float = PERCENTILE
) -> Pixels:
    """How much each place matters, whatever the sign: uint8 [H, W, 3], from black to pale yellow.

    That is the largest absolute value over the channels, on a perceptually uniform colour map.

    Raises:
        InputError: the attribution is not finite.
    """
    return to_bytes(magma(magnitude(attribution, layout, percentile)))


class Heat(Style):
    """Black is zero, brighter matters more, whatever the sign."""

    name = "heat"
    has_sign = False
    strip_words = "in strips of heat black is 0, brighter is larger, whatever the sign"

    def draw(
        self,
        attribution: Attribution,
        *,
        layout: Layout = "nchw",
        order: Order = "rgb",
        picture: Picture | None = None,
        percentile: float = PERCENTILE,
    ) -> Pixels:
        return heat(attribution, layout=layout, percentile=percentile)

    def key(self, *, coloured: bool = True) -> Key:
        text = "how much a place matters, whatever the sign: the largest magnitude of its channels"
        return Key(bar(heat(ramp(0), percentile=100)), ("0", "most"), text)
