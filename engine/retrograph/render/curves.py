"""Sequences of few channels as curves: the values of an input, and what counts for and against."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from retrograph.render.blocks import FRAME, INK, SOFT, Block, beside, blank, stack, written
from retrograph.render.caption import Caption, captioned, lines
from retrograph.render.colour import Pixels
from retrograph.render.styles import Key
from retrograph.render.styles.base import BAR_WIDTH, bar

WIDTH: Final = 1000
"""The width, in pixels, of a curve."""
GUTTER: Final = 84
HEIGHTS: Final = (120, 64)
"""The height of a curve of one channel, and of several."""
FOR: Final = (181, 34, 47)
AGAINST: Final = (23, 84, 156)
MAGNITUDE: Final = (140, 41, 129)
_FINE: Final = 3
"""So many times finer curves are drawn, then averaged."""
_NEAR: Final = 1 / 3
"""The share of the positions from which on those that count are not shown again by themselves."""
_FAINT: Final = 1e-3
"""The share of the largest attribution that counts for nothing."""
_TICKS: Final = 8


@dataclass(frozen=True)
class Curves:
    """Values by channels and positions.

    Attributes:
        title: what they are; a second line says more.
        values: [C, L].
        inks: the colours of what is above and below 0; one colour draws a line.
    """

    title: str
    values: NDArray[Any]
    inks: tuple[tuple[int, int, int], ...]


def curves_page(tracks: Sequence[Curves], caption: Caption) -> Image.Image:
    """Curves under each other over the caption; the input first.

    Where the attributions are nearly 0 but for a part of the positions, the part is drawn again,
    as wide as all of them.

    Raises ValueError where there are no tracks.
    """
    length = tracks[0].values.shape[1]
    parts = [_part(tracks, 0, length)]
    first, last = _counting(tracks[1:], length)
    if last - first < _NEAR * length:
        words = f"positions {first} to {last - 1}, where the attribution lies"
        parts.append(stack([*written(words, 24, INK, WIDTH, 1), _part(tracks, first, last)], 10))
    return captioned(stack(parts, 34), caption, 1.0)


def _counting(tracks: Sequence[Curves], length: int) -> tuple[int, int]:
    """The first position that counts and the one after the last, with a margin around them."""
    sizes = np.zeros(length)
    for track in tracks:
        own = np.abs(track.values).max(axis=0)
        sizes = np.maximum(sizes, own / (own.max() or 1))
    places = np.flatnonzero(sizes > _FAINT)
    if not places.size:
        return 0, length
    margin = max(8, (places[-1] - places[0]) // 10)
    return max(0, int(places[0] - margin)), min(length, int(places[-1] + margin + 1))


def _part(tracks: Sequence[Curves], start: int, stop: int) -> Block:
    blocks = []
    for track in tracks:
        head, *more = track.title.splitlines() or [""]
        title = [*written(head, 24, INK, WIDTH, 1), *lines(more, 19, WIDTH, 1)]
        high = HEIGHTS[len(track.values) > 1]
        drawn = [_labelled(row[start:stop], track.inks, high) for row in track.values]
        blocks.append(stack([_inset(stack(title, 2)), stack(drawn, 4)], 4))
    return stack([*blocks, _axis(start, stop)], 14)


def _labelled(values: NDArray[Any], inks: Sequence[tuple[int, int, int]], high: int) -> Block:
    """A curve in a frame, with its lowest and highest value at its side."""
    low, top = min(0.0, float(values.min())), max(0.0, float(values.max()))
    span = (top - low) or 1.0
    drawn = curve(values, inks, high)
    labels = blank(GUTTER - 8, high)
    draw, font = ImageDraw.Draw(labels), ImageFont.load_default(15)
    places = {top: 8.0, low: high - 8.0}
    zero = high * top / span
    if all(abs(zero - place) > 16 for place in places.values()):
        places[0.0] = zero
    for value, place in places.items():
        draw.text((labels.width - 1, place), number_text(value), fill=SOFT, font=font, anchor="rm")
    framed = Image.new("RGB", (WIDTH + 2, high), FRAME)
    framed.paste(Image.fromarray(drawn), (1, 0))
    return beside([labels, framed], 8)


def signed_key() -> Key:
    """What the two colours of curves and bars mean."""
    halves = np.array([AGAINST, FOR], np.uint8)[np.newaxis].repeat(BAR_WIDTH // 2, axis=1)
    text = "red is positive, for the unit, blue negative, against it; each has a scale of its own"
    return Key(bar(halves), ("against", "0", "for"), text)


def size_key() -> Key:
    """What the colour of curves and bars of magnitudes means."""
    filled = np.array([[MAGNITUDE]], np.uint8).repeat(BAR_WIDTH, axis=1)
    return Key(bar(filled), ("", ""), "how much a number matters, whatever the sign")


def number_text(value: float) -> str:
    """A number in three digits, large ones without a power of ten."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def curve(values: NDArray[Any], inks: Sequence[tuple[int, int, int]], high: int) -> Pixels:
    """Values [L] from left to right on white, WIDTH wide: uint8 [high, WIDTH, 3].

    The height is from the lowest value, or 0, to the highest, or 0. A pixel of many positions
    shows their lowest and their highest.

    Args:
        values: at least one.
        inks: two fill what is above and below 0, one draws a line.
        high: in pixels.
    """
    low, top = min(0.0, float(values.min())), max(0.0, float(values.max()))
    span = (top - low) or 1.0
    columns = WIDTH * _FINE
    edges = np.arange(columns) * len(values) // columns
    ends = np.maximum(edges + 1, np.arange(1, columns + 1) * len(values) // columns)
    most = np.array([values[a:b].max() for a, b in zip(edges, ends, strict=True)])
    least = np.array([values[a:b].min() for a, b in zip(edges, ends, strict=True)])
    rows = top - (np.arange(high * _FINE) + 0.5)[:, np.newaxis] * span / (high * _FINE)
    page = np.full((high * _FINE, columns, 3), 255.0)
    page[np.abs(rows[:, 0]) <= span / (2 * high)] = FRAME
    if len(inks) == 1:
        thick = span / high
        above = np.maximum(most, np.roll(least, 1)) + thick / 2
        below = np.minimum(least, np.roll(most, 1)) - thick / 2
        above[0], below[0] = most[0] + thick / 2, least[0] - thick / 2
        page[(rows <= above) & (rows >= below)] = inks[0]
    else:
        page[(rows <= most) & (rows > 0)] = inks[0]
        page[(rows >= least) & (rows < 0)] = inks[1]
    fine = page.reshape(high, _FINE, WIDTH, _FINE, 3).mean(axis=(1, 3))
    return np.asarray(fine.round(), np.uint8)


def _axis(start: int, stop: int) -> Block:
    """Ticks at round positions, from 0."""
    page = blank(GUTTER + WIDTH + 2, 26)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    rough = max(1.0, (stop - start) / _TICKS)
    power = 10 ** math.floor(math.log10(rough))
    step = next(n * power for n in (1, 2, 5, 10) if n * power >= rough)
    for position in range(math.ceil(start / step) * step, stop, step):
        place = GUTTER + 1 + (position - start + 0.5) * WIDTH / (stop - start)
        draw.line([(place, 0), (place, 6)], SOFT)
        draw.text((place, 9), str(position), fill=SOFT, font=font, anchor="mt")
    return page


def _inset(block: Block) -> Block:
    return beside([blank(GUTTER - 8, 1), block], 8)
