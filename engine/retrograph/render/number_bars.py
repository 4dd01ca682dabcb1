"""A few numbers as labelled bars: the values of a table's row, and what each counts for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from retrograph.render.blocks import INK, SOFT, Block, beside, blank, stack, written
from retrograph.render.caption import Caption, captioned, lines
from retrograph.render.colour import Floats, Pixels
from retrograph.render.signals import Values
from retrograph.render.styles import Style
from retrograph.render.text import font_of
from retrograph.render.waveform import WaveTrack

_HIGH: Final = 26
_GAP: Final = 4
_BAR: Final = 250
_NUMBER: Final = 96
_LABEL: Final = 56
_CLOSE: Final = 0.25
"""The share of a scale at whose end a number has no room beside 0."""
_NARROWEST: Final = 760


def number_bars_page(
    title: str, values: Values, tracks: Sequence[WaveTrack], caption: Caption
) -> Image.Image:
    """Columns of bars, a row for each number of [1, L], over the caption.

    Args:
        title: of the values; further lines say more.
        values: the input.
        tracks: its attributions, whose bars have the colours of their styles.
        caption: what is said under them.

    Raises:
        InputError: values are not finite.
    """
    columns = [_column(title, values.reshape(-1), None)]
    columns += [_column(each.title, each.values.reshape(-1), each.style) for each in tracks]
    tallest = max(column.height for column in columns)
    labels = _texts([str(row) for row in range(values.size)], _LABEL)
    labels = stack([labels, blank(1, _HIGH)], 0)
    body = beside([_at_bottom(each, tallest) for each in (labels, *columns)], 26)
    return captioned(stack([body, blank(_NARROWEST, 1)], 0), caption, 1.0)


def bars(values: Floats, style: Style | None) -> Pixels:
    """A bar for each of [L] under each other, from 0: uint8 [L * _HIGH, _BAR, 3].

    In the colours of a style, of one without signs all to the right; without a style in ink.
    """
    sized = values if style is None or style.has_sign else np.abs(values)
    low, top = _ends(values, style)
    places = low + (np.arange(_BAR) + 0.5) * ((top - low) or 1.0) / _BAR
    ends = sized[:, np.newaxis]
    filled = ((places > 0) & (places <= ends)) | ((places < 0) & (places >= ends))
    gaps = (np.arange(_HIGH) >= _GAP) & (np.arange(_HIGH) < _HIGH - _GAP)
    rows = (filled[:, np.newaxis] & gaps[:, np.newaxis]).reshape(-1, _BAR)
    if style is None:
        return np.where(rows[..., np.newaxis], np.array(INK), 255).astype(np.uint8)
    plane = np.where(rows, ends.repeat(_HIGH, axis=0), 0.0)
    return style.draw(plane[np.newaxis], percentile=100)


def _column(title: str, values: Values, style: Style | None) -> Block:
    """The bars of some numbers under their title, each beside its number."""
    width = _BAR + _NUMBER
    head, *more = title.splitlines() or [""]
    heads = [*written(head, 24, INK, width, 2), *lines(more, 19, width, 2)]
    drawn = Image.fromarray(bars(np.asarray(values, np.float64), style))
    numbers = _texts([f"{value:.3g}" for value in values.tolist()], _NUMBER)
    rows = stack([beside([drawn, numbers], 0), _scale(np.asarray(values, np.float64), style)], 0)
    return stack([stack(heads, 2), rows], 6)


def _ends(values: Floats, style: Style | None) -> tuple[float, float]:
    """The numbers at the left and the right end of a column of bars."""
    sized = values if style is None or style.has_sign else np.abs(values)
    return min(0.0, float(sized.min())), max(0.0, float(sized.max()))


def _scale(values: Floats, style: Style | None) -> Block:
    """The line under bars, with the numbers at its ends and 0."""
    page = blank(_BAR + _NUMBER, _HIGH)
    draw, font = ImageDraw.Draw(page), font_of(14)
    low, top = _ends(values, style)
    draw.line([(0, 2), (_BAR - 1, 2)], SOFT)
    for value in {low, 0.0, top}:
        place = (value - low) / ((top - low) or 1.0)
        if value and abs(value) < _CLOSE * (top - low):
            continue
        anchor = "l" if place < _CLOSE else "r" if place > 1 - _CLOSE else "m"
        x = min(round(place * _BAR), _BAR - 1)
        draw.line([(x, 2), (x, 6)], SOFT)
        draw.text((x, 16), f"{value:.2g}", fill=SOFT, font=font, anchor=f"{anchor}m")
    return page


def _texts(texts: Sequence[str], width: int) -> Block:
    """Short texts under each other, flush right, as high as the bars."""
    page = blank(width, _HIGH * len(texts))
    draw, font = ImageDraw.Draw(page), font_of(16)
    for row, text in enumerate(texts):
        draw.text((width - 1, _HIGH * (row + 0.5)), text, fill=SOFT, font=font, anchor="rm")
    return page


def _at_bottom(block: Block, height: int) -> Block:
    return stack([blank(block.width, height - block.height), block], 0)
