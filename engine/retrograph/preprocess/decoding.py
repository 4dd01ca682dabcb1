"""Inputs decoded ahead of what is run on them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from retrograph.prefetch import prefetch_map
from retrograph.preprocess.items import BadInput, Item, Pending


def default_workers() -> int:
    """How many threads decode where nobody says: one for each processor, 8 at most."""
    return min(8, os.cpu_count() or 1)


def prefetch_decode(
    pending: Iterable[Pending], workers: int, ahead: int
) -> Iterator[Item | BadInput]:
    """The inputs in their order, decoded by threads, at most so many ahead of the reader."""
    return prefetch_map(
        pending, Pending.read, workers=workers, ahead=ahead, held=lambda each: each.held
    )
