"""Matrices as pictures with numbered axes, side by side or under each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from retrograph.render.blocks import (
    INK,
    SOFT,
    WHITE,
    Block,
    Page,
    beside,
    blank,
    drawn,
    framed,
    stack,
    topped,
)
from retrograph.render.caption import Caption, captioned, heading
from retrograph.render.colour import Pixels
from retrograph.render.page import PANEL_NARROWEST, PANEL_SIDE, WIDEST, Titled, enlarge, panel_side
from retrograph.render.text import Font, font_of

_TICKS: Final = 5
"""The numbered ticks of an axis, about."""
_TEXT: Final = 17
_WIDE: Final = 2.5
"""How many times as wide as high are matrices that lie under each other."""


def plane_page(
    cells: Sequence[Titled],
    axes: Sequence[tuple[str, int]],
    caption: Caption,
    dots: NDArray[np.bool_] | None = None,
) -> Page:
    """Matrices under their titles, with numbers at their rows and columns, over a caption.

    Args:
        cells: pictures of one size.
        axes: what they count down and across, and how many of it, counted from 0.
        caption: what is said under them.
        dots: bool [rows, columns], where all pictures but the first have a dot; None for nowhere.
    """
    first, *others = [enlarge(picture, panel_side(picture)) for _, picture in cells]
    pictures = [first, *(each if dots is None else _dotted(each, dots) for each in others)]
    height, width = pictures[0].shape[:2]
    is_wide = width > _WIDE * height
    across = 1 if is_wide else len(cells)
    unit = max(1.0, math.sqrt(width * height) / PANEL_SIDE, across * width / WIDEST)
    heads = [stack(heading(t, (28 * unit, 22 * unit), width, (2, 2)), 6 * unit) for t, _ in cells]
    if not is_wide:
        tallest = max(head.height for head in heads)
        heads = [topped(head, head.width, tallest) for head in heads]
    planes = [_with_axes(framed(pixels), axes, unit) for pixels in pictures]
    blocks = [stack(pair, 6 * unit) for pair in zip(heads, planes, strict=True)]
    body = stack(blocks, 18 * unit) if is_wide else beside(blocks, 28 * unit)
    return captioned(stack([body, blank(PANEL_NARROWEST, 1)], 0), caption, unit)


def _dotted(picture: Pixels, dots: NDArray[np.bool_]) -> Pixels:
    """The picture with a dark dot in the middle of some of its cells."""
    page = Image.fromarray(picture)
    draw, (rows, columns) = ImageDraw.Draw(page), dots.shape
    half = max(2.0, 0.34 * min(page.width / columns, page.height / rows))
    for row, column in np.argwhere(dots):
        x, y = (column + 0.5) * page.width / columns, (row + 0.5) * page.height / rows
        draw.ellipse([x - half, y - half, x + half, y + half], fill=INK, outline=WHITE)
    return np.asarray(page)


def _with_axes(picture: Block, axes: Sequence[tuple[str, int]], unit: float) -> Block:
    """The picture with names, ticks and numbers left of its rows and under its columns."""
    (row_name, rows), (column_name, columns) = axes
    font = font_of(_TEXT * unit)
    line = round(1.4 * _TEXT * unit)
    over, named = line // 2, line * bool(row_name)
    gutter = round(named + font.getlength(str(rows - 1)) + 16 * unit)
    page = blank(gutter + picture.width, over + picture.height + round(32 * unit) + line)
    page.paste(drawn(picture), (gutter, over))
    page.paste(_turned(row_name, font, picture.height, line), (0, over))
    pen, bottom = ImageDraw.Draw(page), over + picture.height
    for row in _ticks(rows):
        y = over + (row + 0.5) / rows * picture.height
        pen.line([(gutter - 6 * unit, y), (gutter - 1, y)], SOFT)
        pen.text((gutter - 10 * unit, y), str(row), fill=SOFT, font=font, anchor="rm")
    for column in _ticks(columns):
        x = gutter + (column + 0.5) / columns * picture.width
        pen.line([(x, bottom), (x, bottom + 5 * unit)], SOFT)
        pen.text((x, bottom + 18 * unit), str(column), fill=SOFT, font=font, anchor="mm")
    middle = gutter + picture.width / 2
    pen.text((middle, page.height - line / 2), column_name, fill=SOFT, font=font, anchor="mm")
    return page


def _turned(name: str, font: Font, height: int, line: int) -> Image.Image:
    """A name that reads upwards in the middle of a height."""
    page = blank(height, line)
    ImageDraw.Draw(page).text((height / 2, line / 2), name, fill=SOFT, font=font, anchor="mm")
    return page.transpose(Image.Transpose.ROTATE_90)


def _ticks(count: int) -> list[int]:
    """Evenly spaced numbers from 0, with a round step."""
    least = max(1.0, count / _TICKS)
    power = 10 ** math.floor(math.log10(least))
    step = next(int(each * power) for each in (1, 2, 5, 10) if each * power >= least)
    return [int(each) for each in np.arange(0, count, step)]
