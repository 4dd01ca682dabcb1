"""Histograms of numbers whose range is not known beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.runtime import Array

_HALF = 64
"""Bins on either side of 0."""

_FINEST = -30
"""The first width is 2 to this power."""


@dataclass
class Histogram:
    """A histogram for each of C channels, whose bins double in width when a number exceeds them.

    Bin i holds i * width <= v < (i + 1) * width for i from -64 to 63. The widths are powers of
    two, so that bins join without remainder: what comes out depends on the numbers alone, not on
    their order or grouping.

    Attributes:
        counts: int64 [C, 128], from bin -64 on.
        exponent: int64 [C]; the width is 2 to this power.
    """

    counts: Array
    exponent: Array

    @classmethod
    def empty(cls, channels: int) -> Histogram:
        counts = np.zeros((channels, 2 * _HALF), np.int64)
        return cls(counts, np.full(channels, _FINEST, np.int64))

    def add(self, values: Array) -> None:
        """Count [N, C] finite numbers."""
        self._widen(values.min(axis=0), values.max(axis=0))
        bins = np.floor(values * np.ldexp(1.0, -self.exponent)).astype(np.int64) + _HALF
        places = bins + np.arange(values.shape[1]) * (2 * _HALF)
        self.counts += np.bincount(places.ravel(), minlength=self.counts.size).reshape(
            self.counts.shape
        )

    def merge(self, other: Histogram) -> None:
        """Add the counts of other numbers of the same channels."""
        added = Histogram(other.counts.copy(), other.exponent.copy())
        exponent = np.maximum(self.exponent, added.exponent)
        for each in (self, added):
            while (narrow := np.flatnonzero(each.exponent < exponent)).size:
                each._double(narrow)
        self.counts += added.counts

    def _widen(self, least: Array, greatest: Array) -> None:
        """Double widths until these numbers have bins."""
        while True:
            low, high = (np.floor(np.ldexp(v, -self.exponent)) for v in (least, greatest))
            narrow = np.flatnonzero((low < -_HALF) | (high >= _HALF))
            if not narrow.size:
                return
            self._double(narrow)

    def _double(self, channels: Array) -> None:
        """Make the bins of some channels twice as wide."""
        joined = np.zeros((channels.size, 2 * _HALF), np.int64)
        pairs = self.counts[channels].reshape(-1, _HALF, 2).sum(axis=2)
        joined[:, _HALF // 2 : _HALF // 2 + _HALF] = pairs
        self.counts[channels] = joined
        self.exponent[channels] += 1

    def bins(self, channel: int) -> tuple[float, float, list[int]]:
        """Where the first bin with anything in it starts, the width, and the counts from there."""
        counts = self.counts[channel]
        width = float(np.ldexp(1.0, self.exponent[channel]))
        filled = np.flatnonzero(counts)
        if not filled.size:
            return 0.0, width, []
        first, last = int(filled[0]), int(filled[-1])
        return (first - _HALF) * width, width, counts[first : last + 1].tolist()
