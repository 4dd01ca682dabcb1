"""Pages: pictures in columns or in a grid, with their titles and captions, on white."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retrograph.render.blocks import (
    INK,
    SOFT,
    Block,
    beside,
    blank,
    captioned,
    even,
    framed,
    margin,
    stack,
    topped,
    written,
)
from retrograph.render.colour import Picture, Pixels
from retrograph.render.styles import Key

SMALL: Final = 224
"""The short side, in pixels, that small pictures are enlarged to."""
LONGEST: Final = 2048
"""The long side, in pixels, that no picture is enlarged beyond."""
PANEL_SIDE: Final = 448
SHEET_SIDE: Final = 160
SHEET_LONGEST: Final = 480
CELL_SIDE: Final = 224
CELL_LONGEST: Final = 448
CELL_GAP: Final = 14
CELL_NARROWEST: Final = 160
SMALLEST: Final = 20
"""The least size of the titles of columns; those that are too long for it have two lines."""
NARROWEST: Final = 720
"""The least width, in pixels, of the words around a table or a sheet."""
WIDE: Final = 1600
"""The width, in pixels, beyond which they grow."""


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
    pictures = even([framed(enlarge(picture, PANEL_SIDE)) for _, picture in columns])
    width, height = pictures[0].size
    unit = max(1.0, math.sqrt(width * height) / PANEL_SIDE)
    titled = [
        stack([*written(title, 28 * unit, INK, width, 2), picture], 6 * unit)
        for (title, _), picture in zip(columns, pictures, strict=True)
    ]
    return captioned(beside(titled, 28 * unit), caption, unit)


def sheet(
    cells: Sequence[tuple[str, Sequence[Picture]]], columns: int, title: str = ""
) -> Image.Image:
    """A grid of labelled cells, each with its pictures close beside one another.

    Cells fill rows of `columns`, as many as it takes. Pictures are uint8 [H, W, 3] or of
    Pillow, small ones enlarged, large ones scaled down. The first line of the title is large,
    further ones are a subtitle. A line of a label or title that is too long is shortened.
    Raises ValueError when there are no cells.
    """
    strips = even(
        [
            beside([framed(_thumbnail(each, SHEET_SIDE, SHEET_LONGEST)) for each in pictures], 4)
            for _, pictures in cells
        ]
    )
    width = strips[0].width
    labelled = [
        stack([strip, *_label(label, width)], 6)
        for (label, _), strip in zip(cells, strips, strict=True)
    ]
    rows = [
        beside(labelled[start : start + columns], 28) for start in range(0, len(cells), columns)
    ]
    grid = stack(rows, 20)
    first, *others = title.splitlines() or [""]
    width = max(NARROWEST, grid.width)
    head = [
        *written(first, 40, INK, width, 2),
        *(block for line in others for block in written(line, 24, SOFT, width, 2)),
    ]
    body = [stack(head, 6)] if head else []
    return margin(stack([*body, grid], 32), 52)


def _label(text: str, width: int) -> list[Block]:
    """The lines under a cell."""
    return [block for line in text.split("\n") for block in written(line, 20, SOFT, width, 1)]


class Table:
    """Rows of pictures in columns under their titles, each row over its caption.

    Only small pictures of what is added are kept, so that there may be many rows.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles
        self._rows: list[tuple[str, list[Block]]] = []

    def add(self, caption: str, pictures: Sequence[Picture]) -> None:
        """A row: uint8 [H, W, 3] or of Pillow, of any sizes, one for each column.

        They begin where their column and the row begin. The caption's first line stands out.
        """
        blocks = [framed(_thumbnail(each, CELL_SIDE, CELL_LONGEST)) for each in pictures]
        self._rows.append((caption, blocks))

    def page(
        self, title: str, keys: Sequence[tuple[str, Key]] = (), notes: Sequence[str] = ()
    ) -> Image.Image:
        """The rows under the title, whose first line stands out, over the keys and the notes.

        A key has before it the columns that it is of. Raises ValueError when there are no rows.
        """
        columns = zip(*(blocks for _, blocks in self._rows), strict=True)
        widths = [max(CELL_NARROWEST, *(b.width for b in column)) for column in columns]
        width = max(NARROWEST, sum(widths) + CELL_GAP * (len(widths) - 1))
        unit = min(1.3, max(1.0, width / WIDE))
        rows = [
            stack([_strip(blocks, widths), *_caption(caption, unit, width)], 3)
            for caption, blocks in self._rows
        ]
        first, *others = title.splitlines() or [""]
        parts = [
            [*written(first, 32 * unit, INK, width, 2), *_lines(others, 22 * unit, width)],
            [stack([_heads(self._titles, widths, 22 * unit), stack(rows, 30)], 8)],
            [stack([_keyed(names, key, unit, width) for names, key in keys], 16)] if keys else [],
            _lines(notes, 18 * unit, width),
        ]
        return margin(stack([stack(part, 5) for part in parts if part], 34), 52)


def _heads(titles: Sequence[str], widths: Sequence[int], most: float) -> Block:
    """The titles of columns: as large as fits in a line, up to a size, but never too small."""
    font = ImageFont.load_default(most)
    rooms = (
        (w - CELL_GAP) / max(1.0, font.getlength(t)) for t, w in zip(titles, widths, strict=True)
    )
    size = max(SMALLEST, most * min(1.0, *rooms))
    heads = [
        stack([blank(width, 1), *written(title, size, INK, width, 2)], 0)
        for title, width in zip(titles, widths, strict=True)
    ]
    return beside(heads, CELL_GAP)


def _strip(blocks: Sequence[Block], widths: Sequence[int]) -> Block:
    """A row of a table, in columns of the given widths."""
    height = max(block.height for block in blocks)
    cells = [topped(block, width, height) for block, width in zip(blocks, widths, strict=True)]
    return beside(cells, CELL_GAP)


def _caption(caption: str, unit: float, width: int) -> list[Block]:
    first, *others = caption.splitlines() or [""]
    return [*written(first, 20 * unit, INK, width, 1), *_lines(others, 20 * unit, width)]


def _lines(lines: Sequence[str], size: float, width: int) -> list[Block]:
    """Lines that do not stand out, each wrapped."""
    return [block for line in lines for block in written(line, size, SOFT, width, 20)]


def _keyed(names: str, key: Key, unit: float, width: int) -> Block:
    """A key's bar, with its ends named, beside its words."""
    bar = framed(key.bar)
    labels = blank(bar.width, round(24 * unit))
    draw, font = ImageDraw.Draw(labels), ImageFont.load_default(17 * unit)
    last = len(key.ends) - 1
    for i, label in enumerate(key.ends):
        anchor = "l" if i == 0 else "r" if i == last else "m"
        place = (i * bar.width / last, labels.height / 2)
        draw.text(place, label, fill=SOFT, font=font, anchor=f"{anchor}m")
    room = width - bar.width - 2 * CELL_GAP
    words = [*written(names, 20 * unit, INK, room, 4), *_lines([key.text], 18 * unit, room)]
    drawn = [stack([bar, labels], 2), stack(words, 2)]
    tallest = max(block.height for block in drawn)
    return beside([topped(block, block.width, tallest) for block in drawn], 2 * CELL_GAP)


def _thumbnail(picture: Picture, side: int, longest: int) -> Pixels:
    image = Image.fromarray(enlarge(picture, side))
    image.thumbnail((longest, longest), Image.Resampling.BOX)
    return np.asarray(image)
