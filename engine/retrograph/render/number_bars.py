"""A few numbers as labelled bars: the values of a table's row, and what each counts for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retrograph.render.blocks import FRAME, INK, SOFT, Block, beside, blank, stack, topped, written
from retrograph.render.caption import Caption, captioned, lines
from retrograph.render.curves import Curves, number_text

_HIGH: Final = 26
_BAR: Final = 250
_NUMBER: Final = 96
_LABEL: Final = 56


def number_bars_page(tracks: Sequence[Curves], caption: Caption) -> Image.Image:
    """Columns of bars, a row for each number, over the caption.

    Args:
        tracks: of one channel each, the input first.
        caption: what is said under them.

    Raises ValueError where there are no tracks.
    """
    columns = [_column(track) for track in tracks]
    tallest = max(column.height for column in columns)
    count = tracks[0].values.shape[1]
    labels = topped(_labels(count), _LABEL, _HIGH * count)
    padded = [_at_bottom(column, tallest) for column in columns]
    body = beside([labels, *padded], 26)
    return captioned(stack([body, blank(760, 1)], 0), caption, 1.0)


def _at_bottom(block: Block, height: int) -> Block:
    return stack([blank(block.width, height - block.height), block], 0)


def _labels(count: int) -> Block:
    page = blank(_LABEL, _HIGH * count)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for row in range(count):
        place = (_LABEL - 1, _HIGH * (row + 0.5))
        draw.text(place, str(row), fill=SOFT, font=font, anchor="rm")
    return page


def _column(track: Curves) -> Block:
    """The bars of a track under its title, each beside its number."""
    (values,) = np.asarray(track.values, np.float64)
    head, *more = track.title.splitlines() or [""]
    width = _BAR + _NUMBER
    title = [*written(head, 24, INK, width, 2), *lines(more, 19, width, 2)]
    low, top = min(0.0, values.min()), max(0.0, values.max())
    scale = _BAR / ((top - low) or 1.0)
    zero = round(-low * scale)
    page = blank(width, _HIGH * len(values))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    above, below = track.inks[0], track.inks[-1]
    for row, value in enumerate(values):
        end = zero + round(value * scale)
        if end != zero:
            left, right = sorted((zero, end))
            ink = above if value > 0 else below
            draw.rectangle([left, _HIGH * row + 4, right, _HIGH * (row + 1) - 5], fill=ink)
        place = (width - 1, _HIGH * (row + 0.5))
        draw.text(place, number_text(value), fill=SOFT, font=font, anchor="rm")
    draw.line([(zero, 0), (zero, page.height)], FRAME)
    return stack([stack(title, 2), page], 6)
