"""Times taken in turns, by a clock that the tests turn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from retrograph.benchmarks import alternate, geometric_mean


class Clock:
    """A clock that goes on by a second for each run and while somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, costs: Sequence[float]) -> None:
        self.now, self.costs = 0.0, iter(costs)
        monkeypatch.setattr("retrograph.benchmarks.timing.time.perf_counter", lambda: self.now)
        monkeypatch.setattr("retrograph.benchmarks.timing.time.sleep", self.go_on)

    def go_on(self, seconds: float) -> None:
        self.now += seconds

    def run(self) -> None:
        self.go_on(next(self.costs))


def test_each_contestant_has_one_timed_turn_a_round_behind_an_untimed_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch, [])
    calls: list[str] = []
    runs = {name: (lambda name=name: (calls.append(name), clock.go_on(1))) for name in "abc"}
    found = alternate(runs, rounds=3, warmup=1)
    assert {name: len(times) for name, times in found.items()} == {"a": 3, "b": 3, "c": 3}
    assert "".join(calls) == "abc" + "aabbcc" + "bbccaa" + "ccaabb"


def test_only_the_last_run_of_a_turn_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, [5.0, 50.0, 7.0, 50.0, 9.0])  # a warm-up, then two rounds of two
    found = alternate({"a": clock.run}, rounds=2, warmup=1)
    assert found == {"a": [pytest.approx(7.0), pytest.approx(9.0)]}


def test_a_short_run_is_repeated_until_it_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, [0.5, *[0.007] * 3, 0.001])
    assert alternate({"a": clock.run}, rounds=1, warmup=1) == {"a": [pytest.approx(0.001)]}


def test_the_geometric_mean() -> None:
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    assert math.isnan(geometric_mean([]))
