"""Work that threads do ahead of whoever reads what comes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_MOST_HELD = 2**28
"""Bytes that may wait to be worked on."""


def _nothing(item: object) -> int:
    return 0


def prefetch_map(
    items: Iterable[T],
    work: Callable[[T], R],
    *,
    workers: int,
    ahead: int,
    held: Callable[[T], int] = _nothing,
) -> Iterator[R]:
    """What comes of each item, in their order, by threads that end with the iterator.

    Args:
        items: are taken in the reader's own thread.
        work: what is done with each; what it raises is raised where its turn comes.
        workers: how many threads; with 0 the reader works itself, on what it asks for.
        ahead: how many items are taken ahead of the reader, at most.
        held: how many bytes an item holds before it is worked on.
    """
    if not workers:
        yield from map(work, items)
        return
    waiting: deque[tuple[Future[R], int]] = deque()
    waiting_bytes = 0
    with ThreadPoolExecutor(workers, "ahead") as pool:
        try:
            for each in items:
                waiting.append((pool.submit(work, each), held(each)))
                waiting_bytes += waiting[-1][1]
                while len(waiting) > ahead or waiting_bytes > _MOST_HELD:
                    first, size = waiting.popleft()
                    waiting_bytes -= size
                    yield first.result()
            while waiting:
                yield waiting.popleft()[0].result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
