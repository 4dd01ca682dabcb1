"""Matrices as pictures with numbered axes, side by side or under each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retrograph.render.blocks import SOFT, Block, beside, blank, framed, stack, topped
from retrograph.render.caption import Caption, captioned, heading
from retrograph.render.page import PANEL_NARROWEST, PANEL_SIDE, WIDEST, Titled, enlarge, panel_side

_TICKS: Final = 5
"""The numbered ticks of an axis, about."""
_TEXT: Final = 17
_WIDE: Final = 2.5
"""How many times as wide as high are matrices that lie under each other."""


def plane_page(cells: Sequence[Titled], size: tuple[int, int], caption: Caption) -> Image.Image:
    """Matrices under their titles, with numbers at their rows and columns, over a caption.

    Args:
        cells: pictures of one size.
        size: how many rows and columns of numbers they stand for, which are counted from 0.
        caption: what is said under them.
    """
    pictures = [enlarge(picture, panel_side(picture)) for _, picture in cells]
    height, width = pictures[0].shape[:2]
    is_wide = width > _WIDE * height
    across = 1 if is_wide else len(cells)
    unit = max(1.0, math.sqrt(width * height) / PANEL_SIDE, across * width / WIDEST)
    blocks = []
    for (title, _), pixels in zip(cells, pictures, strict=True):
        head = heading(title, (28 * unit, 22 * unit), width, (2, 2))
        blocks.append(stack([*head, _with_axes(framed(pixels), size, unit)], 6 * unit))
    if is_wide:
        body = stack(blocks, 18 * unit)
    else:
        tallest = max(block.height for block in blocks)
        lowered = [stack([blank(1, tallest - each.height), each], 0) for each in blocks]
        body = beside(lowered, 28 * unit)
    return captioned(stack([body, blank(PANEL_NARROWEST, 1)], 0), caption, unit)


def _with_axes(picture: Block, size: tuple[int, int], unit: float) -> Block:
    """The picture with ticks and numbers left of its rows and under its columns."""
    rows, columns = size
    font = ImageFont.load_default(_TEXT * unit)
    gutter = round(font.getlength(str(rows - 1)) + 16 * unit)
    left, below = blank(gutter, picture.height), blank(gutter + picture.width, round(32 * unit))
    pen = ImageDraw.Draw(left)
    for row in _ticks(rows):
        y = (row + 0.5) / rows * picture.height
        pen.line([(gutter - 6 * unit, y), (gutter - 1, y)], SOFT)
        pen.text((gutter - 10 * unit, y), str(row), fill=SOFT, font=font, anchor="rm")
    pen = ImageDraw.Draw(below)
    for column in _ticks(columns):
        x = gutter + (column + 0.5) / columns * picture.width
        pen.line([(x, 0), (x, 5 * unit)], SOFT)
        pen.text((x, 18 * unit), str(column), fill=SOFT, font=font, anchor="mm")
    return stack([beside([topped(left, gutter, picture.height), picture], 0), below], 0)


def _ticks(count: int) -> list[int]:
    """Evenly spaced numbers from 0, with a round step."""
    least = max(1.0, count / _TICKS)
    power = 10 ** math.floor(math.log10(least))
    step = next(int(each * power) for each in (1, 2, 5, 10) if each * power >= least)
    return [int(each) for each in np.arange(0, count, step)]
