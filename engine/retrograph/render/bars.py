"""Numbers from 0 to 1 as bars: labelled ones under each other, or very many close together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw

from retrograph.render.blocks import FRAME, INK, SOFT, Block, beside, blank, stack, written
from retrograph.render.text import font_of, wrap

BAR: Final = (58, 104, 174)
TRACK: Final = (236, 237, 241)
_TEXT: Final = 18
_THICK: Final = 16
_SHORTEST: Final = 60
_GAP: Final = 12


@dataclass(frozen=True)
class Bar:
    """A number from 0 to 1 with its words.

    Attributes:
        label: left of the bar, flush right.
        name: between the label and the bar.
        share: how much of the bar is filled.
        text: right of the bar.
    """

    label: str
    name: str
    share: float
    text: str


def bar_rows(bars: Sequence[Bar], width: int) -> Block:
    """Bars under each other, their labels, names and texts in columns.

    Args:
        bars: at least one.
        width: of all, in pixels, at least 300; words that do not fit are shortened.
    """
    font = font_of(_TEXT)
    label, name, text = (
        round(max(font.getlength(words) for words in column)) + 2
        for column in zip(*((bar.label, bar.name, bar.text) for bar in bars), strict=True)
    )
    label, text = (min(column, width // 3) for column in (label, text))
    room = width - label - text - 3 * _GAP
    name = max(1, min(name, room - _SHORTEST))
    return stack([_row(bar, label, name, room - name, text) for bar in bars], 4)


def _row(bar: Bar, label: int, name: int, length: int, text: int) -> Block:
    line = _line(bar.label, label, INK, "r")
    track = Image.new("RGB", (length, _THICK), TRACK)
    filled = round(min(1.0, max(0.0, bar.share)) * length)
    if filled:
        track.paste(BAR, (0, 0, filled, _THICK))
    middle = blank(length, line.height)
    middle.paste(track, (0, (line.height - _THICK) // 2))
    words: list[Block] = [*written(bar.name, _TEXT, SOFT, name, 1), blank(name, line.height)]
    return beside([line, words[0], middle, _line(bar.text, text, SOFT, "l")], _GAP)


def _line(text: str, width: int, ink: tuple[int, int, int], side: str) -> Block:
    """A short text at the left or right end of its column."""
    page = blank(width, round(1.32 * _TEXT))
    place = (width - 1 if side == "r" else 0, page.height / 2)
    font = font_of(_TEXT)
    line = "".join(wrap(text, font, width, 1))
    ImageDraw.Draw(page).text(place, line, fill=ink, font=font, anchor=f"{side}m")
    return page


def profile(shares: Sequence[float], width: int, height: int) -> Block:
    """Very many numbers from 0 to 1 as bars side by side, in the order given, in a frame.

    Args:
        shares: at least one.
        width, height: of the frame's inside, in pixels.
    """
    page = Image.new("RGB", (width, height), TRACK)
    draw = ImageDraw.Draw(page)
    count = len(shares)
    for column in range(width):
        share = min(1.0, max(0.0, shares[column * count // width]))
        filled = round(share * height)
        if filled:
            draw.line([(column, height - filled), (column, height - 1)], fill=BAR)
    framed = Image.new("RGB", (width + 2, height + 2), FRAME)
    framed.paste(page, (1, 1))
    return framed
