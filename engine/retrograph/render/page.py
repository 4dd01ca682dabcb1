"""Pages: pictures in columns or in a grid, with their titles and captions, on white."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from PIL import Image, ImageDraw

from retrograph.render.blocks import (
    INK,
    SOFT,
    Block,
    Page,
    beside,
    blank,
    even,
    framed,
    margin,
    stack,
    topped,
    written,
)
from retrograph.render.caption import (
    NO_CAPTION,
    Caption,
    caption_parts,
    captioned,
    heading,
    keyed_blocks,
    lines,
)
from retrograph.render.colour import Picture, Pixels
from retrograph.render.styles import Key
from retrograph.render.text import font_of, legible

SMALL: Final = 224
"""The short side, in pixels, that small pictures are enlarged to."""
LONGEST: Final = 2048
"""The long side, in pixels, that no picture is enlarged beyond."""
PANEL_SIDE: Final = 448
LONE_SIDE: Final = 600
"""The same of a picture that is alone on its page."""
PANEL_NARROWEST: Final = 860
_ELONGATED: Final = 1.5
"""How many times as long as wide a picture of a panel is enlarged less."""
SHEET_SIDE: Final = 160
SHEET_LONGEST: Final = 480
CELL_SIDE: Final = 224
CELL_LONGEST: Final = 448
CELL_GAP: Final = 14
_HEAD_ROOM: Final = 0.94
"""The share of a picture's width that its title in a sheet has room for."""
CELL_NARROWEST: Final = 160
SMALLEST: Final = 20
"""The least size of the titles of columns; those that are too long for it have two lines."""
NARROWEST: Final = 720
"""The least width, in pixels, of the words around a table or a sheet."""
WIDE: Final = 1600
"""The width, in pixels, beyond which they grow."""
WIDEST: Final = 1500
"""The same of panels."""


def enlarge(picture: Picture, side: int = SMALL, *, smooth: bool = False) -> Pixels:
    """The picture, uint8 [H, W, 3], each pixel a square of so many that the short side is `side`.

    The factor is whole, so the short side may come out longer; the picture stays as it is where
    it is large enough, or so elongated that it would get over 2048 pixels long. A smooth one has
    no edges between the squares.
    """
    pixels = np.asarray(picture)
    return _times(pixels, _factor(pixels, side), smooth)


def enlarged_size(picture: Picture, side: int) -> tuple[int, int]:
    """The height and width that `enlarge` gives."""
    pixels = np.asarray(picture)
    factor = _factor(pixels, side)
    return pixels.shape[0] * factor, pixels.shape[1] * factor


