"""Pictures into files: the same pixels back, with what is said of them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from retrograph.render import DESCRIPTION, write_image


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (64, 33)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_png_gives_the_same_pixels_and_words_back(size: tuple[int, int], mode: str) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (*size[::-1], 4), np.uint8)
    picture = Image.fromarray(pixels).convert(mode)
    picture.info |= {DESCRIPTION: "größer\nthan 0", "comment": "of another file"}
    buffer = BytesIO()
    write_image(picture, buffer, "PNG")
    with Image.open(buffer) as back:
        back.load()
        assert (back.mode, back.size, back.tobytes()) == (mode, size, picture.tobytes())
        assert back.info == {DESCRIPTION: "größer\nthan 0"}


def test_a_png_without_a_description_has_none() -> None:
    buffer = BytesIO()
    write_image(Image.new("RGB", (3, 2), (1, 2, 3)), buffer, "PNG")
    with Image.open(buffer) as back:
        back.load()
        assert back.info == {}
        assert np.array_equal(np.asarray(back), np.full((2, 3, 3), (1, 2, 3)))
