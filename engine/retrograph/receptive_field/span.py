"""Affine intervals of positions, and how they compose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Rational = Fraction | int


@dataclass(frozen=True)
class Span:
    """The positions of one axis of an earlier tensor that a unit of a later tensor sees.

    Position q along `axis` of the later tensor sees stride * q + first to stride * q + last, both
    included; `axis` is None and `stride` 0 where the position does not matter.
    """

    axis: int | None
    stride: Fraction
    first: Fraction
    last: Fraction

    @property
    def size(self) -> int:
        """The most positions that a unit sees."""
        return math.floor(self.last - self.first) + 1

    def then(self, step: Span | None) -> Span | None:
        """This span of a tensor x as its reader y sees it, where `step` leads from x to y."""
        if self.axis is None:
            return self
        if step is None:
            return None
        low, high = sorted((self.stride * step.first, self.stride * step.last))
        return span_of(step.axis, self.stride * step.stride, self.first + low, self.last + high)

    def window(self, index: Sequence[int], size: int) -> tuple[int, int]:
        """The positions (start, stop) of an axis of `size` that the unit at `index` sees."""
        centre = 0 if self.axis is None else self.stride * index[self.axis]
        start = min(max(math.ceil(centre + self.first), 0), size)
        stop = min(math.floor(centre + self.last) + 1, size)
        return start, max(start, stop)


Spans = tuple[Span | None, ...]


def union(a: Span | None, b: Span | None) -> Span | None:
    """What two readings see together: the whole axis where they do not move alike."""
    if a is None or b is None or (a.axis, a.stride) != (b.axis, b.stride):
        return None
    return Span(a.axis, a.stride, min(a.first, b.first), max(a.last, b.last))


def span_of(axis: int | None, stride: Rational, first: Rational, last: Rational) -> Span:
    """A span with the least bounds that hold the same positions, which are whole numbers.

    With stride n / m, m times a position less n times q is whole, so the bounds are multiples
    of 1 / m.
    """
    stride = Fraction(stride)
    m = stride.denominator
    return Span(axis, stride, Fraction(math.ceil(first * m), m), Fraction(math.floor(last * m), m))


def along(axis: int, stride: Rational = 1, first: Rational = 0, last: Rational = 0) -> Span:
    return span_of(axis, stride, first, last)


def fixed(first: int, last: int) -> Span:
    """Fixed positions, for every unit."""
    return span_of(None, 0, first, last)


def scaled(axis: int, stride: Fraction) -> Span:
    """Positions cut into blocks, or joined, without overlap: unit q from stride * q on."""
    n, m = stride.numerator, stride.denominator
    return along(axis, stride, Fraction(1 - m, m), Fraction(n - 1, m))
