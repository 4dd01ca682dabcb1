"""Sequences as curves, a few numbers as bars."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retrograph.render import Caption
from retrograph.render.curves import AGAINST, FOR, WIDTH, Curves, curve, curves_page
from retrograph.render.number_bars import number_bars_page

INK = (0, 0, 0)


def has(page: Image.Image | np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.asarray((np.asarray(page) == colour).all(axis=2))


def test_what_is_above_zero_is_filled_in_one_colour_and_what_is_below_in_the_other() -> None:
    values = np.repeat([3.0, -1.0, 0.0, 1.0], 5)
    drawn = curve(values, (FOR, AGAINST), 80)
    above, below = has(drawn, FOR), has(drawn, AGAINST)
    quarter = WIDTH // 4
    heights = [above[:, q * quarter + quarter // 2].sum() for q in range(4)]
    assert heights == pytest.approx([60, 0, 0, 20], abs=1)
    assert below[:, quarter + quarter // 2].sum() == pytest.approx(20, abs=1)
    assert not below[:58].any()
    assert not above[61:].any()


def test_of_many_positions_none_is_lost() -> None:
    values = np.zeros(100 * WIDTH)
    values[12_345], values[50_000] = 2.0, -2.0
    drawn = curve(values, (FOR, AGAINST), 90)
    assert (drawn[4, 123] != 255).any()
    assert (drawn[-4, 500] != 255).any()


def test_a_line_has_no_gaps() -> None:
    values = np.sin(np.linspace(0, 40, 300))
    drawn = curve(values, (INK,), 120)
    inked = (drawn < 160).all(axis=2)
    assert inked.any(axis=0).all()
    assert inked[:10].any()
    assert inked[-10:].any()


def track(values: np.ndarray, inks: tuple[tuple[int, int, int], ...] = (FOR, AGAINST)) -> Curves:
    return Curves("title\nfile", values, inks)


def test_where_little_counts_it_is_drawn_again_by_itself() -> None:
    spread, place = np.ones((1, 3000)), np.zeros((1, 3000))
    place[0, 1000:1200] = 1
    x = track(np.random.default_rng(0).normal(size=(1, 3000)), (INK,))
    once = curves_page([x, track(spread)], Caption("unit"))
    again = curves_page([x, track(place)], Caption("unit"))
    assert again.height > 1.5 * once.height
    widths = sorted(np.flatnonzero(row).size for row in has(again, FOR) if row.any())
    assert widths[0] <= WIDTH * 200 // 3000 + 2
    assert widths[-1] > 0.8 * WIDTH


def test_channels_have_a_curve_each() -> None:
    one, three = (curves_page([track(np.ones((n, 50)), (INK,))], Caption()) for n in (1, 3))
    assert three.height - one.height == pytest.approx(3 * 64 - 120, abs=10)


def test_bars_are_as_long_as_their_numbers() -> None:
    values = np.array([[2.0, -1.0, 0.0, 1.0]])
    page = number_bars_page([track(values)], Caption())
    red, blue = has(page, FOR), has(page, AGAINST)
    lengths = sorted({int(row.sum()) for row in red if row.any()})
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=3)
    assert {int(row.sum()) for row in blue if row.any()} <= {lengths[0] + d for d in (-1, 0, 1)}
    assert np.flatnonzero(blue.any(axis=0)).max() <= np.flatnonzero(red.any(axis=0)).min() + 1
