"""Sums that do not depend on the order or the grouping of what is added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.runtime import Array

_WORDS = 3
_BITS = 32
_LOWEST = -34
"""The word of the smallest float64, which is 2**-1074."""


@dataclass
class ExactSum:
    """The sums of float64 numbers for G groups and C channels, as integers in base 2**32.

    Word j of a number counts multiples of 2**(32 * j). A channel keeps the three words from the
    one on that its greatest magnitude so far needs; what lies below, less than 2**-64 of that
    magnitude, is left out of every number. A word is a sum of integers that are each a number's
    own, and which words are kept follows from the greatest magnitude: so any order and any grouping
    of the same numbers gives the same words. Up to 2**31 numbers can be added.

    Attributes:
        words: int64 [G, 3, C], the highest first.
        top: int64 [C], which word is the highest.
    """

    words: Array
    top: Array

    @classmethod
    def empty(cls, groups: int, channels: int) -> ExactSum:
        """Sums of nothing."""
        words = np.zeros((groups, _WORDS, channels), np.int64)
        return cls(words, np.full(channels, _LOWEST, np.int64))

    def digits(self, values: Array) -> Array:
        """Numbers [N, C] as words, which `add` takes; the words here are moved up where needed.

        Args:
            values: finite; at most 2**21 rows, so that float64 holds the sums of words.

        Returns:
            float64 [3, N, C], whole numbers, each with the sign of its number.
        """
        greatest = np.abs(values).max(axis=0, initial=0)
        needed = (np.frexp(greatest)[1] + _BITS - 1) // _BITS - 1
        self._raise(np.where(greatest > 0, needed, _LOWEST))
        root = np.ldexp(1.0, -_BITS // 2 * self.top)
        rest = values * root * root  # its square may be no float64
        digits = np.empty((_WORDS, *values.shape))
        for word in digits:
            np.trunc(rest, out=word)
            rest -= word
            rest *= 2.0**_BITS
        return digits

    def add(self, group: int, digits: Array) -> None:
        """Add numbers to the sums of a group, as `digits` gave them, or some of their rows."""
        self.words[group] += digits.sum(axis=1).astype(np.int64)

    def merge(self, other: ExactSum, groups: Array) -> None:
        """Add other sums of the same channels, whose groups have the numbers int64 [G] here."""
        if not len(groups):
            return
        self._raise(other.top)
        self.make_room(int(groups.max()) + 1)
        self.words[groups] += _shifted(other.words, self.top - other.top)

    def values(self) -> Array:
        """The sums, float64 [G, C], to one unit in the last place."""
        high, middle, low = np.moveaxis(self.words, 1, 0)
        middle = middle + (low >> _BITS)
        high = high + (middle >> _BITS)
        negative = high < 0
        parts = [np.where(negative, -word, word) for word in np.moveaxis(self.words, 1, 0)]
        parts[1] += parts[2] >> _BITS
        parts[0] += parts[1] >> _BITS
        low, middle = (parts[i] & (2**_BITS - 1) for i in (2, 1))
        total = np.ldexp(np.ldexp(low.astype(np.float64), -_BITS) + middle, -_BITS)
        total = total + (parts[0] & (2**_BITS - 1))
        total = total + np.ldexp((parts[0] >> _BITS).astype(np.float64), _BITS)
        return np.asarray(np.ldexp(np.where(negative, -total, total), _BITS * self.top))

    def _raise(self, needed: Array) -> None:
        """Move the channels' words up to where the highest is at least that one."""
        top = np.maximum(self.top, needed)
        self.words, self.top = _shifted(self.words, top - self.top), top

    def make_room(self, groups: int) -> None:
        """Have so many groups at least."""
        lacking = groups - len(self.words)
        if lacking > 0:
            more = np.zeros((lacking, *self.words.shape[1:]), np.int64)
            self.words = np.concatenate([self.words, more])


def _shifted(words: Array, steps: Array) -> Array:
    """Words [G, 3, C] that many places lower, by channel; what falls out at the end is dropped."""
    if not steps.any():
        return words
    lead = np.zeros_like(words)
    for step in range(_WORDS):
        channels = np.flatnonzero(steps == step)
        lead[:, step:, channels] = words[:, : _WORDS - step, channels]
    return lead
