"""Heat as light cast on the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from retrograph.render.colour import (
    GREY,
    LUMA,
    PERCENTILE,
    Attribution,
    Floats,
    Layout,
    Picture,
    Pixels,
    magma,
)
from retrograph.render.styles.base import BAR_WIDTH, Drawn, Key, bar, ramp
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
    return Overlay().draw(attribution, layout=layout, picture=picture, percentile=percentile)


@dataclass(frozen=True)
class Overlay(Heat):
    """Heat as light cast on the picture."""

    name = "overlay"
    on_picture = True

    def colours(self, plane: Floats, picture: Picture | None) -> Floats:
        if picture is None:
            raise ValueError("an overlay is drawn on a picture")
        grey = DIMMED * (np.asarray(picture) @ np.array(LUMA))[..., np.newaxis]
        lit: Floats = 255 - (255 - grey) * (255 - magma(plane)) / 255
        return lit

    def _key(self, drawn: Drawn) -> Key:
        ground = np.full((1, BAR_WIDTH, 3), GREY, np.uint8)
        row = overlay(ground, ramp(0), percentile=100)
        return Key(bar(row), ("0", "most"), f"{drawn.size_text}, over the dimmed picture")
