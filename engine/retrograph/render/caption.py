"""What stands under pictures: a few lines, what the colours mean, and small print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from PIL import ImageDraw

from retrograph.render.blocks import (
    INK,
    SOFT,
    WARNING,
    Block,
    Page,
    beside,
    blank,
    framed,
    kept,
    margin,
    stack,
    topped,
    written,
)
from retrograph.render.styles import Key
from retrograph.render.text import font_of, wrap

_GAP: Final = 28
"""Between a key's bar and its words."""
_END: Final = 0.47
"""The share of a bar's width that the name of an end has room for."""
_MOST_ENDS: Final = 2
"""More names are not of the ends and the middle of a bar, but of the fields that it has."""
_WIDE: Final = 1300
"""The width, in pixels times the unit, from which on keys stand right of the words."""
_COLUMNS: Final = 40
"""Between the two."""
_ROW_LETTERS: Final = 1.1
"""The size of the capitals that name a bar's row, as a share of its height, at most."""
_LEAST_END: Final = 0.75
"""How much smaller the name of an end gets, at most, before it is shortened."""


@dataclass(frozen=True)
class Caption:
    """What is said under pictures.

    Attributes:
        text: lines, the first of which stands out.
        keys: what the colours mean, each behind the titles of the pictures that have them.
        notes: the small print.
        is_warning: whether the second line has the colour of warnings.
    """

    text: str = ""
    keys: Sequence[tuple[str, Key]] = ()
    notes: Sequence[str] = ()
    is_warning: bool = False


NO_CAPTION: Final = Caption()


def captioned(block: Block, caption: Caption, unit: float) -> Page:
    """The block over its caption, `unit` times the usual size, in a margin of white."""
    parts = caption_parts(caption, unit, block.width)
    return margin(stack([block, *parts], 22 * unit), 44 * unit)


def caption_parts(caption: Caption, unit: float, width: int) -> list[Block]:
    """The lines, the keys and the small print, as far as there are any.

    On wide pages the keys stand right of the lines.
    """
    if not caption.keys or not caption.text or width < _WIDE * unit:
        text, notes = _words_of(caption, unit, width)
        return [*text, *keyed_blocks(caption.keys, unit, width), *notes]
    right = (width - round(_COLUMNS * unit)) // 2
    text, _ = _words_of(caption, unit, width - right - round(_COLUMNS * unit))
    _, notes = _words_of(caption, unit, width)
    keys = keyed_blocks(caption.keys, unit, right)
    return [columns([*text, *keys], _COLUMNS * unit), *notes]


def _words_of(caption: Caption, unit: float, width: int) -> tuple[list[Block], list[Block]]:
    """The lines, and the small print; no block where there is none."""
    ink = WARNING if caption.is_warning else SOFT
    text = heading(caption.text, (26 * unit, 24 * unit), width, (3, 3), ink)
    notes = lines(caption.notes, 17 * unit, width)
    first, last = ([stack(blocks, 4 * unit)] if blocks else [] for blocks in (text, notes))
    return first, last


def keyed_blocks(keys: Sequence[tuple[str, Key]], unit: float, width: int) -> list[Block]:
    """The keys in a block, in two columns where there is room for them; none where there is none.

    Args:
        keys: each with the titles of the pictures that have it.
        unit: how large they are.
        width: that they have.
    """
    if not keys:
        return []
    if len(keys) == 1 or width < _WIDE * unit:
        return [_key_column(keys, unit, width)]
    half = (width - round(_COLUMNS * unit)) // 2
    first = (len(keys) + 1) // 2
    parts = [_key_column(part, unit, half) for part in (keys[:first], keys[first:])]
    parts[0] = topped(parts[0], half, parts[0].height)
    return [columns(parts, _COLUMNS * unit)]


