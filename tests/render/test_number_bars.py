"""A few numbers as bars, in the colours of maps."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.render import STYLES, Caption
from retrograph.render.number_bars import aligned_numbers, bars, number_bars_page, swatches
from retrograph.render.waveform import WaveTrack
from support.page_case import find

VALUES = np.array([2.0, -1.0, 0.0, 1.0])


def test_bars_are_as_long_as_their_numbers_and_begin_at_zero() -> None:
    drawn = bars(VALUES, STYLES["red-blue"])
    inked = (drawn != 255).any(axis=2).reshape(4, 26, 250)
    assert not inked[:, [0, -1]].any()
    lengths = inked[:, 13].sum(axis=1)
    assert lengths.tolist() == pytest.approx([2 * 250 / 3, 250 / 3, 0, 250 / 3], abs=1)
    zero = np.flatnonzero(inked[0, 13])[0]
    assert np.flatnonzero(inked[1, 13])[-1] == zero - 1
    assert np.flatnonzero(inked[3, 13])[0] == zero


def test_bars_have_one_colour_for_each_sign() -> None:
    drawn = bars(VALUES, STYLES["red-blue"])
    lines = [drawn[26 * row + 13] for row in (0, 1, 3)]
    (first, negative, last) = ({*map(tuple, line[(line != 255).any(axis=1)])} for line in lines)
    assert len(first) == len(negative) == 1
    assert first == last
    ((red, _, blue),), ((other_red, _, other_blue),) = first, negative
    assert red > blue + 50
    assert other_blue > other_red + 50


def test_without_signs_all_bars_lie_on_one_side() -> None:
    drawn = bars(VALUES, STYLES["heat"])
    lengths = (drawn.reshape(4, 26, 250, 3)[:, 13] != drawn[0, 0]).any(axis=2).sum(axis=1)
    assert lengths.tolist() == pytest.approx([250, 125, 0, 125], abs=1)


def test_the_page_has_a_column_for_each() -> None:
    tracks = [WaveTrack("guided", VALUES[None], STYLES["red-blue"])]
    page = number_bars_page("input", -VALUES, tracks, Caption("unit"))
    left, level = find(page, bars(-VALUES, None))
    right, same = find(page, bars(VALUES, STYLES["red-blue"]))
    assert level == same
    assert right > left + 250


def test_the_key_of_bars_has_their_two_colours_and_no_zero() -> None:
    style = STYLES["red-blue"]
    key = swatches(style.key())
    positive, negative = (_ink(bars(VALUES, style)[row]) for row in (13, 39))
    assert len({*map(tuple, key.bar.reshape(-1, 3))}) == 3
    np.testing.assert_allclose(key.bar[0, [0, -1]].astype(int), [negative, positive], atol=2)
    assert key.ends == (style.key().ends[0], style.key().ends[-1])


def test_the_key_of_bars_without_signs_has_one_colour() -> None:
    key = swatches(STYLES["heat"].key())
    assert len({*map(tuple, key.bar.reshape(-1, 3))}) == 1
    np.testing.assert_allclose(
        key.bar[0, 0].astype(int), bars(VALUES, STYLES["heat"])[13, 0].astype(int), atol=2
    )
    assert not key.ends


def _ink(line: np.ndarray) -> np.ndarray:
    """The colour of a bar in a line of pixels [W, 3]."""
    inked: np.ndarray = line[(line != 255).any(axis=1)][0].astype(int)
    return inked


def test_numbers_have_the_same_decimals_where_few_are_enough() -> None:
    assert aligned_numbers(np.array([-0.126, 0.00653, 0.0])) == ["-0.12600", "0.00653", "0.00000"]
    assert aligned_numbers(np.array([512.0, 3.25])) == ["512.00", "3.25"]
    assert aligned_numbers(np.array([1e-9, 3.25])) == ["1e-09", "3.25"]
    assert aligned_numbers(np.zeros(1)) == ["0"]
