"""Inputs put together in batches of one shape."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MOST_SHAPELESS = 256
"""So many inputs without a shape are a batch, so that a long series of bad ones is not held."""


class Batcher(Generic[T]):
    """Puts inputs that come one by one together in batches of one shape, in their order.

    Where one batch ends and the next begins follows from what comes after the last end, so that
    whoever goes on at the end of a batch gets the same batches.

    Args:
        size: how many inputs with a shape a batch has at most.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._batch: list[T] = []
        self._shape: tuple[int, ...] | None = None
        self._count = 0

    def add(self, each: T, shape: tuple[int, ...] | None) -> list[list[T]]:
        """Take in the next input.

        Args:
            each: the input.
            shape: of its array; None for a bad one, which has none and takes no place in a run.

        Returns:
            The batches that are complete now: none, one, or two.
        """
        complete = []
        if shape is not None:
            if self._shape not in (None, shape):
                complete += self.rest()
            self._shape = shape
            self._count += 1
        self._batch.append(each)
        if self._count == self._size or len(self._batch) - self._count == MOST_SHAPELESS:
            complete += self.rest()
        return complete

    def rest(self) -> list[list[T]]:
        """The batch that is not full, if any input waits in it; the next one begins anew."""
        batch, self._batch = self._batch, []
        self._shape, self._count = None, 0
        return [batch] if batch else []
