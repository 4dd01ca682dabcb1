"""Ratios of releases of ONNX Runtime: which have changed, as `bench_runtimes.py` tells."""

from __future__ import annotations

from bench_runtimes import changes, table

BEFORE = {"1.9.0": {"a": 9.0}, "1.31.1": {"a": 4.0, "b": 2.0}}


def test_a_ratio_over_a_tenth_away_from_the_newest_release_is_told() -> None:
    now = {"1.32.0": {"a": 4.3, "b": 2.3, "c": 7.0}}
    assert changes(BEFORE, now) == ["b: 2.3 under 1.32.0, 2.0 under 1.31.1"]
    assert changes(BEFORE, {"1.32.0": {"a": 3.5}}) == ["a: 3.5 under 1.32.0, 4.0 under 1.31.1"]


def test_releases_are_in_the_order_of_their_numbers() -> None:
    assert table(BEFORE).splitlines()[2:] == ["| 1.9.0 | 9.0 |  |", "| 1.31.1 | 4.0 | 2.0 |"]
