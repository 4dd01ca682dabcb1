"""The n-th part of a data set: whole batches that follow each other."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retrograph.errors import InputError, parameter


@dataclass(frozen=True)
class Share:
    """One of several parts that together are a data set.

    Attributes:
        number: which one, from 1.
        of: how many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"part {self.number} of {self.of}"

    def bounds(self, total: int, batch: int) -> tuple[int, int]:
        """The number of its first input, and that behind its last, multiples of a batch.

        Args:
            total: how many inputs there are in all.
            batch: how many a batch has; only the last one may have fewer.
        """
        batches = -(-total // batch)
        first, end = (batches * n // self.of * batch for n in (self.number - 1, self.number))
        return min(first, total), min(end, total)


def share_of(part: Sequence[Any]) -> Share:
    """A part as it is given: its number and how many there are, such as (3, 8).

    Raises:
        InputError: there is no such part.
    """
    try:
        number, of = map(operator.index, part)
    except (TypeError, ValueError):
        number, of = 0, 0
    if not 1 <= number <= of:
        shown = "/".join(map(str, part)) if isinstance(part, Sequence) else repr(part)
        raise InputError(
            f"{parameter('part')} is {shown:.60}; give two numbers, such as the 3rd of 8 parts: "
            f"{parameter('part', '(3, 8)')}"
        )
    return Share(number, of)
