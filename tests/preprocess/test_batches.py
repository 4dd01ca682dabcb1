"""Batches of one shape, in order, that are the same from the end of any of them on."""

from __future__ import annotations

import pytest

from retrograph.preprocess.batches import MOST_SHAPELESS, Batcher

Shape = tuple[int, ...] | None


def batches(shapes: list[Shape], size: int, start: int = 0) -> list[list[int]]:
    """The numbers of inputs of these shapes, in their batches."""
    batcher = Batcher[int](size)
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
        ([SMALL, LARGE], 1, [[0], [1]]),
        ([None, SMALL, None, SMALL, None, SMALL], 2, [[0, 1, 2, 3], [4, 5]]),
        ([SMALL, None, LARGE, None], 5, [[0, 1], [2, 3]]),
        ([None, None], 1, [[0, 1]]),
    ],
)
def test_batches(shapes: list[Shape], size: int, expected: list[list[int]]) -> None:
    assert batches(shapes, size) == expected


def test_two_batches_may_be_complete_at_once() -> None:
    batcher = Batcher[str](2)
    assert batcher.add("a", SMALL) == []
    assert batcher.add("b", LARGE) == [["a"]]
    assert batcher.add("c", LARGE) == [["b", "c"]]
    single = Batcher[str](1)
    assert single.add("a", SMALL) == [["a"]]
    assert single.rest() == []


def test_bad_ones_are_not_held_without_end() -> None:
    shapes: list[Shape] = [SMALL, *[None] * (2 * MOST_SHAPELESS + 1)]
    assert [len(batch) for batch in batches(shapes, 9)] == [MOST_SHAPELESS + 1, MOST_SHAPELESS, 1]


def test_batches_from_any_end_on_are_the_same() -> None:
    shapes: list[Shape] = [SMALL, None, SMALL, LARGE, None, LARGE, LARGE, SMALL, None, None, SMALL]
    every = batches(shapes, 2)
    for position in range(len(every)):
        assert batches(shapes, 2, start=every[position][0]) == every[position:]
