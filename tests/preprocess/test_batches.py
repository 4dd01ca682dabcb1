"""Batches of one shape, in order, that are the same from the end of any of them on."""

from __future__ import annotations

import pytest

from retrograph.preprocess.batches import Batcher

Shape = tuple[int, ...] | None


def batches(shapes: list[Shape], size: int, start: int = 0) -> list[list[int]]:
    """The numbers of inputs of these shapes, in their batches."""
    batcher = Batcher[int](size, start)
    complete = [
        batch
        for number, shape in enumerate(shapes[start:], start)
        for batch in batcher.add(number, shape)
    ]
    return complete + batcher.rest()


SMALL, LARGE = (3, 4, 4), (3, 9, 9)


@pytest.mark.parametrize(
    ("shapes", "size", "expected"),
    [
        ([], 2, []),
        ([SMALL] * 5, 2, [[0, 1], [2, 3], [4]]),
        ([SMALL] * 4, 1, [[0], [1], [2], [3]]),
        ([SMALL, SMALL, LARGE, SMALL], 3, [[0, 1], [2], [3]]),
        ([SMALL, LARGE, LARGE, LARGE, LARGE], 3, [[0], [1, 2], [3, 4]]),
        ([SMALL, LARGE], 1, [[0], [1]]),
        ([None, SMALL, None, SMALL, None, SMALL], 2, [[0, 1], [2, 3], [4, 5]]),
        ([SMALL, None, LARGE, None], 5, [[0, 1], [2, 3]]),
        ([None, None], 1, [[0], [1]]),
    ],
)
def test_batches(shapes: list[Shape], size: int, expected: list[list[int]]) -> None:
    assert batches(shapes, size) == expected


def test_two_batches_may_be_complete_at_once() -> None:
    batcher = Batcher[str](2)
    assert batcher.add("a", SMALL) == []
    assert batcher.add("b", LARGE) == [["a"], ["b"]]
    assert batcher.add("c", LARGE) == []
    single = Batcher[str](1)
    assert single.add("a", SMALL) == [["a"]]
    assert single.rest() == []


def test_batches_from_any_end_on_are_the_same() -> None:
    shapes: list[Shape] = [SMALL, None, SMALL, LARGE, None, LARGE, LARGE, SMALL, None, None, SMALL]
    every = batches(shapes, 2)
    for position in range(len(every)):
        assert batches(shapes, 2, start=every[position][0]) == every[position:]


def test_batches_from_any_multiple_of_their_size_on_are_the_same() -> None:
    shapes: list[Shape] = [SMALL, None, LARGE, LARGE, None, LARGE, SMALL, None, None, SMALL, SMALL]
    every = batches(shapes, 3)
    for start in range(0, len(shapes), 3):
        assert batches(shapes, 3, start) == [batch for batch in every if batch[0] >= start]
