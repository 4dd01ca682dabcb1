"""What the axes of a tensor count, in terms of the axes of a source.

A Reshape joins axes and splits them again, so that an axis may count some of the positions along
one axis of the source, or those of several axes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Part:
    """A factor of what an axis of a tensor counts.

    Attributes:
        size: how many there are.
        axis: the axis of the source whose positions they are; None for channels, and for what
            mixes positions.
        count: how many positions that axis has at the tensor's resolution.
        inner: how many of these lie within each; 1 where they are single positions.
    """

    size: int
    axis: int | None = None
    count: int = 0
    inner: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether they are all positions of an axis of the source."""
        return self.axis is not None and self.size == self.count

    def joined(self, inner: Part) -> Part | None:
        """This part and the one within it as one; None where they count different things."""
        if self.axis is None and inner.axis is None:
            return Part(self.size * inner.size)
        same = (self.axis, self.count) == (inner.axis, inner.count)
        if not same or self.inner != inner.inner * inner.size:
            return None
        return replace(inner, size=self.size * inner.size)

    def split(self, outer: int) -> tuple[Part, Part]:
        """The outer part of a size that divides this one's, and the inner one."""
        rest = self.size // outer
        return replace(self, size=outer, inner=self.inner * rest), replace(self, size=rest)


Axis = tuple[Part, ...]
"""From the outer to the inner part; empty for an axis of one, of which nothing more is known."""

Layout = tuple[Axis, ...]
"""What each axis of a tensor counts."""


def new(size: int) -> Axis:
    """An axis that counts no positions of the source."""
    return () if size == 1 else (Part(size),)


def size_of(axis: Axis) -> int:
    return math.prod(part.size for part in axis)


def source_axes(axis: Axis) -> set[int]:
    """The axes of the source whose positions an axis counts."""
    return {part.axis for part in axis if part.axis is not None}


def is_all_of_one(axis: Axis) -> bool:
    """Whether it counts the positions along one axis of the source, all of them."""
    return len(axis) == 1 and axis[0].is_whole


def resampled(axis: Axis, size: int) -> Axis:
    """What counts as many as `size` after something slid along the axis, or resized it."""
    if is_all_of_one(axis):
        return (Part(size, axis[0].axis, size),)
    return axis if size_of(axis) == size else new(size)


def reshaped(layout: Layout, sizes: Sequence[int]) -> Layout | None:
    """The layout after a Reshape; None where an axis would begin within another's parts."""
    waiting = [part for axis in layout for part in axis if part.size != 1]
    made: list[Axis] = []
    for size in sizes:
        taken: list[Part] = []
        while size != 1:
            if not waiting:
                return None
            part = waiting.pop(0)
            if size % part.size:
                if part.size % size:
                    return None
                part, rest = part.split(size)
                waiting.insert(0, rest)
            taken.append(part)
            size //= part.size
        made.append(_joined(taken))
    return None if waiting else tuple(made)


def _joined(parts: Iterable[Part]) -> Axis:
    """The parts of an axis, neighbours joined where they count one thing."""
    found: list[Part] = []
    for part in parts:
        whole = found[-1].joined(part) if found else None
        if whole is None:
            found.append(part)
        else:
            found[-1] = whole
    return tuple(found)
