"""What units see, large, beside pictures of the whole input and where that lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from retrograph.render.blocks import Block, Page, beside, blank, framed, stack, topped
from retrograph.render.caption import Caption, captioned, columns, heading
from retrograph.render.page import PANEL_SIDE, WIDEST, Titled, enlarged_size, fill
from retrograph.render.seen import Seen, part_rows, whole_row

_SMALL: Final = 1.0
"""The least height of the pictures of the whole, as a share of that of the parts' places."""
_COLUMNS: Final = 5
"""The most parts beside each other."""
_NARROWEST: Final = 200
"""The least width of a picture with its title."""


def seen_page(
    first: Titled, maps: Sequence[Seen], side: int, caption: Caption, *, smooth: bool = False
) -> Page | None:
    """The parts of input and attributions that units see, beside the whole input, over a caption.

    The whole of an attribution is there only where it is not 0 outside of the parts.

    Args:
        first, maps, side, smooth: as in `seen_rows`.
        caption: what is said under them.

    Returns:
        The page; None where no unit sees a small part of the input.
    """
    height, width = enlarged_size(first[1], side)
    rows = _in_lines(_without_free_columns(part_rows(first, maps, (height, width), smooth=smooth)))
    if not rows:
        return None
    across = len(rows[0]) + 1
    unit = max(1.0, math.sqrt(width * height) / PANEL_SIDE, across * width / WIDEST)
    high = max(round(_SMALL * height), _tallest(rows[0]) if len(rows) == 1 else 0)
    whole = [cell for cell in whole_row(first, maps, high, smooth=smooth) if cell]
    beyond = [cell for cell, each in zip(whole[1:], maps, strict=True) if each.goes_beyond]
    wholes = [(title, fill(each, width, high)) for title, each in (whole[0], *beyond)]
    if len(rows) == 1:
        return captioned(_row([*wholes, *rows[0]], unit), caption, unit)
    parts = stack([_row(row, unit) for row in rows], 24 * unit)
    small = stack([_row([cell], unit) for cell in wholes], 18 * unit)
    return captioned(columns([small, parts], 28 * unit), caption, unit)


def _tallest(row: Sequence[Titled | None]) -> int:
    """The height of the tallest picture of a row."""
    return max(int(np.asarray(cell[1]).shape[0]) for cell in row if cell)


def _without_free_columns(
    rows: Sequence[Sequence[Titled | None]],
) -> list[list[Titled | None]]:
    """The rows without the columns in which all places are free."""
    return [
        [cell for column, cell in enumerate(row) if any(each[column] for each in rows)]
        for row in rows
    ]


def _in_lines(rows: Sequence[Sequence[Titled | None]]) -> list[list[Titled | None]]:
    """The rows with some columns each, the others under them."""
    columns = len(rows[0]) if rows else 0
    return [
        [*row[start : start + _COLUMNS]] for start in range(0, columns, _COLUMNS) for row in rows
    ]


def _row(row: Sequence[Titled | None], unit: float) -> Block:
    """Pictures under their titles, side by side; a free place is as wide as the widest picture."""
    framed_ones = [framed(np.asarray(cell[1])) if cell else None for cell in row]
    widest = max(picture.width for picture in framed_ones if picture)
    pictures = [picture or blank(widest, 1) for picture in framed_ones]
    heads = [
        _head(cell[0] if cell else "", max(picture.width, round(_NARROWEST * unit)), unit)
        for cell, picture in zip(row, pictures, strict=True)
    ]
    tallest, high = max(h.height for h in heads), max(p.height for p in pictures)
    blocks = [
        stack([topped(head, head.width, tallest), topped(each, head.width, high)], 6 * unit)
        for head, each in zip(heads, pictures, strict=True)
    ]
    return beside(blocks, 28 * unit)


def _head(title: str, width: int, unit: float) -> Block:
    words = heading(title, (24 * unit, 20 * unit), width, (2, 2))
    return stack(words, 4 * unit) if words else blank(width, 1)
