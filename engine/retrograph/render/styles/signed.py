"""Grey is zero, brighter is positive, darker negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
from retrograph.render.styles.base import ROWS_HEIGHT, Drawn, Key, Style, bar, ramp

_ROWS: Final = ("RGB", "R", "G", "B")


def signed(
    attribution: Attribution,
    *,
    layout: Layout = "nchw",
    order: Order = "rgb",
    percentile: float = PERCENTILE,
) -> Pixels:
    """The attribution as the guided backpropagation paper draws it: uint8 [H, W, 3].

    Zero is mid-grey (128), and each colour is brighter where its channel is positive and darker
    where it is negative, on one scale for all (1 to 255). Channels in `order` "bgr"
    are put back. One channel is drawn grey; of any number but 1 and 3 the sum is.

    Raises:
        InputError: the attribution is not finite.
    """
    return Signed().draw(attribution, layout=layout, order=order, percentile=percentile)


@dataclass(frozen=True)
class Signed(Style):
    """Grey is zero, brighter is positive, darker negative."""

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

    def _key(self, drawn: Drawn) -> Key:
        is_derivative = drawn.quantity.is_derivative
        text = drawn.signed_text("brighter", "darker")
        text += "; grey: no effect" if is_derivative else ""
        if not drawn.coloured:
            return Key(bar(signed(ramp(-1), percentile=100)), drawn.signed_ends, text)
        text += "" if is_derivative else "; per colour channel"
        together_then_each = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]])
        values = together_then_each[..., np.newaxis] * ramp(-1)
        rows = bar(signed(values, percentile=100), ROWS_HEIGHT)
        return Key(rows, drawn.signed_ends, text, _ROWS)
