"""Grids of small tiles close together, with numbers at their sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import ImageDraw

from retrograph.render.blocks import (
    INK,
    SOFT,
    Block,
    Page,
    beside,
    blank,
    framed,
    margin,
    stack,
    written,
)
from retrograph.render.colour import Picture
from retrograph.render.page import enlarge
from retrograph.render.text import font_of

_NARROWEST: Final = 900
_GUTTER: Final = 44


def tile_page(
    rows: Sequence[tuple[str, Sequence[tuple[str, Picture]]]],
    side: int,
    title: str,
    notes: Sequence[str] = (),
) -> Page:
    """Rows of tiles, each under its label, the row's own label left of them.

    Args:
        rows: each with its label, "" for none, and its tiles with theirs.
        side: the short side, in pixels, that small tiles are enlarged to.
        title: its first line is large, further ones are a subtitle.
        notes: what is said under the tiles.

    Raises ValueError where there are no rows.
    """
    lines = [_line(label, tiles, side) for label, tiles in rows]
    width = max(max(line.width for line in lines), _NARROWEST)
    first, *others = title.splitlines()
    head = [*written(first, 36, INK, width, 2)]
    head += [block for line in others for block in written(line, 22, SOFT, width, 3)]
    foot = [block for line in notes for block in written(line, 18, SOFT, width, 5)]
    parts = [stack(head, 5), stack(lines, 6), *([stack(foot, 4)] if foot else [])]
    return margin(stack(parts, 30), 48)


def _line(label: str, tiles: Sequence[tuple[str, Picture]], side: int) -> Block:
    cells = []
    for name, picture in tiles:
        tile = framed(enlarge(picture, side))
        cells.append(stack([_centred(name, tile.width), tile], 1) if name else tile)
    line = beside(cells, 6)
    if not label:
        return line
    page = blank(_GUTTER, line.height)
    place = (_GUTTER - 12, line.height - cells[0].height / 2)
    if tiles[0][0]:
        place = (_GUTTER - 12, line.height - framed(enlarge(tiles[0][1], side)).height / 2)
    font = font_of(15)
    ImageDraw.Draw(page).text(place, label, fill=SOFT, font=font, anchor="rm")
    return beside([page, line], 0)


def _centred(text: str, width: int) -> Block:
    page = blank(width, 19)
    font = font_of(14)
    ImageDraw.Draw(page).text((width / 2, 9), text, fill=SOFT, font=font, anchor="mm")
    return page
