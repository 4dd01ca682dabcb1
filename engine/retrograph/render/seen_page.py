"""What units see first and large, beside small pictures of the whole input and where that lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from retrograph.render.blocks import Block, beside, blank, framed, stack, topped
from retrograph.render.caption import Caption, captioned, heading
from retrograph.render.page import PANEL_SIDE, WIDEST, Titled, enlarged_size, fill
from retrograph.render.seen import Seen, part_rows, whole_row

_ACROSS: Final = 4
"""The parts of several windows that lie side by side, at most."""
_SMALL: Final = 0.5
"""The size of the pictures of the whole, as a share of that of the parts."""


def seen_page(
    first: Titled, maps: Sequence[Seen], side: int, caption: Caption, *, smooth: bool = False
) -> Image.Image | None:
    """The parts of input and attributions that units see, beside the whole input, over a caption.

    The whole of an attribution is there only where it is not 0 outside of the parts.

    Args:
        first, maps, side, smooth: as in `seen_rows`.
        caption: what is said under them.

    Returns:
        The page; None where no unit sees a small part of the input.
    """
    height, width = enlarged_size(first[1], side)
    rows = _without_free_columns(part_rows(first, maps, (height, width), smooth=smooth))
    if not rows:
        return None
    if len(rows) * len(rows[0]) <= _ACROSS and len(maps) == 1:
        rows = [[cell for row in rows for cell in row]]
    across = len(rows[0]) + 1
    unit = max(1.0, math.sqrt(width * height) / PANEL_SIDE, across * width / WIDEST)
    parts = stack([_row(row, width + 2, unit) for row in rows], 24 * unit)
    whole = [cell for cell in whole_row(first, maps, side // 2, smooth=smooth) if cell]
    beyond = [cell for cell, each in zip(whole[1:], maps, strict=True) if each.goes_beyond]
    small = [_small(cell, width, height, unit) for cell in (whole[0], *beyond)]
    body = _topped_beside([parts, stack(small, 18 * unit)], 36 * unit)
    return captioned(body, caption, unit)


def _without_free_columns(
    rows: Sequence[Sequence[Titled | None]],
) -> list[list[Titled | None]]:
    """The rows without the columns in which all places are free."""
    return [
        [cell for column, cell in enumerate(row) if any(each[column] for each in rows)]
        for row in rows
    ]


def _row(row: Sequence[Titled | None], width: int, unit: float) -> Block:
    """Parts under their titles, side by side, each with its frame no wider than so many pixels."""
    heads = [_head(cell[0] if cell else "", width, unit) for cell in row]
    pictures = [framed(np.asarray(cell[1])) if cell else blank(1, 1) for cell in row]
    tallest, high = max(h.height for h in heads), max(p.height for p in pictures)
    blocks = [
        stack([topped(head, width, tallest), topped(picture, width, high)], 6 * unit)
        for head, picture in zip(heads, pictures, strict=True)
    ]
    return beside(blocks, 28 * unit)


def _head(title: str, width: int, unit: float) -> Block:
    words = heading(title, (24 * unit, 20 * unit), width, (2, 2))
    return stack(words, 4 * unit) if words else blank(width, 1)


def _small(cell: Titled, width: int, height: int, unit: float) -> Block:
    """A picture of the whole, under its title."""
    size = round(_SMALL * width), round(_SMALL * height)
    words = heading(cell[0], (20 * unit, 18 * unit), size[0], (1, 1))
    return stack([*words, framed(fill(cell[1], *size))], 4 * unit)


def _topped_beside(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks side by side, aligned at the top."""
    tallest = max(block.height for block in blocks)
    return beside([topped(block, block.width, tallest) for block in blocks], gap)
