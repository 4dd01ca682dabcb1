"""Times that can be compared: taken in turns in one process, warm."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

WARMUP = 2

PAUSE, SETTLED = 0.05, 0.02
"""Seconds: for how long the others' idle threads may still spin, and how long a warm run lasts."""


def alternate(
    runs: Mapping[str, Callable[[], object]], rounds: int, warmup: int = WARMUP
) -> dict[str, list[float]]:
    """Seconds that each contestant took, in rounds in which each has its turn.

    What disturbs the machine so falls on all of them. In its turn a contestant waits until the
    threads of the one before sleep, runs until it is warm again, and then one run counts.

    Args:
        runs: what is timed, by name.
        rounds: how many times are taken of each.
        warmup: how often each is run before that.
    """
    for run in runs.values():
        for _ in range(warmup):
            run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        turns = list(runs)
        for name in turns[number % len(turns) :] + turns[: number % len(turns)]:
            _settle(runs[name])
            start = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def _settle(run: Callable[[], object]) -> None:
    time.sleep(PAUSE)
    end = time.perf_counter() + SETTLED
    run()
    while time.perf_counter() < end:
        run()


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers, NaN of none."""
    return statistics.geometric_mean(values) if values else math.nan
