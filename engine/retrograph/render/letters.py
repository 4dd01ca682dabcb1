"""A short stretch of a sequence as two small pictures: its letters, and what they count for."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from retrograph.render.blocks import INK, WHITE
from retrograph.render.colour import GREY, LUMA, Attribution, Floats, Pixels
from retrograph.render.styles import Style
from retrograph.render.text import font_of

WIDTH: Final = 18
"""The width, in pixels, of a letter's cell."""
HEIGHT: Final = 26


def letter_tiles(
    letters: str, values: Attribution, alphabet: str, style: Style
) -> tuple[Pixels, Pixels]:
    """The letters on white, and on the colours of their own channels' values.

    Args:
        letters: L characters; " " where nothing is, which is grey.
        values: [C, L].
        alphabet: the letters of the channels, C characters.
        style: as maps are drawn; one that needs no picture.

    Raises InputError when a value is not finite.
    """
    rows = np.array([alphabet.find(letter) for letter in letters])
    own: Floats = np.where(rows < 0, 0.0, values[rows, np.arange(len(letters))])
    coloured = style.draw(own[np.newaxis, np.newaxis])[0]
    empty = np.array([letter == " " for letter in letters])[:, np.newaxis]
    plain = np.where(empty, GREY, np.array(WHITE)).astype(np.uint8)
    return _lettered(letters, plain), _lettered(letters, coloured)


def _lettered(letters: str, grounds: Pixels) -> Pixels:
    """The letters, each on its ground [L, 3]."""
    row = grounds.repeat(WIDTH, axis=0)[np.newaxis].repeat(HEIGHT, axis=0)
    page = Image.fromarray(row)
    draw, font = ImageDraw.Draw(page), font_of(16)
    for place, (letter, ground) in enumerate(zip(letters, grounds, strict=True)):
        ink = INK if ground @ np.array(LUMA) > 110 else WHITE
        draw.text((WIDTH * (place + 0.5), HEIGHT / 2), letter, fill=ink, font=font, anchor="mm")
    return np.asarray(page)
