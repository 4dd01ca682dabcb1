"""Sequences as strips: a row of colours for each channel, under the letters that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from retrograph.render.blocks import (
    FRAME,
    INK,
    SOFT,
    WHITE,
    Block,
    Page,
    beside,
    blank,
    framed,
    stack,
    written,
)
from retrograph.render.caption import NO_CAPTION, Caption, captioned
from retrograph.render.colour import LUMA, Attribution, Floats, Pixels
from retrograph.render.styles import Key, Style
from retrograph.render.styles.base import BAR_WIDTH, bar
from retrograph.render.text import font_of

CELL: Final = 16
"""The width, in pixels, of a position."""
HEIGHTS: Final = (18, 14)
"""The height of a channel where they are few, and where they are more."""
FEW: Final = 8
LOGO: Final = 80
LINE: Final = 22
GUTTER: Final = 30
WHOLE: Final = 100
"""The positions that are drawn in one row."""
ROW: Final = 80
"""The positions of a row where there are more."""
MOST: Final = 20 * ROW
"""The positions that are drawn of a longer sequence."""
NARROWEST: Final = 880
_WORTH: Final = 20
"""The positions of padding that are left out, at least."""
_AROUND: Final = 6
"""The positions that are drawn on each side of what units see."""
_FEW_POSITIONS: Final = 50
_LARGE: Final = 2
"""How many times as large so few positions are drawn, where the rest is left out."""
_LEAST: Final = 6
"""The height of a letter, in pixels, below which it cannot be read and is left out."""
_ROUND: Final = 10
"""The positions that are drawn of a padded sequence are a multiple of this."""

INKS: Final = {
    (0, 130, 60): "A",
    (30, 80, 190): "C",
    (225, 140, 0): "G",
    (205, 35, 40): "TU",
}
"""The usual colours of bases."""
KINDS: Final = {
    (205, 35, 40): "DE",
    (30, 80, 190): "KRH",
    (0, 130, 60): "GSTYC",
    (130, 60, 160): "NQ",
}
"""Those of amino acids: acidic, basic, polar; the rest, hydrophobic, is black."""

_LOGO_WORDS: Final = (
    "a letter is as high as its own attribution, below the line where that is negative; letters "
    "too small to be read are left out"
)


@dataclass(frozen=True)
class Track:
    """Values by channels and positions.

    Attributes:
        title: what they are.
        values: [C, L].
        style: as maps are drawn; one that needs no picture.
        is_attribution: whether letters are drawn as high as their own channel's value.
    """

    title: str
    values: Attribution
    style: Style
    is_attribution: bool = True


def strips(
    tracks: Sequence[Track],
    letters: str,
    alphabet: str,
    caption: Caption = NO_CAPTION,
    spans: Sequence[tuple[int, int]] = (),
) -> Page:
    """Tracks one under the other, wrapped where they are long, over the caption.

    Args:
        tracks: all of C channels and L positions.
        letters: what is at each position, L characters; " " where nothing is.
        alphabet: the letters of the channels, C characters; any other names none.
        caption: what is said under them.
        spans: the first position and the one after the last of what is marked on the axis.

    Each track is a row of pixels for each channel, coloured as maps are; that of an attribution
    is under the letters, coloured by their own channel's value, and over them drawn as high as it,
    below the line where it is negative. Of more than 1600 positions those are drawn where
    the attributions are largest, and the picture says so. Raises ValueError without tracks, and
    InputError where values are not finite.
    """
    first, last, note = _window(tracks, len(letters))
    last, empty = _without_padding(tracks, letters, first, last)
    if (part := _seen_part(tracks, spans, first, last)) is not None:
        first, last = part
        note = f"shown: positions {first + 1}-{last} of {len(letters)}; all is 0 elsewhere"
    cell = CELL if part is None or last - first > _FEW_POSITIONS else _LARGE * CELL
    drawn = [_Drawn(track, letters, alphabet, cell) for track in tracks]
    size = last - first if last - first <= WHOLE else ROW
    rows = []
    starts, silent = _worth_drawing(tracks, range(first, last, size))
    for start in starts:
        end, titled = min(start + size, last), start == starts[0] or len(drawn) > 1
        parts = [block for track in drawn for block in track.blocks(start, end, titled=titled)]
        rows.append(stack([_axis(start, end, spans, cell), *parts], 3))
    body = stack([*rows, blank(NARROWEST, 1)], 28)
    notes = [*filter(None, [note, empty, silent]), _LOGO_WORDS, *caption.notes]
    keys = [*caption.keys, *([] if _has_bases(alphabet) else [("letters", _kinds_key())])]
    return captioned(body, replace(caption, notes=notes, keys=keys), 0.8)


class _Drawn:
    """A track in colours, which have one scale however it is wrapped."""

    def __init__(self, track: Track, letters: str, alphabet: str, cell: int) -> None:
        self.track, self.letters, self.alphabet, self.cell = track, letters, alphabet, cell
        self.pixels: Pixels = track.style.draw(track.values[np.newaxis])
        rows = np.array([alphabet.find(letter) for letter in letters])
        self.own: Floats = np.where(rows < 0, 0.0, track.values[rows, np.arange(len(letters))])
        if not track.style.has_sign:
            self.own = np.abs(self.own)
        self.grounds = np.where(
            (rows < 0)[:, np.newaxis], 255, self.pixels[rows, np.arange(len(letters))]
        )

    def blocks(self, start: int, end: int, *, titled: bool) -> list[Block]:
        """The parts of a row of positions, from the top."""
        title = written(
            self.track.title.replace("\n", " · "), 18, INK, GUTTER + self.cell * (end - start), 1
        )
        parts: list[Block] = [blank(1, 4), *title] if titled else []
        if self.track.is_attribution:
            parts = [*parts, self._logo(start, end), self._letters(start, end)]
        return [*parts, self._strip(start, end)]

    def _logo(self, start: int, end: int) -> Block:
        """Only as high as this row needs, in the scale of all rows."""
        scale = (
            LOGO * self.cell // CELL / ((max(0.0, self.own.max()) + max(0.0, -self.own.min())) or 1)
        )
        part = np.append(self.own[start:end], 0.0) * scale
        zero = round(part.max())
        page = blank(self.cell * (end - start), zero + round(-part.min()) + 1)
        ImageDraw.Draw(page).line([(0, zero), (page.width, zero)], FRAME)
        for place, (letter, value) in enumerate(
            zip(self.letters[start:end], self.own[start:end], strict=True)
        ):
            height = round(abs(value) * scale)
            if height >= _LEAST:
                size = (self.cell - 2, height)
                glyph = _glyph(letter).resize(size, Image.Resampling.BOX)
                corner = (place * self.cell + 1, zero - height if value > 0 else zero + 1)
                page.paste(_ink(letter, self.alphabet), corner, glyph)
        return _in_line(page)

    def _letters(self, start: int, end: int) -> Block:
        page = blank(self.cell * (end - start), LINE)
        draw, font = ImageDraw.Draw(page), font_of(15)
        for place in range(end - start):
            ground, left = self.grounds[start + place], place * self.cell
            colour = tuple(int(channel) for channel in ground)
            draw.rectangle([left, 0, left + self.cell - 1, LINE], fill=colour)
            ink = INK if ground @ np.array(LUMA) > 110 else WHITE
            centre = (left + self.cell / 2, LINE / 2)
            draw.text(centre, self.letters[start + place], fill=ink, font=font, anchor="mm")
        return _in_line(page)

    def _strip(self, start: int, end: int) -> Block:
        high = HEIGHTS[len(self.pixels) > FEW]
        pixels = self.pixels[:, start:end].repeat(high, axis=0).repeat(self.cell, axis=1)
        labels = blank(GUTTER - 1, len(pixels) + 2)
        draw, font = ImageDraw.Draw(labels), font_of(high - 2)
        for row, letter in enumerate(self.alphabet):
            if letter.strip(" ."):
                place = (GUTTER - 8, 1 + high * (row + 0.5))
                draw.text(place, letter, fill=SOFT, font=font, anchor="rm")
        return beside([labels, framed(pixels)], 0)


def _axis(start: int, end: int, spans: Sequence[tuple[int, int]], cell: int) -> Block:
    """The numbers of every tenth position, from 1, over ticks and a named line at each span."""
    page = blank(GUTTER + cell * (end - start + 1), LINE)
    draw, font = ImageDraw.Draw(page), font_of(14)
    for position in range(start, end):
        centre = GUTTER + cell * (position - start + 0.5)
        number = position + 1
        if number % 10 == 0 or position == start:
            draw.text((centre, 0), str(number), fill=SOFT, font=font, anchor="mt")
        draw.line([(centre, LINE - (6 if number % 10 == 0 else 3)), (centre, LINE)], FRAME)
    names = blank(page.width, LINE)
    for first, last in spans:
        left, right = (GUTTER + cell * (min(max(p, start), end) - start) for p in (first, last))
        if left < right:
            draw.rectangle([left + 1, LINE - 4, right - 2, LINE - 1], fill=INK)
            words = ImageDraw.Draw(names)
            words.text((left + 1, LINE / 2), "receptive field", fill=INK, font=font, anchor="lm")
    return stack([names, page], 0) if spans else page


def _in_line(block: Block) -> Block:
    """The block right of the channels' letters."""
    return beside([blank(GUTTER, 1), block], 0)


