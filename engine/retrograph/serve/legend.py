"""What the colours of a map on the page mean."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from retrograph.render import png_bytes
from retrograph.results.explanation import Explanation
from retrograph.results.legend import Legend
from retrograph.results.maps import style_of

SUMMED = "red-blue"
"""The style that draws the sum over colour channels, on the page without the picture."""


def as_on_page(explanation: Explanation) -> Explanation:
    """The explanation in the style of the page: what would draw its picture too is heat."""
    (method, *_) = explanation.context.methods
    is_drawn_too = explanation.shown is not None and style_of(method, explanation).on_picture
    return explanation.styled("heat") if is_drawn_too else explanation


def legend_record(explanation: Explanation) -> dict[str, Any]:
    """The legend of what `as_on_page` gave.

    Returns:
        `method`, `text`, `ends` and `rows` as in `Key`, and `bar`, the address of its picture.
    """
    (name, *_) = explanation.context.methods
    is_sum = explanation.shown is not None and style_of(name, explanation).name == SUMMED
    legend = Legend()
    legend.add(explanation, values=False, over_picture=False if is_sum else None)
    ((method, key),) = legend.keys
    return {
        "method": method,
        "text": f"{key.text}; summed over colour channels" if is_sum else key.text,
        "ends": [*key.ends],
        "rows": [*key.rows],
        "bar": _data_url(key.bar.tobytes(), key.bar.shape),
    }


@lru_cache(maxsize=32)
def _data_url(pixels: bytes, shape: tuple[int, ...]) -> str:
    image = Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape))
    return png_address(image)


def png_address(image: Image.Image) -> str:
    """A picture as a PNG that is in its address: it needs no request of its own."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(image)).decode()}"
