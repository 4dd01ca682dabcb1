"""Waveforms on pages: the curve, its spectrogram and attributions, on one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import ImageDraw

from retrograph.render.blocks import INK, SOFT, Block, Page, beside, blank, framed, stack, written
from retrograph.render.caption import Caption, captioned
from retrograph.render.colour import Pixels
from retrograph.render.signals import (
    DECIBELS,
    Values,
    bar_end,
    bar_plots,
    bar_ranges,
    curve_plot,
    curve_range,
    spectrogram_plot,
    spectrogram_window,
)
from retrograph.render.styles import STYLES, Style
from retrograph.render.text import font_of

_WIDTH: Final = 1400
_HEIGHT: Final = 170
_GUTTER: Final = 92
_SHORTEST_SPECTROGRAM: Final = 2048
_TEXT: Final = 19
_UNIT: Final = 1.3
"""How large the words are, as the page is wide."""
_TICKS: Final = 8
_AXIS_NAMES: Final = {
    "s": "time, s",
    "ms": "time, ms",
    "samples": "sample",
    "positions": "position",
}
_MARK: Final = (70, 70, 76)
_SEEN: Final = 0.03
"""The share of the largest magnitude that is seen."""
_SMALL: Final = 0.3
"""A smaller share of the length is drawn again, enlarged."""
_FEWEST: Final = 128
"""The samples that are enlarged at least."""


@dataclass(frozen=True)
class WaveTrack:
    """An attribution to a waveform.

    Attributes:
        title: what it is; further lines say more.
        values: [C, T].
        style: gives the colours; one that needs no picture.
    """

    title: str
    values: Values
    style: Style


def waveform_plot(waveform: Values, width: int, height: int) -> Pixels:
    """The curves of the channels [C, T], one under the other: uint8 [height, width, 3]."""
    share, ends = height // len(waveform), curve_range(waveform)
    return np.concatenate([curve_plot(each, width, share, ends) for each in waveform])


def attribution_plot(values: Values, style: Style, width: int, height: int) -> Pixels:
    """The attributions of the channels [C, T] as bars: uint8 [height, width, 3].

    Raises:
        InputError: they are not finite.
    """
    ranges = bar_ranges(values, width)
    return np.concatenate(bar_plots(ranges, bar_end(ranges), style, height // len(values)))


def waveform_page(
    title: str,
    waveform: Values,
    tracks: Sequence[WaveTrack],
    rate: int | None,
    caption: Caption,
) -> Page:
    """A waveform, its spectrogram and its attributions on one axis of time, over the caption.

    Where the attributions are 0 but for a small part of the length, that is drawn again, enlarged.

    Args:
        title: of the waveform; further lines say more.
        waveform: [C, T]; the spectrogram is that of the mean of the channels, if T is enough.
        tracks: at least one.
        rate: samples a second; None counts samples.
        caption: what is said under them.

    Raises:
        InputError: values are not finite.
    """
    length, lanes, notes = waveform.shape[1], [], []
    if length >= _SHORTEST_SPECTROGRAM:
        window = spectrogram_window(length, rate)
        lanes.append(_spectrogram_lane(waveform.mean(axis=0), window, rate))
        notes.append(_spectrogram_note(window, rate))
    caption = replace(caption, notes=[*notes, *caption.notes])
    return _page(title, waveform, tracks, _time_unit(length, rate), lanes, caption)


def sequence_page(
    title: str, values: Values, tracks: Sequence[WaveTrack], caption: Caption
) -> Page:
    """The same of a sequence [C, T] that is no sound, whose positions are counted.

    Raises:
        InputError: values are not finite.
    """
    return _page(title, values, tracks, ("positions", 1.0), [], caption)


def _page(
    title: str,
    waveform: Values,
    tracks: Sequence[WaveTrack],
    time: tuple[str, float],
    lanes: Sequence[Block],
    caption: Caption,
) -> Page:
    """The curves, further lanes and the attributions, then the part that counts."""
    length = waveform.shape[1]
    whole, part = range(length), _enlarged_part(tracks, length)
    head = [stack([*_titled(title), *_curves(waveform, whole)], 6), *lanes]
    rows = [*head, *(_bars(track, whole) for track in tracks)]
    sections = [stack([stack(rows, 16), _time_axis(whole, time, part)], 0)]
    if part is not None:
        words = f"{_stretch(part, time)} (enlarged)"
        rows = [
            stack([*_titled(f"input, {words}"), *_curves(waveform, part)], 6),
            *(_bars(replace(each, title=f"{each.title}, {words}"), part) for each in tracks),
        ]
        sections.append(stack([stack(rows, 16), _time_axis(part, time)], 0))
    body = stack(sections, 20)
    first, *more = caption.notes or [""]
    lead = " · ".join(filter(None, [_bars_note(length, time[0]), first]))
    return captioned(body, replace(caption, notes=[lead, *more]), _UNIT)


def in_colour(style: Style) -> Style:
    """Red and blue for a style of greys, in which bars are hard to see."""
    return STYLES["red-blue"] if style.name == "signed" else style


def _stretch(part: range, time: tuple[str, float]) -> str:
    """From where to where: "1.2 s to 1.4 s", or "positions 20 to 30"."""
    unit, each = time
    first, last = _number(part.start * each), _number(part.stop * each)
    return f"{first} {unit} to {last} {unit}" if each != 1 else f"{unit} {first} to {last}"


def _number(value: float) -> str:
    """Without a power of ten where it is no tiny number."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _short(value: float) -> str:
    """In two digits, without a power of ten where it is a number of hundreds."""
    return f"{value:.0f}" if 100 <= abs(value) < 1e5 else f"{value:.2g}"