def _factor(pixels: Pixels, side: int) -> int:
    short, long = sorted(map(int, pixels.shape[:2]))
    return max(1, min(math.ceil(side / short), LONGEST // long))


def fill(picture: Picture, width: int, height: int, *, smooth: bool = False) -> Pixels:
    """The picture, enlarged by a whole factor, or scaled down, until it just fits in."""
    pixels = np.asarray(picture)
    rows, columns = pixels.shape[:2]
    if rows > height or columns > width:
        image = Image.fromarray(pixels)
        image.thumbnail((width, height), Image.Resampling.BOX)
        return np.asarray(image)
    return _times(pixels, min(height // rows, width // columns), smooth)


def _times(pixels: Pixels, factor: int, smooth: bool) -> Pixels:
    if factor == 1:
        return pixels
    if not smooth:
        return pixels.repeat(factor, axis=1).repeat(factor, axis=0)
    size = pixels.shape[1] * factor, pixels.shape[0] * factor
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


Titled: TypeAlias = tuple[str, Picture]
"""A title, whose first line stands out, and its picture: uint8 [H, W, 3] or of Pillow."""


def panel(columns: Sequence[Titled], caption: Caption = NO_CAPTION) -> Page:
    """Pictures side by side, each under its title, and the caption under them all.

    Small pictures are enlarged. Text that is too long is wrapped, then shortened.
    Raises ValueError when there are no columns.
    """
    return panels([columns], caption)


def panels(
    rows: Sequence[Sequence[Titled | None]],
    caption: Caption = NO_CAPTION,
) -> Page:
    """The same of several rows, whose pictures have the place of the largest of the first row.

    Args:
        rows: the pictures of each; None leaves a place free.
        caption: what is said under them.
    """
    across = max(map(len, rows))
    is_alone = across == len(rows) == 1
    usual, narrowest = (LONE_SIDE, 1) if is_alone else (PANEL_SIDE, PANEL_NARROWEST)
    first = [enlarged_size(cell[1], panel_side(cell[1], usual)) for cell in rows[0] if cell]
    height, width = (2 + max(sides) for sides in zip(*first, strict=True))
    unit = max(1.0, math.sqrt(width * height) / usual, across * width / WIDEST)
    drawn = [_panel_row(row, width, height, unit) for row in rows]
    body = stack([*drawn, blank(narrowest, 1)], 24 * unit)
    return captioned(body, caption, unit)


def panel_side(picture: Picture, usual: int = PANEL_SIDE) -> int:
    """The short side that a picture of a panel is enlarged to: less where it is elongated."""
    short, long = sorted(np.asarray(picture).shape[:2])
    return round(usual * min(1.0, math.sqrt(_ELONGATED * short / long)))


def _panel_row(row: Sequence[Titled | None], width: int, height: int, unit: float) -> Block:
    heads = [_panel_title(cell[0] if cell else "", width, unit) for cell in row]
    tallest = max(head.height for head in heads)
    pictures = [
        framed(fill(cell[1], width - 2, height - 2)) if cell else blank(1, 1) for cell in row
    ]
    high = max(picture.height for picture in pictures)
    blocks = [
        stack([topped(head, width, tallest), topped(picture, width, high)], 6 * unit)
        for head, picture in zip(heads, pictures, strict=True)
    ]
    return beside(blocks, 28 * unit)


def _panel_title(title: str, width: int, unit: float) -> Block:
    words = heading(title, (28 * unit, 22 * unit), width, (2, 2))
    return stack(words, 4 * unit) if words else blank(width, 1)


def sheet(
    cells: Sequence[tuple[str, Sequence[Picture]]],
    columns: int,
    title: str = "",
    caption: Caption = NO_CAPTION,
    *,
    smooth: bool = False,
    side: int = SHEET_SIDE,
    heads: Sequence[str] = (),
) -> Page:
    """A grid of labelled cells, each with its pictures close beside one another.

    Cells fill rows of `columns`, as many as it takes. Pictures are uint8 [H, W, 3] or of
    Pillow, the short side of small ones enlarged to `side`, large ones scaled down. The first line
    of the title is large, further ones are a subtitle; the caption stands under the grid. A line of
    a label or title that is too long is shortened. With `smooth` all pictures of a cell but the
    first, the input, are enlarged without edges between their pixels. `heads` stand over the
    pictures of each cell of the first row.
    Raises ValueError when there are no cells.
    """
    groups = [
        even(
            [
                framed(_thumbnail(each, side, SHEET_LONGEST, smooth and place > 0))
                for place, each in enumerate(group)
            ]
        )
        for _, group in cells
    ]
    strips = even([beside(group, 4) for group in groups])
    width = strips[0].width
    if heads:
        over = _sheet_heads(heads, groups[0][0].width, width)
        strips[:columns] = [stack([over, strip], 4) for strip in strips[:columns]]
    labelled = [
        stack([strip, *_label(label, width)], 6)
        for (label, _), strip in zip(cells, strips, strict=True)
    ]
    rows = [
        beside(labelled[start : start + columns], 28) for start in range(0, len(cells), columns)
    ]
    grid = stack(rows, 20)
    width = max(grid.width, NARROWEST)
    head = heading(title, (40, 24), width, (2, 2))
    foot = caption_parts(caption, 1.0, width)
    return margin(stack([*([stack(head, 6)] if head else []), grid, *foot], 32), 52)


def _sheet_heads(heads: Sequence[str], each: int, width: int) -> Block:
    """What stands over the middles of a cell's pictures, as large as fits."""
    font = font_of(20)
    room = _HEAD_ROOM * each
    size = 20 * min(1.0, *(room / max(1.0, font.getlength(head)) for head in heads))
    words = []
    for head in heads:
        page = blank(each, 26)
        place = each / 2, page.height / 2
        ImageDraw.Draw(page).text(place, legible(head), SOFT, font_of(size), "mm")
        words.append(page)
    return topped(beside(words, 4), width, 26)


def _label(text: str, width: int) -> list[Block]:
    """The lines under a cell."""
    return [block for line in text.split("\n") for block in written(line, 20, SOFT, width, 1)]


class Table:
    """Rows of pictures in columns under their titles, each row over its caption.

    Only small pictures of what is added are kept, so that there may be many rows.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles
        self._rows: list[tuple[str, list[Block | None]]] = []

    def add(
        self,
        caption: str,
        pictures: Sequence[Picture | None],
        *,
        side: int = CELL_SIDE,
        smooth: bool = False,
    ) -> None:
        """A row: uint8 [H, W, 3] or of Pillow, of any sizes, one for each column; None for none.

        They begin where their column and the row begin; a column without any is left out. The
        caption's first line stands out. The short side of small ones is enlarged to `side`.
        """
        blocks = [
            None if each is None else framed(_thumbnail(each, side, CELL_LONGEST, smooth))
            for each in pictures
        ]
        self._rows.append((caption, blocks))

    def page(
        self, title: str, keys: Sequence[tuple[str, Key]] = (), notes: Sequence[str] = ()
    ) -> Page:
        """The rows under the title, whose first line stands out, over the keys and the notes.

        A key has before it the columns that it is of. Raises ValueError when there are no rows.
        """
        titles, columns = self._filled_columns()
        widths = [max(CELL_NARROWEST, *(block.width for block in column)) for column in columns]
        width = max(NARROWEST, sum(widths) + CELL_GAP * (len(widths) - 1))
        unit = min(1.3, max(1.0, width / WIDE))
        rows = [
            stack([_strip(blocks, widths), *_caption(caption, unit, width)], 3)
            for (caption, _), blocks in zip(self._rows, zip(*columns, strict=True), strict=True)
        ]
        parts = [
            heading(title, (32 * unit, 22 * unit), width, (2, 20)),
            [stack([_heads(titles, widths, 22 * unit), stack(rows, 30)], 8)],
            keyed_blocks(keys, unit, width),
            lines(notes, 18 * unit, width),
        ]
        return margin(stack([stack(part, 5) for part in parts if part], 34), 52)

    def _filled_columns(self) -> tuple[list[str], list[list[Block]]]:
        """The columns that have pictures, white where they have none, under their titles."""
        columns = zip(*(blocks for _, blocks in self._rows), strict=True)
        filled = [
            (title, [block or blank(1, 1) for block in column])
            for title, column in zip(self._titles, columns, strict=True)
            if any(column)
        ]
        return [title for title, _ in filled], [column for _, column in filled]


def _heads(titles: Sequence[str], widths: Sequence[int], most: float) -> Block:
    """The titles of columns: as large as fits in a line, up to a size, but never too small."""
    font = font_of(most)
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
    return heading(caption, (20 * unit, 20 * unit), width, (1, 20))


def _thumbnail(picture: Picture, side: int, longest: int, smooth: bool) -> Pixels:
    image = Image.fromarray(enlarge(picture, side, smooth=smooth))
    image.thumbnail((longest, longest), Image.Resampling.BOX)
    return np.asarray(image)
