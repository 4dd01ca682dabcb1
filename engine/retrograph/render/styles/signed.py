"""Grey is zero, brighter speaks for the unit, darker against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.render.colour import (
    GREY,
    PERCENTILE,
    Attribution,
    Floats,
    Layout,
    Order,
    Picture,
    Pixels,
)
from retrograph.render.styles.base import AGAINST, FOR, SIGNED_ENDS, Key, Style, bar, ramp


def signed(
    attribution: Attribution,
    *,
    layout: Layout = "nchw",
    order: Order = "rgb",
    percentile: float = PERCENTILE,
) -> Pixels:
    """The attribution as the guided backpropagation paper draws it: uint8 [H, W, 3].

    Zero is mid-grey (128), and each colour is brighter where its channel speaks for the unit and
    darker where it speaks against it, on one scale for all (1 to 255). Channels in `order` "bgr"
    are put back. One channel is drawn grey; of any number but 1 and 3 the sum is.

    Raises:
        InputError: the attribution is not finite.
    """
    return Signed().draw(attribution, layout=layout, order=order, percentile=percentile)


@dataclass(frozen=True)
class Signed(Style):
    """Grey is zero, brighter speaks for the unit, darker against it."""

    name = "signed"
    has_sign = True
    in_colours = True

    def plane(self, values: Floats, order: Order) -> Floats:
        if values.shape[2] not in (1, 3):
            values = values.sum(axis=2, keepdims=True)
        return values[..., ::-1] if order == "bgr" else values

    def colours(self, plane: Floats, picture: Picture | None) -> Floats:
        greys = GREY + (GREY - 1) * plane
        return np.ascontiguousarray(np.broadcast_to(greys, (*greys.shape[:2], 3)))

    def _key(self, coloured: bool, over_picture: bool) -> Key:
        text = f"brighter speaks {FOR}, darker {AGAINST}"
        if coloured:
            text += "; red, green and blue apart"
        values = ramp(-1)
        if coloured:
            together_then_each = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]])
            values = together_then_each[..., np.newaxis] * values
        return Key(bar(signed(values, percentile=100)), SIGNED_ENDS, text)
