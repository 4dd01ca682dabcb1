"""Inputs put together as runs of a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from retrograph.preprocess import BadItem, InputAxes, Item
from retrograph.runtime import Array

_BAD_IN_A_ROW = 256
"""So many bad inputs are a batch of their own, so that a long series of them is not kept."""


@dataclass(frozen=True)
class Batch:
    """What is run at once.

    Attributes:
        inputs: in the order of the data set; what is bad stands where it was met.
        feeds: an array for each of the network's inputs; the leading rows hold the good ones of
            `inputs`, in order. Empty where none is good.
    """

    inputs: Sequence[Item | BadItem]
    feeds: dict[str, Array]


def batches(
    inputs: Iterable[Item | BadItem], name: str, size: int, axes: InputAxes
) -> Iterator[Batch]:
    """Inputs of one shape together, in their order.

    Where one batch ends and the next begins follows from what comes after the last end, so that a
    scan that is taken up at the end of a batch makes the same batches.

    Args:
        inputs: one after the other.
        name: the network's input.
        size: how many go into a batch.
        axes: of the input: of a fixed batch, one that is not full repeats its last input.
    """
    batch: list[Item | BadItem] = []
    rows: list[Array] = []
    for each in inputs:
        if isinstance(each, Item):
            if rows and rows[0].shape != each.array.shape:
                yield _batch(batch, rows, name, axes)
                batch, rows = [], []
            rows.append(each.array)
        batch.append(each)
        if len(rows) == size or len(batch) - len(rows) == _BAD_IN_A_ROW:
            yield _batch(batch, rows, name, axes)
            batch, rows = [], []
    if batch:
        yield _batch(batch, rows, name, axes)


def _batch(inputs: list[Item | BadItem], rows: list[Array], name: str, axes: InputAxes) -> Batch:
    return Batch(inputs, {name: axes.feed(rows)} if rows else {})
