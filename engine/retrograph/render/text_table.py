"""Tables of text as pictures: columns under their headings, rows between hairlines, on white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from PIL import Image, ImageDraw

from retrograph.render.blocks import FRAME, INK, SOFT, Block, Page, blank, margin, stack, written
from retrograph.render.text import font_of, legible, wrap

Colour: TypeAlias = tuple[int, int, int]

GOOD: Final = (0, 116, 84)
BAD: Final = (184, 56, 0)
"""Of Okabe and Ito, darkened: people tell them apart whatever colours they see."""

_WIDTH: Final = 1504
_SIZE: Final = 24
_GAP: Final = 36
_WIDEST: Final = 620
_NARROWEST: Final = 240
_MOST_LINES: Final = 8


@dataclass(frozen=True)
class TextTable:
    """Rows of text.

    Attributes:
        rows: the cells of each row; rows may lack their last cells.
        headings: of the columns; () for none.
        colours: of cells, by their text; others are black.
    """

    rows: Sequence[Sequence[str]]
    headings: Sequence[str] = ()
    colours: Mapping[str, Colour] = field(default_factory=dict)


def text_page(title: str, tables: Sequence[TextTable], notes: Sequence[str] = ()) -> Page:
    """Tables one under the other, below a title and above notes; cells that are long are wrapped.

    Args:
        title: its first line is large, further ones are a subtitle.
        tables: those without rows are left out.
        notes: what is said below them.
    """
    first, *others = title.splitlines()
    head = written(first, 36, INK, _WIDTH, 2)
    head += [block for line in others for block in written(line, 22, SOFT, _WIDTH, 3)]
    foot = [block for line in notes for block in written(line, 20, SOFT, _WIDTH, 6)]
    drawn = [_table(table) for table in tables if table.rows]
    return margin(stack([stack(head, 5), *drawn, *([stack(foot, 4)] if foot else [])], 34), 48)


def _table(table: TextTable) -> Block:
    widths = _widths(table)
    rows = [_row(cells, widths, table.colours) for cells in table.rows]
    if table.headings:
        rows.insert(0, _row(table.headings, widths, dict.fromkeys(table.headings, SOFT)))
    first, *others = rows
    return stack([first, *(block for row in others for block in (_hairline(), row))], 7)


def _widths(table: TextTable) -> list[int]:
    """The widths of the columns; the last one takes what is left."""
    font = font_of(_SIZE)
    lines = [table.headings, *table.rows]
    columns = max(map(len, lines))
    natural = [
        max(font.getlength(legible(line[i])) for line in lines if len(line) > i)
        for i in range(columns)
    ]
    widths = [min(_WIDEST, round(width) + 2) for width in natural[:-1]]
    room = _WIDTH - _NARROWEST - _GAP * len(widths)
    over = sum(widths) / room if widths else 0
    if over > 1:
        widths = [int(width / over) for width in widths]
    return [*widths, _WIDTH - sum(widths) - _GAP * len(widths)]


def _row(cells: Sequence[str], widths: Sequence[int], colours: Mapping[str, Colour]) -> Block:
    """Cells side by side, each wrapped in its column, aligned at the top."""
    font = font_of(_SIZE)
    height = round(1.32 * _SIZE)
    columns = list(zip(cells, widths, strict=False))
    wrapped = [wrap(cell, font, width, _MOST_LINES) for cell, width in columns]
    row = blank(_WIDTH, height * max(map(len, wrapped)))
    draw = ImageDraw.Draw(row)
    left = 0
    for (cell, width), lines in zip(columns, wrapped, strict=True):
        ink = colours.get(cell, INK)
        for number, line in enumerate(lines):
            draw.text((left, height * (number + 0.5)), line, fill=ink, font=font, anchor="lm")
        left += width + _GAP
    return row


def _hairline() -> Block:
    return Image.new("RGB", (_WIDTH, 1), FRAME)
