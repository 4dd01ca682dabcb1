"""Heat as light cast on the picture."""

from __future__ import annotations

from typing import Final

import numpy as np

from retrograph.render.colour import (
    GREY,
    LUMA,
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
from retrograph.render.styles.base import BAR_WIDTH, Key, Style, bar, ramp
from retrograph.render.styles.heat import Heat

DIMMED: Final = 0.55
"""The share of its brightness that a picture keeps under an overlay."""


def overlay(
    picture: Picture,
    attribution: Attribution,
    *,
    layout: Layout = "nchw",
    percentile: float = PERCENTILE,
) -> Pixels:
    """The heat as light cast on the picture, greyed and dimmed: uint8 [H, W, 3].

    The two are blended as by "screen" in graphics programs, so that heat never darkens a place.

    Raises:
        InputError: the attribution is not finite.
        ValueError: the picture is not of the attribution's height and width.
    """
    light = magma(magnitude(attribution, layout, percentile))
    grey = DIMMED * (np.asarray(picture) @ np.array(LUMA))[..., np.newaxis]
    return to_bytes(255 - (255 - grey) * (255 - light) / 255)


class Overlay(Style):
    """Heat as light cast on the picture."""

    name = "overlay"
    has_sign = False
    on_picture = True
    strip_words = Heat.strip_words

    def draw(
        self,
        attribution: Attribution,
        *,
        layout: Layout = "nchw",
        order: Order = "rgb",
        picture: Picture | None = None,
        percentile: float = PERCENTILE,
    ) -> Pixels:
        if picture is None:
            raise ValueError("an overlay is drawn on a picture")
        return overlay(picture, attribution, layout=layout, percentile=percentile)

    def key(self, *, coloured: bool = True) -> Key:
        ground = np.full((1, BAR_WIDTH, 3), GREY, np.uint8)
        drawn = overlay(ground, ramp(0), percentile=100)
        text = "how much a place matters, cast as light on the picture, which is dimmed and grey"
        return Key(bar(drawn), ("0", "most"), text)
