"""Where a page holds a picture, pixel for pixel."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from retrograph.render import Page


def random_picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, 256, (height, width, 3), np.uint8)


def printed(text: str, size: float, ink: tuple[int, int, int]) -> np.ndarray:
    """A text as it is drawn on white, without what is white around it."""
    font = ImageFont.load_default(size)
    page = Image.new("RGB", (round(font.getlength(text)) + 20, round(2 * size)), (255, 255, 255))
    ImageDraw.Draw(page).text((10, size), text, fill=ink, font=font, anchor="lm")
    return np.asarray(page.crop(ImageOps.invert(page).getbbox()))


def find(page: Image.Image | Page, part: np.ndarray) -> tuple[int, int]:
    """Where the page holds the part, pixel for pixel: its top left as (x, y)."""
    pixels = np.asarray(page)
    height, width = part.shape[:2]
    candidates = np.argwhere((pixels == part[0, 0]).all(axis=2))
    for top, left in candidates:
        if np.array_equal(pixels[top : top + height, left : left + width], part):
            return int(left), int(top)
    raise AssertionError("the page does not hold the picture")


def find_all(page: Image.Image | Page, part: np.ndarray) -> list[tuple[int, int]]:
    """Where the page holds the part, pixel for pixel: every top left as (x, y)."""
    pixels = np.asarray(page)
    height, width = part.shape[:2]
    contrast = np.abs(part.astype(int) - pixels[0, 0]).sum(axis=2)  # with the ground
    row, column = np.unravel_index(contrast.argmax(), contrast.shape)
    rows, columns = len(pixels) - height + 1, pixels.shape[1] - width + 1
    inside = pixels[row : row + rows, column : column + columns]
    return [
        (int(left), int(top))
        for top, left in np.argwhere((inside == part[row, column]).all(axis=2))
        if np.array_equal(pixels[top : top + height, left : left + width], part)
    ]


def cells(pixels: np.ndarray, high: int = 18) -> np.ndarray:
    """Colours [C, L, 3] as a strip whose positions are 16 pixels wide."""
    return np.kron(pixels, np.ones((high, 16, 1), np.uint8))
