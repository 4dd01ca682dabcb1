"""What is counted of each channel of a layer while pictures go by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import reduce
from typing import Any

import numpy as np

from retrograph.runtime import Array
from retrograph.scanning.exact_sum import ExactSum
from retrograph.scanning.histogram import Histogram
from retrograph.scanning.probe_session import ActivationStats
from retrograph.scanning.top import Top

NO_CLASS = -1


@dataclass
class Statistics:
    """Sums over the pictures so far for C channels and K classes.

    A channel fires in a picture if its peak, its greatest activation there, is above 0. The order
    and the grouping of pictures change nothing.

    Attributes:
        peak: of the peaks: group 0 of all pictures, 1 + 2 i of those of class i, and 2 + 2 i of
            the same with peaks below 0 taken as 0.
        mean: of the means over an item's positions, one group.
        share: of the shares of positions above 0, one group.
        fires: int64 [1 + K, C], in how many pictures each channel fires: of all, and by class.
    """

    peak: ExactSum
    mean: ExactSum
    share: ExactSum
    fires: Array

    @classmethod
    def empty(cls, channels: int) -> Statistics:
        peak, mean, share = (ExactSum.empty(1, channels) for _ in range(3))
        return cls(peak, mean, share, np.zeros((1, channels), np.int64))

    def add(self, stats: ActivationStats, classes: Array) -> None:
        """Take in N pictures, with the class of each as int64 [N], -1 for none."""
        self.mean.add(0, self.mean.digits(stats.mean))
        self.share.add(0, self.share.digits(stats.share))
        peak, fires = self.peak.digits(stats.peak), stats.peak > 0
        self.peak.add(0, peak)
        self.fires[0] += fires.sum(axis=0)
        self.make_room(int(classes.max(initial=NO_CLASS)) + 1)
        for number in np.unique(classes[classes != NO_CLASS]).tolist():
            rows = np.flatnonzero(classes == number)
            of_class = peak[:, rows]
            self.peak.add(1 + 2 * number, of_class)
            self.peak.add(2 + 2 * number, np.maximum(of_class, 0, out=of_class))
            self.fires[1 + number] += fires[rows].sum(axis=0)

    def merge(self, other: Statistics, classes: Array) -> None:
        """Add what was counted of other pictures, whose classes have the numbers int64 [K] here."""
        self.make_room(int(classes.max(initial=NO_CLASS)) + 1)
        pairs = np.stack([1 + 2 * classes, 2 + 2 * classes], axis=1).ravel()
        self.peak.merge(other.peak, np.concatenate([[0], pairs]))
        self.mean.merge(other.mean, np.zeros(1, np.int64))
        self.share.merge(other.share, np.zeros(1, np.int64))
        self.fires[np.concatenate([[0], 1 + classes])] += other.fires

    def make_room(self, classes: int) -> None:
        """Have sums for so many classes at least."""
        self.peak.make_room(1 + 2 * classes)
        lacking = 1 + classes - len(self.fires)
        if lacking > 0:
            more = np.zeros((lacking, self.fires.shape[1]), np.int64)
            self.fires = np.concatenate([self.fires, more])

    def means(self, pictures: int) -> Array:
        """Of so many pictures: float64 [4, C], the mean peak, mean, share and share that fires."""
        sums = [self.peak.values()[:1], self.mean.values(), self.share.values(), self.fires[:1]]
        return np.asarray(np.concatenate(sums) / pictures)

    def class_means(self, pictures: Sequence[int]) -> Array:
        """Of so many pictures of each class: float64 [3, K, C].

        They are the mean peak, the same with peaks below 0 taken as 0, and the share that fires.
        """
        peaks = self.peak.values()
        sums = np.stack([peaks[1::2], peaks[2::2], self.fires[1:]])
        return np.asarray(sums / np.array(pictures, np.int64)[:, np.newaxis])


@dataclass
class Tally:
    """All that is counted of one layer; its size does not depend on the number of pictures."""

    top: Top
    statistics: Statistics
    histogram: Histogram

    @classmethod
    def empty(cls, channels: int, k: int, rank: int) -> Tally:
        return cls(
            Top.empty(channels, k, rank), Statistics.empty(channels), Histogram.empty(channels)
        )

    def add(self, stats: ActivationStats, pictures: Sequence[int], classes: Sequence[int]) -> None:
        """Take in N pictures by their numbers and those of their classes, -1 for none."""
        self.top.add(stats.peak, stats.unit, np.array(pictures, np.int64))
        self.statistics.add(stats, np.array(classes, np.int64))
        self.histogram.add(stats.peak)

    def merge(self, other: Tally, first: int, classes: Array) -> None:
        """Add what was counted of pictures that come after all of these.

        Args:
            other: of the same channels and as many units of each.
            first: what the number 0 of its pictures is here.
            classes: int64 [K], what its classes' numbers are here.
        """
        self.top.merge(other.top, first)
        self.statistics.merge(other.statistics, classes)
        self.histogram.merge(other.histogram)

    def arrays(self) -> dict[str, Array]:
        """All of it, by names such as "statistics/peak/words"."""
        return dict(_arrays(self, ""))

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Tally:
        """What `arrays` gave."""
        tally = cls.empty(0, 1, 1)
        for name, array in arrays.items():
            *parts, field = name.split("/")
            setattr(reduce(getattr, parts, tally), field, array)
        return tally


def _arrays(part: Any, lead: str) -> Iterator[tuple[str, Array]]:
    """The arrays of a dataclass and of those in it."""
    for field in fields(part):
        value = getattr(part, field.name)
        if is_dataclass(value):
            yield from _arrays(value, f"{lead}{field.name}/")
        else:
            yield f"{lead}{field.name}", value
