"""Signals as plots: where the ink, the bars and the power of a known signal are."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.errors import InputError
from retrograph.render import STYLES, Caption
from retrograph.render.signals import (
    bar_end,
    bar_plots,
    bar_ranges,
    curve_plot,
    spectrogram_plot,
    spectrogram_window,
)
from retrograph.render.waveform import (
    WaveTrack,
    attribution_plot,
    waveform_page,
    waveform_plot,
)


def bars(values: np.ndarray, style: str, width: int, height: int) -> np.ndarray:
    ranges = bar_ranges(values, width)
    return np.concatenate(bar_plots(ranges, bar_end(ranges), STYLES[style], height))


def test_a_curve_is_ink_at_its_values() -> None:
    signal = np.repeat([0.0, 1.0, -1.0], 100)
    plot = curve_plot(signal, 30, 64, (-1.0, 1.0))
    darkest = plot.mean(axis=2).argmin(axis=0)
    assert darkest[5] in (31, 32)
    assert (darkest[12:19] < 3).all()
    assert (darkest[22:29] > 60).all()
    assert plot[40, 5].min() == 255


@pytest.mark.parametrize("ends", [(-0.8, 0.8), (0.8, -0.8)])
def test_a_curve_has_no_gaps(ends: tuple[float, float]) -> None:
    plot = curve_plot(np.repeat(ends, 500), 10, 100, (-1.0, 1.0))
    inked = (plot.max(axis=2) < 128).sum(axis=0)
    assert inked.max() > 75
    assert (np.sort(inked)[:-1] < 5).all()


def test_a_spike_among_many_samples_is_seen() -> None:
    signal = np.zeros(100_000)
    signal[70_001] = 1
    plot = curve_plot(signal, 100, 40)
    assert plot[5, 70].max() < 100
    assert plot[5, [10, 69, 72]].min() == 255


@pytest.mark.parametrize("count", [10, 100, 10_000])
def test_bars_stand_where_their_samples_are(count: int) -> None:
    values = np.zeros((1, count))
    place = count * 3 // 10
    values[0, place : place + max(1, count // 10)] = 1
    values[0, -1] = -1
    plot = bars(values, "red-blue", 100, 41)
    coloured = (plot != 255).any(axis=2)
    assert coloured[2, 30:40].all()
    assert not coloured[2, :30].any()
    assert not coloured[2, 40:].any()
    assert coloured[-2, 99]
    assert not coloured[-2, :90].any()
    red, blue = plot[5, 35].astype(int), plot[-5, 99].astype(int)
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50


def test_bars_without_signs_stand_on_the_edge() -> None:
    plot = bars(np.array([[0.0, -1.0, 0.5, 0.0]]), "heat", 4, 100)
    heights = (plot.sum(axis=2) > plot[0, 0].sum()).sum(axis=0)
    assert heights[0] == heights[3] == 0
    assert heights[1] > 95
    assert 45 < heights[2] < 55


def test_a_bar_has_the_colour_of_its_value() -> None:
    plot = bars(np.array([[1.0, 0.5, -0.5, 0.1]]), "signed", 4, 101)
    assert plot[0, 0].tolist() == [255] * 3
    assert plot[40, 1, 0] == pytest.approx(128 + 63.5, abs=1.5)
    assert plot[60, 2, 0] == pytest.approx(128 - 64, abs=1.5)
    assert plot[0, 1].tolist() == [128] * 3


def test_channels_have_one_scale() -> None:
    values = np.stack([np.full(8, 1.0), np.full(8, 0.25)])
    first, second = np.split(bars(values, "red-blue", 8, 40), 2)
    tall, low = ((each != 255).any(axis=2).sum(axis=0)[0] for each in (first, second))
    assert tall == 20
    assert low == 5
    curves = waveform_plot(values, 8, 80)
    assert (curves[:40].mean(axis=2).argmin(axis=0) < 8).all()
    assert (curves[40:].mean(axis=2).argmin(axis=0) > 30).all()


def test_zeros_alone_are_the_colour_of_zero() -> None:
    assert (attribution_plot(np.zeros((1, 50)), STYLES["signed"], 20, 10) == 128).all()


def test_the_power_of_a_tone_is_at_its_frequency_and_time() -> None:
    rate = 8000
    signal = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate) * (np.arange(rate) > rate / 2)
    pixels, share = spectrogram_plot(signal, spectrogram_window(rate, rate), 100, 200)
    row = pixels[:, 75, 0].argmin()
    assert (1 - (row + 0.5) / 200) * share * rate / 2 == pytest.approx(1000, rel=0.02)
    assert share < 0.6
    assert pixels[row, 75, 0] < 20
    assert pixels[:, 20].min() == 255


@pytest.mark.parametrize(
    ("length", "rate", "window"),
    [(16000, 16000, 512), (44100, 44100, 1024), (4096, None, 64), (600, 16000, 64)],
)
def test_windows_are_of_about_30_ms(length: int, rate: int | None, window: int) -> None:
    assert spectrogram_window(length, rate) == window


def test_a_small_part_is_enlarged() -> None:
    waveform = np.sin(np.arange(4000) / 5)[np.newaxis]
    spread, small = np.ones((1, 4000)), np.zeros((1, 4000))
    small[0, 1000:1100] = 1
    pages = [
        waveform_page("in", waveform, [WaveTrack("a", v, STYLES["signed"])], 8000, Caption("x"))
        for v in (spread, small)
    ]
    assert pages[1].height > pages[0].height + 300
    assert pages[1].width == pages[0].width


@pytest.mark.parametrize("rate", [None, 16000])
@pytest.mark.parametrize("length", [5, 512, 480_000])
def test_pages_of_any_length(length: int, rate: int | None) -> None:
    waveform = np.random.default_rng(0).normal(size=(2, length))
    tracks = [
        WaveTrack(name, waveform, style) for name, style in STYLES.items() if name != "overlay"
    ]
    page = waveform_page("in", waveform, tracks, rate, Caption("x"))
    assert page.width < 1800


def test_what_is_not_finite_is_refused() -> None:
    values = np.array([[0.0, np.nan]])
    with pytest.raises(InputError, match="the attribution has NaN"):
        attribution_plot(values, STYLES["signed"], 4, 4)
    with pytest.raises(InputError, match="the input has NaN"):
        waveform_plot(values, 4, 4)
