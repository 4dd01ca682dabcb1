"""Lines of words that are drawn once: they look as Pillow draws the whole line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from retrograph.render.text import font_of, length
from retrograph.render.words import line_pixels

INK = (28, 28, 30)
LINES = [
    "automobile · softmax 0.555 · logit 4.382",
    "then airplane 0.264, truck 0.066 (softmax)",
    "conv3_block12.png  two  spaces",
    "1.11e-07 -> 100% (x 17, y 4)",
    "",
]


def whole(text: str, size: float, width: int, height: int) -> np.ndarray:
    """The line as Pillow draws it at once."""
    page = Image.new("RGB", (width, height), "white")
    place = (0, height // 2)
    ImageDraw.Draw(page).text(place, text, fill=INK, font=font_of(size), anchor="lm")
    return np.asarray(page)


@pytest.mark.parametrize("size", [17, 20, 26, 33])
@pytest.mark.parametrize("text", LINES)
def test_a_line_looks_as_if_it_were_drawn_at_once(text: str, size: int) -> None:
    height = round(1.32 * size)
    for _ in range(2):
        drawn = line_pixels(text, size, INK, 900, height)
        np.testing.assert_array_equal(drawn, whole(text, size, 900, height))


def test_a_line_is_as_long_as_its_text() -> None:
    for text in LINES:
        assert length(text, font_of(20)) == pytest.approx(font_of(20).getlength(text), abs=1)


@pytest.mark.parametrize("width", [1, 40, 130])
def test_what_is_too_long_is_cut(width: int) -> None:
    wide = line_pixels(LINES[0], 26, INK, 900, 34)
    np.testing.assert_array_equal(line_pixels(LINES[0], 26, INK, width, 34), wide[:, :width])


def test_words_keep_their_ink() -> None:
    dark, light = (line_pixels("relu", 20, ink, 90, 26) for ink in (INK, (200, 10, 10)))
    assert (dark.min(axis=(0, 1)) < 60).all()
    np.testing.assert_array_equal(light[..., 0].min(), 200)