def _enlarged_part(tracks: Sequence[WaveTrack], length: int) -> range | None:
    """The samples around all attributions, where these are a small part of the length."""
    sizes = [np.abs(track.values).max(axis=0) for track in tracks]
    heard = np.flatnonzero(np.any([s > _SEEN * s.max() for s in sizes if s.max()], axis=0))
    if not heard.size:
        return None
    first, last = int(heard[0]), int(heard[-1]) + 1
    around = max(_FEWEST, round(1.2 * (last - first)))
    start = min(max(0, (first + last - around) // 2), max(0, length - around))
    return range(start, min(length, start + around)) if around < _SMALL * length else None


def _curves(waveform: Values, part: range) -> list[Block]:
    height = _lane_height(len(waveform))
    shown = waveform[:, part.start : part.stop]
    ends, labels = curve_range(shown), _value_labels(shown)
    return [_lane(curve_plot(each, _WIDTH, height, ends), labels) for each in shown]


def _bars(track: WaveTrack, part: range) -> Block:
    """A part of an attribution under its title, on the scale of all of it."""
    end = bar_end(bar_ranges(track.values, _WIDTH))
    ranges = bar_ranges(track.values[:, part.start : part.stop], _WIDTH)
    plots = bar_plots(ranges, end, track.style, _lane_height(len(ranges)))
    labels = [(0.0, _short(end)), (1.0, "0")]
    if track.style.has_sign:
        labels = [(0.0, _short(end)), (0.5, "0"), (1.0, _short(-end))]
    return stack([*_titled(track.title), *(_lane(plot, labels) for plot in plots)], 6)


def _lane_height(channels: int) -> int:
    return _HEIGHT if channels == 1 else round(0.7 * _HEIGHT)


def _titled(title: str) -> list[Block]:
    first, *more = title.splitlines() or [""]
    line = " · ".join([first, *more])
    return [beside([blank(_GUTTER, 1), each], 0) for each in written(line, 24, INK, _WIDTH, 2)]


def _lane(pixels: Pixels, labels: Sequence[tuple[float, str]] = ()) -> Block:
    """A plot right of its labels, each at a share of the height from the top."""
    plot = framed(pixels)
    gutter = blank(_GUTTER - 1, plot.height)
    draw, font = ImageDraw.Draw(gutter), font_of(_TEXT)
    for share, text in labels:
        place = min(max(share * plot.height, _TEXT * 0.6), plot.height - _TEXT * 0.6)
        draw.text((_GUTTER - 10, place), text, fill=SOFT, font=font, anchor="rm")
    return beside([gutter, plot], 0)


def _value_labels(signal: Values) -> list[tuple[float, str]]:
    """The greatest and the least value, and 0 where it is well between them."""
    bottom, top = curve_range(signal)
    marks = {float(signal.max()), float(signal.min())}
    if min(abs(mark) for mark in marks) > 0.2 * (top - bottom) and bottom < 0 < top:
        marks.add(0.0)
    return [((top - mark) / (top - bottom), f"{mark:.2g}") for mark in marks]


def _spectrogram_lane(signal: Values, window: int, rate: int | None) -> Block:
    pixels, share = spectrogram_plot(signal, window, _WIDTH, _HEIGHT)
    highest = share * (rate or 1) / 2
    unit, name = (1000, "kHz") if highest >= 1000 else (1, "Hz")
    step = _nice_step(highest / 4)
    steps = [step * i for i in range(int(highest / step) + 1)]
    labels = [(1 - each / highest, f"{each / unit:g}") for each in steps]
    named = "cycles per sample" if rate is None else name
    return stack([*_titled(f"spectrogram of the input, {named}"), _lane(pixels, labels)], 6)


def _spectrogram_note(window: int, rate: int | None) -> str:
    length = f"{window} samples" if rate is None else f"{1000 * window / rate:.3g} ms"
    return f"spectrogram: Hann windows of {length}, white is {DECIBELS} dB below black"


def _bars_note(length: int, unit: str) -> str:
    if length <= _WIDTH:
        return ""
    things = "positions" if unit == "positions" else "samples"
    return f"overview: each bar is min and max of ~{length / _WIDTH:.2g} {things}"


def _time_axis(part: range, time: tuple[str, float], marked: range | None = None) -> Block:
    """Ticks and their numbers under the plots.

    Args:
        part: the samples that are drawn.
        time: as of `_time_unit`.
        marked: samples under which a bar is drawn.
    """
    unit, per_sample = time
    first, span = part.start * per_sample, len(part) * per_sample
    step = _nice_step(span / _TICKS)
    page = blank(_GUTTER + _WIDTH + 90, 76)
    draw, font = ImageDraw.Draw(page), font_of(_TEXT)
    if marked is not None:
        left, right = ((each - part.start) / len(part) for each in (marked.start, marked.stop))
        draw.rectangle([_GUTTER + left * _WIDTH, 3, _GUTTER + right * _WIDTH, 8], fill=_MARK)
        middle = _GUTTER + (left + right) / 2 * _WIDTH
        place = min(max(middle, _GUTTER + 70), _GUTTER + _WIDTH - 70)
        draw.text((place, 54), "enlarged below", fill=_MARK, font=font, anchor="mm")
    ticks = np.arange(np.ceil(first / step - 1e-9), (first + span) / step + 1e-9) * step
    for tick in ticks:
        place = _GUTTER + (tick - first) / span * _WIDTH
        draw.line([(place, 0), (place, 12)], SOFT, 1)
        draw.text((place, 30), f"{tick + 0.0:.10g}", fill=SOFT, font=font, anchor="mm")
    draw.text((_GUTTER, 54), _AXIS_NAMES.get(unit, unit), fill=SOFT, font=font, anchor="lm")
    return page


def _time_unit(length: int, rate: int | None) -> tuple[str, float]:
    """The unit of time of an axis, and how many of it a sample takes."""
    if rate is None:
        return "samples", 1.0
    return ("s", 1 / rate) if length >= 0.5 * rate else ("ms", 1000 / rate)


def _nice_step(least: float) -> float:
    """The least of 1, 2 and 5 times a power of 10 that is not below."""
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(each * power for each in (1, 2, 5, 10) if each * power >= least * (1 - 1e-9)))
