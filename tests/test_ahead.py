"""Work done ahead by threads: in order, bounded, and over when its reader is."""

from __future__ import annotations

import threading

import pytest

from retrograph.prefetch import prefetch_map
from support.ahead_case import Counted, threads

WAIT = 30


def test_results_come_in_the_order_of_the_items() -> None:
    last_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 3:
            last_is_done.set()
        else:
            assert last_is_done.wait(WAIT)
        return -number

    assert list(prefetch_map(range(4), work, workers=4, ahead=4)) == [0, -1, -2, -3]


def test_no_more_items_are_taken_than_is_said() -> None:
    items = Counted(50)
    found = []
    for number in prefetch_map(items, lambda n: n, workers=3, ahead=5):
        found.append(number)
        assert items.taken <= len(found) + 5
        assert items.taken == min(50, len(found) + 5)
    assert found == list(range(50))


def test_large_items_are_not_taken_ahead() -> None:
    items = Counted(10)
    sizes = {0: 2**27, 1: 2**27, 2: 2**27}
    results = prefetch_map(
        items, lambda n: n, workers=2, ahead=8, held=lambda n: sizes.get(n, 2**29)
    )
    for taken in (3, 4, 4, 4, 5, 6):
        next(results)
        assert items.taken == taken
    results.close()


def test_a_mistake_is_raised_where_its_turn_comes_and_the_threads_end() -> None:
    others, items = {*threads()}, Counted(100)

    def work(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    results = prefetch_map(items, work, workers=2, ahead=4)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    assert items.taken <= 7
    assert {*threads()} <= others


def test_a_reader_that_leaves_ends_the_threads() -> None:
    others = {*threads()}  # of other tests, that nobody has collected yet
    results = prefetch_map(Counted(100), lambda n: n, workers=2, ahead=4)
    next(results)
    assert {*threads()} - others
    results.close()
    assert {*threads()} <= others
