"""Inputs put together in batches of one shape."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Batcher(Generic[T]):
    """Puts inputs that come one by one together in batches of one shape, in their order.

    Batches end at every multiple of their size, bad inputs counted too, and where the shape
    changes. So whoever begins at such a multiple, or goes on at the end of a batch, gets the same
    batches as who begins with the first input.

    Args:
        size: how many inputs a batch has at most.
        first: the number of the first input that will come.
    """

    def __init__(self, size: int, first: int = 0) -> None:
        self._size = size
        self._number = first
        self._batch: list[T] = []
        self._shape: tuple[int, ...] | None = None

    def add(self, each: T, shape: tuple[int, ...] | None) -> list[list[T]]:
        """Take in the next input.

        Args:
            each: the input.
            shape: of its array; None for a bad one, which has none.

        Returns:
            The batches that are complete now: none, one, or two.
        """
        complete = []
        if shape is not None:
            if self._shape not in (None, shape):
                complete += self.rest()
            self._shape = shape
        self._batch.append(each)
        self._number += 1
        if self._number % self._size == 0:
            complete += self.rest()
        return complete

    def rest(self) -> list[list[T]]:
        """The batch that is not full, if any input waits in it; the next one begins anew."""
        batch, self._batch = self._batch, []
        self._shape = None
        return [batch] if batch else []
