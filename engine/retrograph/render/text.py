"""Text that fits: in the glyphs of Pillow's own font, and in a width."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, TypeAlias

from PIL import ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

GLYPHS: Final = frozenset(map(chr, range(0x20, 0x7F))) | frozenset("·…°±«»©™")
"""What Pillow's font can draw (anything else would be an empty box)."""
_PIECE: Final = re.compile(r"[0-9 ]|[^0-9 ]+")
STAND_INS: Final = {
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
}


@lru_cache(maxsize=64)
def font_of(size: float) -> Font:
    """Pillow's own font in a size, which is read once."""
    return ImageFont.load_default(size)


def pieces(text: str) -> list[str]:
    """Its words, spaces and digits, which the font does not move towards their neighbours."""
    return _PIECE.findall(text)


@lru_cache(maxsize=4096)
def piece_length(piece: str, font: Font) -> float:
    """The width of one of `pieces` in pixels."""
    return font.getlength(piece)


def length(text: str, font: Font) -> float:
    """The width of a text in pixels."""
    return sum(piece_length(piece, font) for piece in pieces(text))


def legible(text: str) -> str:
    """The text in characters that the font has: accents are dropped, the unknown become "?"."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_drawable, unicodedata.normalize("NFC", text)))


def wrap(text: str, font: Font, width: float, most: int) -> list[str]:
    """The text in lines of at most `width` pixels; what is over `most` lines ends in "…"."""
    spaced = " ".join(legible(text).split())
    if length(spaced, font) <= width:
        return [spaced]
    lines: list[str] = []
    line = ""
    for word in _words(spaced, font, width):
        longer = f"{line} {word}".lstrip()
        if line and length(longer, font) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], _shorten(" ".join(lines[most - 1 :]), font, width)]
    return lines


def _drawable(character: str) -> str:
    if character in GLYPHS:
        return character
    if character.isspace():
        return " "
    parts = unicodedata.normalize("NFKD", character)
    bare = "".join(part for part in parts if part in GLYPHS)
    return STAND_INS.get(character) or bare or "?"


def _words(text: str, font: Font, width: float) -> Iterator[str]:
    """The words of a text, those too long for the width in pieces, after a hyphen if it has one."""
    for word in text.split():
        rest = word
        while font.getlength(rest) > width:
            most = max(1, _fitting(rest, "", font, width))
            cut = rest.rfind("-", 0, most) + 1 or most
            yield rest[:cut]
            rest = rest[cut:]
        yield rest


def _shorten(text: str, font: Font, width: float) -> str:
    return text[: _fitting(text, "…", font, width)].rstrip() + "…"


def _fitting(text: str, end: str, font: Font, width: float) -> int:
    """How many of the first characters, with `end` after them, fit in the width."""
    lengths = range(len(text) + 1)
    return max(0, bisect_right(lengths, width, key=lambda n: font.getlength(text[:n] + end)) - 1)