def columns(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks side by side, aligned at the top."""
    tallest = max(block.height for block in blocks)
    return beside([topped(block, block.width, tallest) for block in blocks], gap)


def heading(
    text: str,
    sizes: tuple[float, float],
    width: int,
    most: tuple[int, int],
    ink: tuple[int, int, int] = SOFT,
) -> list[Block]:
    """The lines of a text, the first of which stands out.

    Args:
        text: its lines are wrapped.
        sizes: of the first line and of the others.
        width: that they are wrapped to.
        most: into how many lines the first is wrapped, and each of the others.
        ink: of the second.
    """
    first, *others = text.splitlines() or [""]
    return [
        *written(first, sizes[0], INK, width, most[0]),
        *(block for line in others[:1] for block in written(line, sizes[1], ink, width, most[1])),
        *lines(others[1:], sizes[1], width, most[1]),
    ]


def lines(texts: Sequence[str], size: float, width: int, most: int = 20) -> list[Block]:
    """Lines that do not stand out, each wrapped into no more than so many."""
    return [block for text in texts for block in written(text, size, SOFT, width, most)]


def _key_column(keys: Sequence[tuple[str, Key]], unit: float, width: int) -> Block:
    """The keys one under another, their bars at one left edge."""
    gutter = max(_gutter(key, unit) for _, key in keys)
    return stack([_keyed(names, key, unit, width, gutter) for names, key in keys], 14 * unit)


def _keyed(names: str, key: Key, unit: float, width: int, gutter: int) -> Block:
    """A key's bar, with its ends named, beside its words; under them where there is no room."""
    bar = _bar(key, unit)
    named = stack([bar, _end_names(key.ends, unit, bar.width)], 2)
    if gutter:
        size, tall = _row_size(key, unit), _bar(key, unit).height
        rows = _row_names(key.rows, size, 7 * unit, (gutter, named.height), tall)
        named = beside([rows, named], 0)
    room = width - named.width - _GAP
    below = room < bar.width
    words = _words(names, key, unit, width if below else room)
    if below:
        return stack([named, words], 4)
    return columns([named, words], _GAP)


def _bar(key: Key, unit: float) -> Block:
    """A key's bar in a frame."""
    scale = max(1, round(unit))
    return framed(key.bar.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else key.bar)


def _gutter(key: Key, unit: float) -> int:
    """The width of the names of a bar's rows; 0 where they have none."""
    if not key.rows:
        return 0
    font = font_of(_row_size(key, unit))
    return round(max(map(font.getlength, key.rows)) + 8 * unit)


@lru_cache(maxsize=16)
def _row_names(
    rows: tuple[str, ...], size: float, gap: float, page: tuple[int, int], tall: int
) -> Block:
    """The names of a bar's rows, for the left of the bar.

    Args:
        rows: the names.
        size: of the letters.
        gap: between the names and the bar.
        page: width and height of the block.
        tall: the height of the bar, which is at the top.
    """
    names = blank(*page)
    draw, font = ImageDraw.Draw(names), font_of(size)
    for number, row in enumerate(rows):
        place = (names.width - gap, tall * (number + 0.5) / len(rows))
        draw.text(place, row, fill=SOFT, font=font, anchor="rm")
    return kept(names)


def _row_size(key: Key, unit: float) -> float:
    """Of the letters that name a bar's rows."""
    return min(17 * unit, _ROW_LETTERS * _bar(key, unit).height / max(1, len(key.rows)))


@lru_cache(maxsize=16)
def _end_names(ends: tuple[str, ...], unit: float, width: int) -> Block:
    """What the ends and the middle of a bar of that width are, under it; of many its fields."""
    labels = blank(width, round(24 * unit))
    draw, font = ImageDraw.Draw(labels), font_of(17 * unit)
    last = len(ends) - 1
    are_fields = last > _MOST_ENDS
    for i, label in enumerate(ends):
        anchor = "m" if are_fields or 0 < i < last else "r" if i else "l"
        share = (i + 0.5) / len(ends) if are_fields else i / last
        place = (share * width, labels.height / 2)
        room = _END * width
        size = 17 * unit * min(1.0, max(_LEAST_END, room / max(1.0, font.getlength(label))))
        fitting = font_of(size)
        (short,) = wrap(label, fitting, room, 1)
        draw.text(place, short, fill=SOFT, font=fitting, anchor=f"{anchor}m")
    return kept(labels)


def _words(names: str, key: Key, unit: float, width: int) -> Block:
    head = written(names, 20 * unit, INK, width, 4)
    return stack([*head, *lines([key.text], 18 * unit, width)], 2)
