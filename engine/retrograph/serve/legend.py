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

_WITH_PICTURE = ("overlay", "red-blue")


def as_on_page(explanation: Explanation) -> Explanation:
    """The explanation in the style of the page: on a picture, what would draw it too is heat."""
    (method, *_) = explanation.context.methods
    is_replaced = explanation.shown is not None
    is_replaced = is_replaced and style_of(method, explanation).name in _WITH_PICTURE
    return explanation.styled("heat") if is_replaced else explanation


def legend_record(explanation: Explanation) -> dict[str, Any]:
    """The legend of what `as_on_page` gave.

    Returns:
        `method`, `text`, `ends` and `rows` as in `Key`, and `bar`, the address of its picture.
    """
    legend = Legend()
    legend.add(explanation, values=False)
    ((method, key),) = legend.keys
    bar = _data_url(key.bar.tobytes(), key.bar.shape)
    return {
        "method": method,
        "text": key.text,
        "ends": [*key.ends],
        "rows": [*key.rows],
        "bar": bar,
    }


@lru_cache(maxsize=32)
def _data_url(pixels: bytes, shape: tuple[int, ...]) -> str:
    image = Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape))
    return png_address(image)


def png_address(image: Image.Image) -> str:
    """A picture as a PNG that is in its address: it needs no request of its own."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(image)).decode()}"
