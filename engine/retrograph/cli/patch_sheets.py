"""Sheets of patches: a row for each channel, its strongest pictures over their attributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image

from retrograph.cli.patch_album import Album, Row
from retrograph.cli.patch_tiles import Tile
from retrograph.render.blocks import (
    INK,
    SOFT,
    Block,
    beside,
    blank,
    framed,
    margin,
    stack,
    topped,
    written,
)
from retrograph.render.page import enlarge
from retrograph.scanning import TopUnit

SIDE: Final = 96
"""The short side, in pixels, that patches have at least."""
LABEL: Final = 158
"""The width of what is said of a channel."""
WIDEST: Final = 1540
"""The width that the patches of a channel take before they go on in another line."""
COLUMNS: Final = 2
ROWS: Final = 8
"""The rows of a page, in each of its columns, where patches are small."""
GAP: Final = 6
_ROOM: Final = 2 * SIDE + 40
"""The height of such a row."""


def lines(row: Row) -> list[str]:
    """What is said of a channel under its name."""
    found, best = row.channel, row.preference
    said = [f"peak {row.peak:#.3g}", f"fires in {found.fires:.0%}"]
    if best is not None and best.strength > 0:
        said.append(f"{best.class_name} {best.strength:.2f}")
    return said


def per_page(album: Album) -> int:
    """How many channels a page shows."""
    side = _side(album.tile)
    deep = max(1, round(ROWS * _ROOM / (-(-album.k // _per_line(side)) * (2 * side[1] + 30))))
    return _columns(side, album.k) * deep


def sheets(album: Album, title: str, notes: Sequence[str]) -> Iterator[tuple[str, Image.Image]]:
    """Pages of the channels in order, each with the numbers of its first and last one.

    Args:
        album: the channels.
        title: its first line is large.
        notes: what is said under the channels.
    """
    count = per_page(album)
    for start in range(0, len(album.rows), count):
        rows = album.rows[start : start + count]
        numbers = [row.channel.channel for row in (rows[0], rows[-1])]
        page = _page(rows, _side(album.tile), album.k, title, notes)
        yield "-".join(map(str, dict.fromkeys(numbers))), page


def _side(tile: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a patch as it is drawn, with its frame."""
    factor = _factor(tile)
    return tile[0] * factor + 2, tile[1] * factor + 2


def _factor(tile: tuple[int, int]) -> int:
    short, long = sorted(tile)
    return max(1, min(round(SIDE / short), 4 * SIDE // long))


def _per_line(side: tuple[int, int]) -> int:
    return max(1, (WIDEST + GAP) // (side[0] + GAP))


def _columns(side: tuple[int, int], k: int) -> int:
    """Columns of channels: one where a channel's patches are wide."""
    return COLUMNS if min(k, _per_line(side)) * (side[0] + GAP) <= WIDEST * 0.75 else 1


def _page(
    rows: Sequence[Row], side: tuple[int, int], k: int, title: str, notes: Sequence[str]
) -> Image.Image:
    drawn = [_row(row, side, k) for row in rows]
    columns = _columns(side, k)
    deep = -(-len(drawn) // columns)
    parts = [stack(drawn[i : i + deep], 22) for i in range(0, len(drawn), deep)]
    height = max(part.height for part in parts)
    body = beside([topped(part, part.width, height) for part in parts], 48)
    width = max(body.width, 900)
    first, *others = title.splitlines()
    head = [*written(first, 36, INK, width, 2)]
    head += [block for line in others for block in written(line, 22, SOFT, width, 3)]
    foot = [block for line in notes for block in written(line, 18, SOFT, width, 4)]
    return margin(stack([stack(head, 5), body, stack(foot, 4)], 30), 48)


def _row(row: Row, side: tuple[int, int], k: int) -> Block:
    """What is said of a channel, left of its patches."""
    said = [*written(row.name, 26, INK, LABEL, 2)]
    said += [block for line in lines(row) for block in written(line, 17, SOFT, LABEL, 2)]
    label = stack(said, 3)
    across = min(k, _per_line(side))
    width = across * (side[0] + GAP) - GAP
    if not row.tiles:
        body = stack([blank(width, 1), *written("never fires", 20, SOFT, width, 1)], 0)
    else:
        cells = [_cell(unit, tile, side) for unit, tile in row.tiles]
        found = [beside(cells[i : i + across], GAP) for i in range(0, len(cells), across)]
        body = stack([blank(width, 1), *found], 8)
    height = max(label.height, body.height)
    return beside([topped(label, LABEL, height), topped(body, width, height)], 14)


def _cell(unit: TopUnit, tile: Tile, side: tuple[int, int]) -> Block:
    """A patch over its attribution, over the activation."""
    width, height = side
    drawn = []
    for picture in tile.pictures():
        block = framed(enlarge(picture, min(picture.size) * _factor(tile.size)))
        page = blank(width, height)
        page.paste(block, ((width - block.width) // 2, (height - block.height) // 2))
        drawn.append(page)
    return stack([*drawn, *written(f"{unit.activation:#.3g}", 15, SOFT, width, 1)], 3)