@lru_cache
def _glyph(letter: str) -> Image.Image:
    """A letter as a mask that it fills from edge to edge, but for a narrow one such as I."""
    mask = Image.new("L", (400, 400))
    font = font_of(240)
    ImageDraw.Draw(mask).text((200, 200), letter, fill=255, font=font, anchor="mm")
    left, top, right, bottom = mask.getbbox() or (0, 0, 400, 400)
    lacking = max(0, (bottom - top) // 2 - (right - left))
    return mask.crop((left - lacking // 2, top, right + lacking // 2, bottom))


def _ink(letter: str, alphabet: str) -> tuple[int, int, int]:
    """The colour of a letter: a base's where the alphabet has bases alone, else an amino acid's."""
    inks = INKS if _has_bases(alphabet) else KINDS
    return next((ink for ink, having in inks.items() if letter.upper() in having), INK)


def _has_bases(alphabet: str) -> bool:
    """Whether an alphabet has bases alone."""
    return set(alphabet.upper()) <= {*"".join(INKS.values()), "."}


def _kinds_key() -> Key:
    """What the colours of amino acids are."""
    inks = np.array([[*KINDS, INK]], np.uint8)
    drawn = bar(inks.repeat(BAR_WIDTH // inks.shape[1], axis=1))
    kinds = "acidic (D, E), basic (K, R, H), polar, amide (N, Q), others hydrophobic"
    return Key(drawn, (*KINDS.values(), "others"), kinds)


def _window(tracks: Sequence[Track], length: int) -> tuple[int, int, str]:
    """The positions that are drawn, first and after the last, and what is left out."""
    if length <= MOST:
        return 0, length, ""
    sizes = sum(np.abs(t.values).sum(axis=0) for t in tracks if t.is_attribution)
    sums = np.concatenate([[0.0], np.cumsum(sizes)])
    starts = np.append(np.arange(0, length - MOST, ROW), length - MOST)
    held = sums[starts + MOST] - sums[starts]
    best = starts[held >= held.max() * (1 - 1e-9)]
    first = int(best[len(best) // 2])
    note = f"positions {first + 1} to {first + MOST} of {length}, where the attribution is largest"
    return first, first + MOST, note


def _worth_drawing(tracks: Sequence[Track], starts: range) -> tuple[list[int], str]:
    """The rows, by their first positions, that are drawn, and what is said of those left out.

    Of several rows those are left out in which every attribution is 0.
    """
    values = [track.values for track in tracks if track.is_attribution]
    inside = [
        start for start in starts if any(v[:, start : start + starts.step].any() for v in values)
    ]
    if not inside or len(inside) == len(starts):
        return [*starts], ""
    out = [start for start in starts if start not in inside]
    return inside, f"left out, since all is 0 there: positions {_ranges(out, starts)}"


def _ranges(firsts: Sequence[int], starts: range) -> str:
    """The positions of rows, counted from 1, by the rows' first positions."""
    joined: list[list[int]] = []
    for first in firsts:
        after = min(first + starts.step, starts.stop)
        if joined and joined[-1][1] == first:
            joined[-1][1] = after
        else:
            joined.append([first, after])
    return ", ".join(f"{first + 1}-{after}" for first, after in joined)


def _seen_part(
    tracks: Sequence[Track], spans: Sequence[tuple[int, int]], first: int, last: int
) -> tuple[int, int] | None:
    """The positions around what units see, where all attributions are 0 but there.

    None where that is most of the sequence.
    """
    if not spans:
        return None
    start = max(first, min(span[0] for span in spans) - _AROUND)
    stop = min(last, max(span[1] for span in spans) + _AROUND)
    rest = [t.values[:, [*range(start), *range(stop, t.values.shape[1])]] for t in tracks]
    is_silent = not any(
        each.any() for each, t in zip(rest, tracks, strict=True) if t.is_attribution
    )
    return (start, stop) if is_silent and 2 * (stop - start) < last - first else None


def _without_padding(
    tracks: Sequence[Track], letters: str, first: int, last: int
) -> tuple[int, str]:
    """The position after the last that is drawn, where no letters follow, and what is left out."""
    filled = len(letters[first:last].rstrip())
    end = min(last, first + -(-filled // _ROUND) * _ROUND)
    others = [t.values[:, end:last].any() for t in tracks if not t.is_attribution]
    if not filled or last - end < _WORTH or any(others):
        return last, ""
    sizes = sum(np.abs(t.values).sum(axis=0) for t in tracks if t.is_attribution)
    share = np.sum(sizes[end:last]) / (np.sum(sizes) or 1)
    return end, (
        f"positions {end + 1} to {last} are empty and left out; they have {share:.0%} of the "
        "attribution's magnitude"
    )
