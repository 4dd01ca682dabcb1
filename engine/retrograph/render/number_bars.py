"""A few numbers as labelled bars: the values of a table's row, and what each counts for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from retrograph.render.blocks import INK, SOFT, Block, Page, beside, blank, stack, topped, written
from retrograph.render.caption import Caption, captioned, lines
from retrograph.render.colour import Floats, Pixels
from retrograph.render.signals import Values
from retrograph.render.styles import Key, Style
from retrograph.render.text import font_of
from retrograph.render.waveform import WaveTrack

_HIGH: Final = 26
_GAP: Final = 4
_BAR: Final = 250
_NUMBER: Final = 84
_LABEL: Final = 90
_APART: Final = 40
"""Between columns, so that a number lies nearer to its own bar."""
_INK: Final = 0.6
"""How far along its colours a bar is, all of one sign alike: its length says how large it is."""
_CLOSE: Final = 0.25
"""The share of a scale at whose end a number has no room beside 0."""
_MOST_DECIMALS: Final = 5
_LARGEST: Final = 1e4
"""Numbers from there on, and those of more decimals, have powers of ten."""
_MIDDLED: Final = 3
"""The names at a legend's bar that has 0 in the middle."""
_NARROWEST: Final = 760


def number_bars_page(
    title: str, values: Values, tracks: Sequence[WaveTrack], caption: Caption
) -> Page:
    """Columns of bars, a row for each number of [1, L], over the caption.

    Args:
        title: of the values; further lines say more.
        values: the input.
        tracks: its attributions, whose bars have the colours of their styles.
        caption: what is said under them.

    Raises:
        InputError: values are not finite.
    """
    titles = [title, *(each.title for each in tracks)]
    columns = [_column(values.reshape(-1), None)]
    columns += [_column(each.values.reshape(-1), each.style) for each in tracks]
    labels = _texts([f"input[{row}]" for row in range(values.size)], _LABEL, "r")
    labels = stack([labels, blank(1, _HIGH)], 0)
    heads = [_head(each) for each in titles]
    tallest = max(head.height for head in heads)
    named = [
        stack([topped(head, head.width, tallest), column], 6)
        for head, column in zip(heads, columns, strict=True)
    ]
    body = beside([labels, *named], _APART)
    caption = replace(caption, keys=[(names, swatches(key)) for names, key in caption.keys])
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
    plane = np.where(rows, _INK * np.sign(ends).repeat(_HIGH, axis=0), 0.0)
    return replace(style, end=1.0).draw(plane[np.newaxis])


def swatches(key: Key) -> Key:
    """The key of bars, which have one colour for each sign, made of that of a scale of colours."""
    start = -1.0 if len(key.ends) == _MIDDLED else 0.0
    signs = [(-_INK, key.ends[0]), (_INK, key.ends[-1])] if start and key.ends[0] else [(_INK, "")]
    width = key.bar.shape[1]
    fields = key.bar.copy()
    share = width // len(signs)
    for place, (value, _) in enumerate(signs):
        colour = key.bar[:, round((value - start) / (1 - start) * (width - 1))]
        fields[:, place * share : (place + 1) * share] = colour[:, np.newaxis]
    if len(signs) > 1:
        fields[:, share - _GAP : share + _GAP] = 255
    ends = tuple(end for _, end in signs if end)
    return replace(key, bar=fields, ends=ends)


def _head(title: str) -> Block:
    """The title of a column."""
    first, *more = title.splitlines() or [""]
    width = _BAR + _NUMBER
    return stack([*written(first, 24, INK, width, 2), *lines(more, 19, width, 2)], 2)


def _column(values: Values, style: Style | None) -> Block:
    """The bars of some numbers, each beside its number."""
    drawn = Image.fromarray(bars(np.asarray(values, np.float64), style))
    numbers = _texts(aligned_numbers(np.asarray(values, np.float64)), _NUMBER, "r")
    return stack([beside([drawn, numbers], 0), _scale(np.asarray(values, np.float64), style)], 0)


def aligned_numbers(values: Floats) -> list[str]:
    """Numbers as text, each of at least three digits, all with the same decimals where few do."""
    sizes = np.abs(values[values != 0])
    decimals = max(0, 2 - int(np.floor(np.log10(sizes.min())))) if sizes.size else 0
    is_short = decimals <= _MOST_DECIMALS and not (sizes >= _LARGEST).any()
    return [f"{value:.{decimals}f}" if is_short else f"{value:.3g}" for value in values.tolist()]


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
        if value and abs(value) < _CLOSE * (top - low):
            continue
        place = (value - low) / ((top - low) or 1.0)
        x = min(round(place * _BAR), _BAR - 1)
        draw.line([(x, 2), (x, 6)], SOFT)
        anchor = "m" if 0 < place < 1 else "r" if place else "l"
        draw.text((x, 16), f"{value:.3g}", fill=SOFT, font=font, anchor=f"{anchor}m")
    return page


def _texts(texts: Sequence[str], width: int, side: str) -> Block:
    """Short texts under each other, flush left or right, as high as the bars."""
    page = blank(width, _HIGH * len(texts))
    draw, font = ImageDraw.Draw(page), font_of(16)
    for row, text in enumerate(texts):
        x = width - 1 if side == "r" else 8
        draw.text((x, _HIGH * (row + 0.5)), text, fill=SOFT, font=font, anchor=f"{side}m")
    return page
