"""Pages: pictures in columns or in a grid, with their titles and captions, on white."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from retrograph.render.colour import Picture, Pixels
from retrograph.render.text import wrap

Block: TypeAlias = Image.Image

WHITE: Final = (255, 255, 255)
INK: Final = (28, 28, 30)
SOFT: Final = (104, 104, 110)
FRAME: Final = (208, 208, 212)

SMALL: Final = 224
"""The short side, in pixels, that small pictures are enlarged to."""
LONGEST: Final = 2048
"""The long side, in pixels, that no picture is enlarged beyond."""
PANEL_SIDE: Final = 448
SHEET_SIDE: Final = 160
SHEET_LONGEST: Final = 480


def enlarge(picture: Picture, side: int = SMALL) -> Pixels:
    """The picture, uint8 [H, W, 3], each pixel a square of so many that the short side is `side`.

    The factor is whole, so the short side may come out longer; the picture stays as it is where
    it is large enough, or so elongated that it would get over 2048 pixels long.
    """
    pixels = np.asarray(picture)
    short, long = sorted(pixels.shape[:2])
    factor = max(1, min(math.ceil(side / short), LONGEST // long))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def panel(columns: Sequence[tuple[str, Picture]], caption: str = "") -> Image.Image:
    """Pictures side by side, each under its title, and the caption's lines under them all.

    Each picture is uint8 [H, W, 3] or of Pillow, and enlarged where it is small. The first line
    of the caption stands out. Text that is too long is wrapped, then shortened.
    Raises ValueError when there are no columns.
    """
    pictures = _even([_framed(enlarge(picture, PANEL_SIDE)) for _, picture in columns])
    width, height = pictures[0].size
    unit = max(1.0, math.sqrt(width * height) / PANEL_SIDE)
    titled = [
        _stack([*_text(title, 28 * unit, INK, width, 2), picture], 6 * unit)
        for (title, _), picture in zip(columns, pictures, strict=True)
    ]
    row = _beside(titled, 28 * unit)
    first, *others = caption.splitlines() or [""]
    lines = [block for line in others for block in _text(line, 24 * unit, SOFT, row.width, 3)]
    head = _text(first, 26 * unit, INK, row.width, 3)
    body = [_stack([*head, *lines], 4 * unit)] if head or lines else []
    return _margin(_stack([row, *body], 22 * unit), 44 * unit)


def sheet(
    cells: Sequence[tuple[str, Sequence[Picture]]], columns: int, title: str = ""
) -> Image.Image:
    """A grid of labelled cells, each with its pictures close beside one another.

    Cells fill rows of `columns`, as many as it takes. Pictures are uint8 [H, W, 3] or of
    Pillow, small ones enlarged, large ones scaled down. The first line of the title is large,
    further ones are a subtitle. Text that is too long is shortened.
    Raises ValueError when there are no cells.
    """
    strips = _even(
        [_beside([_framed(_thumbnail(each)) for each in pictures], 4) for _, pictures in cells]
    )
    width = strips[0].width
    labelled = [
        _stack([strip, *_text(label, 20, SOFT, width, 1)], 6)
        for (label, _), strip in zip(cells, strips, strict=True)
    ]
    rows = [
        _beside(labelled[start : start + columns], 28) for start in range(0, len(cells), columns)
    ]
    grid = _stack(rows, 20)
    first, *others = title.splitlines() or [""]
    head = [
        *_text(first, 40, INK, grid.width, 2),
        *(block for line in others for block in _text(line, 24, SOFT, grid.width, 2)),
    ]
    body = [_stack(head, 6)] if head else []
    return _margin(_stack([*body, grid], 32), 52)


def _thumbnail(picture: Picture) -> Pixels:
    image = Image.fromarray(enlarge(picture, SHEET_SIDE))
    image.thumbnail((SHEET_LONGEST, SHEET_LONGEST), Image.Resampling.BOX)
    return np.asarray(image)


def _text(text: str, size: float, ink: tuple[int, int, int], width: int, most: int) -> list[Block]:
    """The lines of a text, each a block of the given width; none where there is no text."""
    if not text.strip():
        return []
    font = ImageFont.load_default(size)
    height = round(1.32 * size)
    blocks = []
    for line in wrap(text, font, width, most):
        block = Image.new("RGB", (width, height), WHITE)
        ImageDraw.Draw(block).text((0, height / 2), line, fill=ink, font=font, anchor="lm")
        blocks.append(block)
    return blocks


def _framed(pixels: Pixels) -> Block:
    """The picture with a hairline around it, that tells a white picture from the page."""
    return _margin(Image.fromarray(pixels), 1, FRAME)


def _even(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, each centred on white of the size of the largest."""
    width = max(block.width for block in blocks)
    height = max(block.height for block in blocks)
    evened = []
    for block in blocks:
        page = Image.new("RGB", (width, height), WHITE)
        page.paste(block, ((width - block.width) // 2, (height - block.height) // 2))
        evened.append(page)
    return evened


def _stack(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks one under the other, aligned at the left."""
    width = max(block.width for block in blocks)
    height = sum(block.height for block in blocks) + round(gap) * (len(blocks) - 1)
    page = Image.new("RGB", (width, height), WHITE)
    top = 0
    for block in blocks:
        page.paste(block, (0, top))
        top += block.height + round(gap)
    return page


def _beside(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks one beside the other, aligned at the bottom."""
    width = sum(block.width for block in blocks) + round(gap) * (len(blocks) - 1)
    height = max(block.height for block in blocks)
    page = Image.new("RGB", (width, height), WHITE)
    left = 0
    for block in blocks:
        page.paste(block, (left, height - block.height))
        left += block.width + round(gap)
    return page


def _margin(block: Block, width: float, colour: tuple[int, int, int] = WHITE) -> Block:
    return ImageOps.expand(block, round(width), colour)
