"""Inputs put together as runs of a probe session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from retrograph.preprocess import BadInput, InputAxes, Item
from retrograph.preprocess.batches import Batcher
from retrograph.runtime import Array


@dataclass(frozen=True)
class Batch:
    """What is run at once.

    Attributes:
        inputs: in the order of the data set; what is bad stands where it was met.
        feeds: an array for each of the session's inputs; the leading rows hold the good ones of
            `inputs`, in order. Empty where none is good.
    """

    inputs: Sequence[Item | BadInput]
    feeds: dict[str, Array]


def batches(
    inputs: Iterable[Item | BadInput], name: str, size: int, axes: InputAxes
) -> Iterator[Batch]:
    """Inputs of one shape together, in their order: see `Batcher`.

    Args:
        inputs: one after the other.
        name: the session's input.
        size: how many go into a batch.
        axes: of the input: of a fixed batch, one that is not full repeats its last input.
    """
    batcher = Batcher[Item | BadInput](size)
    for each in inputs:
        for batch in batcher.add(each, each.array.shape if isinstance(each, Item) else None):
            yield _batch(batch, name, axes)
    for batch in batcher.rest():
        yield _batch(batch, name, axes)


def _batch(inputs: Sequence[Item | BadInput], name: str, axes: InputAxes) -> Batch:
    rows = [each.array for each in inputs if isinstance(each, Item)]
    return Batch(inputs, {name: axes.feed(rows)} if rows else {})
