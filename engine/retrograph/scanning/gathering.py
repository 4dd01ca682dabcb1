"""What a scan's runs gave, put together: to count one input takes as long as to count several."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from retrograph.errors import InputError
from retrograph.inputs.loader import Batch
from retrograph.preprocess import Item
from retrograph.scanning.probe_session import ActivationStats
from retrograph.scanning.state import Answer, Input

_ROWS = 32
"""So many inputs are counted at once."""
_SECONDS = 0.1
"""How long an input waits for others, about."""

Answered = tuple[Batch, Answer]
Gathered = tuple[list[Input], Answer]


def gather(answered: Iterable[Answered]) -> Iterator[Gathered]:
    """The inputs of successive batches and their statistics, those of batches of one together.

    The order stays.
    """
    waiting: list[Answered] = []
    due = 0.0
    for batch, answer in answered:
        if isinstance(answer, InputError) or len(batch.inputs) > 1:
            if waiting:
                yield _together(waiting)
            yield [*batch.inputs], answer
            waiting = []
            continue
        if not waiting:
            due = time.monotonic() + _SECONDS
        waiting.append((batch, answer))
        if len(waiting) == _ROWS or time.monotonic() >= due:
            yield _together(waiting)
            waiting = []
    if waiting:
        yield _together(waiting)


def _together(waiting: list[Answered]) -> Gathered:
    """Batches and their statistics as one."""
    inputs = [each for batch, _ in waiting for each in batch.inputs]
    by_batch = [
        [stats.only(slice(_good(batch))) for stats in answer]
        for batch, answer in waiting
        if not isinstance(answer, InputError) and _good(batch)
    ]
    return inputs, [ActivationStats.joined(of_layer) for of_layer in zip(*by_batch, strict=True)]


def _good(batch: Batch) -> int:
    """How many inputs of a batch are good."""
    return sum(isinstance(each, Item) for each in batch.inputs)
