"""Bars: their lengths are their numbers."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.render.bars import BAR, TRACK, Bar, bar_rows, profile
from retrograph.render.blocks import drawn
from support.graphs import Array


def filled(page: Array) -> Array:
    return (np.asarray(page) == BAR).all(axis=-1)


def test_a_bar_is_filled_by_its_share() -> None:
    bars = [Bar("1", "cat", share, f"{share:.2f}") for share in (0.0, 0.25, 1.0)]
    page = np.asarray(drawn(bar_rows(bars, 400)))
    track = (page == TRACK).all(axis=-1) | filled(page)
    length = track.sum(axis=1).max()
    middles = [row * (page.shape[0] + 4) // 3 + 12 for row in range(3)]
    assert page.shape[1] == 400
    shares = [filled(page)[row].sum() / length for row in middles]
    assert shares == pytest.approx([0, 0.25, 1], abs=1 / length)


@pytest.mark.parametrize("words", ["short", "a very long name that does not fit in its column"])
def test_bars_are_as_wide_as_is_asked(words: str) -> None:
    assert bar_rows([Bar(words, words, 0.5, words)], 320).width == 320


def test_a_profile_keeps_the_order() -> None:
    page = filled(profile([1.0, 0.5, 0.0], 90, 40))
    assert page.shape == (42, 92)
    heights = page[:, 1:-1].sum(axis=0)
    assert heights.tolist() == [40] * 30 + [20] * 30 + [0] * 30
    assert page[-2, 40]
    assert not page[1, 40]
