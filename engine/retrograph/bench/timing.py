"""Times that can be compared: taken in turns in one process, warm."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

WARMUP = 2


def alternate(
    runs: Mapping[str, Callable[[], object]], rounds: int, warmup: int = WARMUP
) -> dict[str, list[float]]:
    """Seconds that each contestant took, in rounds in which each has its turn.

    What disturbs the machine so falls on all of them. In its turn a contestant runs twice and the
    second run counts: the first one fills the caches again and waits out the other's idle threads.

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
            runs[name]()
            start = time.perf_counter()
            runs[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers, NaN of none."""
    return statistics.geometric_mean(values) if values else math.nan
