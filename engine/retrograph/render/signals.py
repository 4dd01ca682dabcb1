"""Signals as small plots: the curve, its spectrogram, and attributions as bars."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrograph.errors import InputError
from retrograph.render.blocks import INK, WHITE
from retrograph.render.colour import PERCENTILE, Floats, Pixels, to_bytes
from retrograph.render.styles import Style

Values = NDArray[Any]

DECIBELS: Final = 60
"""What is so much quieter than the loudest is white in a spectrogram."""
_FINER: Final = 4
"""Curves are drawn so many times as high and averaged, which makes their edges smooth."""
_ZERO: Final = (205, 205, 210)
_SHORTEST_WINDOW: Final = 64
_MOST_POWER: Final = 0.999


def curve_range(signal: Values) -> tuple[float, float]:
    """The least and the greatest value of a plot, a little beyond those of the signal."""
    low, high = float(signal.min()), float(signal.max())
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin


def curve_plot(
    signal: Values, width: int, height: int, ends: tuple[float, float] | None = None
) -> Pixels:
    """A signal [T] as a curve in ink on white, over a line at 0: uint8 [height, width, 3].

    Where several samples share a column of pixels all of their range is ink.

    Args:
        signal: the values.
        width, height: in pixels.
        ends: the values of the lower and the upper edge; those of `curve_range` if None.

    Raises:
        InputError: it is not finite.
    """
    values = _finite(signal, "input")
    bottom, top = ends or curve_range(values)
    rows = height * _FINER
    low, high = _touching(*column_ranges(values, width))
    pixel = (top - bottom) / rows
    levels = top - pixel * (np.arange(rows) + 0.5)[:, np.newaxis]
    half = 0.7 * _FINER * pixel
    inked = (levels >= low - half) & (levels <= high + half)
    cover = inked.reshape(height, _FINER, width).mean(axis=1)[..., np.newaxis]
    ground = np.full((height, width, 3), WHITE, np.float64)
    if bottom < 0 < top:
        ground[min(height - 1, int(height * top / (top - bottom)))] = _ZERO
    return to_bytes(ground * (1 - cover) + np.array(INK) * cover)


def column_ranges(signal: Values, columns: int) -> tuple[Values, Values]:
    """The least and the greatest value in each column of a plot; between few samples a line."""
    count = len(signal)
    if count <= columns:
        places = (np.arange(columns) + 0.5) * count / columns - 0.5
        line = np.interp(places, np.arange(count), signal)
        return line, line
    cuts = np.linspace(0, count, columns, endpoint=False).astype(int)
    return np.minimum.reduceat(signal, cuts), np.maximum.reduceat(signal, cuts)


def bar_plots(ranges: Floats, end: float, style: Style, height: int) -> list[Pixels]:
    """The bars of each channel, each in the colour of its value: uint8 [height, W, 3].

    Args:
        ranges: the least and the greatest of each bar, [C, 2, W].
        end: the end of the scale; some of the bars reach it, or all are 0.
        style: gives the colours; bars of one without signs stand on the lower edge.
        height: of a channel, in pixels.
    """
    bars = np.clip(ranges / end, -1, 1)
    planes = np.concatenate([_bar_plane(each, height, style.has_sign) for each in bars])
    return np.split(style.draw(planes[np.newaxis], percentile=100), len(bars))


def _bar_plane(values: Floats, height: int, has_sign: bool) -> Floats:
    """The value of each bar where it stands, [height, W], else 0."""
    low, high = np.minimum(values[0], 0), np.maximum(values[1], 0)
    if not has_sign:
        low, high = np.zeros_like(low), np.maximum(-low, high)
    bottom = -1.0 if has_sign else 0.0
    levels = np.linspace(1, bottom, height)[:, np.newaxis]
    plane = np.where((levels > 0) & (levels <= high), high, 0.0)
    return np.where((levels < 0) & (levels >= low), low, plane)


def bar_ranges(attribution: Values, columns: int) -> Floats:
    """The least and the greatest of an attribution [C, T] in each column: [C, 2, columns].

    Raises:
        InputError: it is not finite.
    """
    finite = _finite(attribution, "attribution")
    return np.stack([np.stack(_bar_ranges(each, columns)) for each in finite])


def bar_end(ranges: Floats) -> float:
    """The end of the scale of bars: the 99.5th percentile of their magnitudes other than 0."""
    sizes = np.abs(ranges[ranges != 0])
    return float(np.percentile(sizes, PERCENTILE)) if sizes.size else 1.0


def _bar_ranges(signal: Values, columns: int) -> tuple[Values, Values]:
    """As `column_ranges`, but of few samples each fills its columns."""
    count = len(signal)
    if count > columns:
        return column_ranges(signal, columns)
    steps = signal[np.arange(columns) * count // columns]
    return steps, steps


def spectrogram_plot(signal: Values, window: int, width: int, height: int) -> tuple[Pixels, float]:
    """The spectrogram of a signal [T], from 0 at the bottom as high as most of its power reaches.

    Args:
        signal: finite.
        window: samples of a Hann window; one stands at the middle of each column.
        width, height: in pixels.

    Returns:
        uint8 [height, width, 3], the loudest black, what is 60 dB below it white; and what the
        upper edge is, of half of the sample rate.
    """
    padded = np.pad(np.asarray(signal, np.float64), window // 2)
    starts = ((np.arange(width) + 0.5) * len(signal) / width).astype(int)
    pieces = padded[starts[:, np.newaxis] + np.arange(window)] * np.hanning(window)
    power = np.abs(np.fft.rfft(pieces, axis=1)).T ** 2
    power = power[: _rows_of_most(power.sum(axis=1))]
    loudest = power.max() or 1.0
    decibels = 10 * np.log10(np.maximum(power / loudest, 10 ** (-DECIBELS / 10)))
    grey = Image.fromarray((-255 * decibels / DECIBELS).astype(np.float32)[::-1])
    rows = np.asarray(grey.resize((width, height), Image.Resampling.BOX))
    pixels = to_bytes(np.clip(rows, 0, 255)[..., np.newaxis].repeat(3, axis=2))
    return pixels, len(power) / (window // 2 + 1)


def _rows_of_most(power: Floats) -> int:
    """How many of the lowest frequencies are drawn: half as many again as hold nearly all power."""
    total = power.sum()
    if not total:
        return len(power)
    held = int(np.searchsorted(np.cumsum(power), _MOST_POWER * total)) + 1
    return min(len(power), max(round(1.5 * held), len(power) // 8))


def spectrogram_window(length: int, rate: int | None) -> int:
    """How many samples a window has: a power of 2 of about 30 ms, or a 128th of the signal."""
    wanted = length / 128 if rate is None else 0.03 * rate
    shortest = max(wanted, _SHORTEST_WINDOW)
    return 1 << round(float(np.log2(min(shortest, max(length / 8, _SHORTEST_WINDOW)))))


def _touching(low: Values, high: Values) -> tuple[Values, Values]:
    """The ranges, each continued to the one before it, so that they make one line."""
    return (
        np.concatenate([low[:1], np.minimum(low[1:], high[:-1])]),
        np.concatenate([high[:1], np.maximum(high[1:], low[:-1])]),
    )


def _finite(values: Values, what: str) -> Floats:
    finite: Floats = np.asarray(values, np.float64)
    if not np.isfinite(finite).all():
        raise InputError(f"the {what} has NaN or infinite values; run the model in float32")
    return finite
