"""Lines of text, put together from pictures of words and digits, each of which is drawn once.

The pictures of a run have most of them in common, and to draw letters takes longer than all else on
a page.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from retrograph.render.colour import Pixels
from retrograph.render.text import font_of, piece_length, pieces

Ink: TypeAlias = tuple[int, int, int]

_WHITE: Final = (255, 255, 255)


@dataclass(frozen=True)
class _Word:
    """A word or a digit on white.

    Attributes:
        pixels: uint8 [H, W, 3].
        left, top: where they begin, seen from the word's beginning on the baseline.
    """

    pixels: Pixels
    left: int
    top: int


def line_pixels(text: str, size: float, ink: Ink, width: int, height: int) -> Pixels:
    """A line of text at the left of white, in the middle of its height; what is too long is cut.

    Returns:
        uint8 [height, width, 3].
    """
    page = np.full((height, width, 3), 255, np.uint8)
    font = font_of(size)
    place, baseline = 0.0, height // 2 + _drop(size)
    for piece in pieces(text):
        if piece != " ":
            _put(page, _word(piece, size, ink), round(place), baseline)
        place += piece_length(piece, font)
    return page


def _put(page: Pixels, word: _Word, place: int, baseline: int) -> None:
    """Draw the part of a word that lies on the page."""
    left, top = place + word.left, baseline + word.top
    cut_left, cut_top = max(0, -left), max(0, -top)
    below, right = max(0, len(page) - top), max(0, page.shape[1] - left)
    seen = word.pixels[cut_top:below, cut_left:right]
    rows, columns = seen.shape[:2]
    there = page[top + cut_top :, left + cut_left :][:rows, :columns]
    np.minimum(there, seen, out=there)  # letters may reach into the white of their neighbours


@lru_cache(maxsize=2048)
def _word(word: str, size: float, ink: Ink) -> _Word:
    font = font_of(size)
    left, top, right, bottom = font.getbbox(word, anchor="ls")
    left, top = math.floor(left), math.floor(top)
    page = Image.new("RGB", (math.ceil(right) - left, math.ceil(bottom) - top), _WHITE)
    ImageDraw.Draw(page).text((-left, -top), word, fill=ink, font=font, anchor="ls")
    return _Word(np.asarray(page), left, top)


@lru_cache(maxsize=64)
def _drop(size: float) -> int:
    """How far the baseline lies under the middle of a line."""
    font = font_of(size)
    return round(font.getbbox("x", anchor="lm")[1] - font.getbbox("x", anchor="ls")[1])
