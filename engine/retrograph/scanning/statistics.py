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
        peak: of the peaks, one group.
        mean: of the means over an item's positions, one group.
        share: of the shares of positions above 0, one group.
        fires: int64 [1, C], in how many pictures each channel fires.
        class_peak: of the peaks, a group for each class.
        class_positive: the same with peaks below 0 taken as 0.
        class_fires: int64 [K, C], as `fires`.
    """

    peak: ExactSum
    mean: ExactSum
    share: ExactSum
    fires: Array
    class_peak: ExactSum
    class_positive: ExactSum
    class_fires: Array

    @classmethod
    def empty(cls, channels: int) -> Statistics:
        peak, mean, share = (ExactSum.empty(1, channels) for _ in range(3))
        class_peak, class_positive = (ExactSum.empty(0, channels) for _ in range(2))
        fires, class_fires = (np.zeros((groups, channels), np.int64) for groups in (1, 0))
        return cls(peak, mean, share, fires, class_peak, class_positive, class_fires)

    def add(self, stats: ActivationStats, classes: Array) -> None:
        """Take in N pictures, with the class of each as int64 [N], -1 for none."""
        fires = stats.peak > 0
        for total, values in zip(
            (self.peak, self.mean, self.share), (stats.peak, stats.mean, stats.share), strict=True
        ):
            total.add(values, np.zeros(len(values), np.int64))
        self.fires += fires.sum(axis=0)
        rows = np.flatnonzero(classes != NO_CLASS)
        if not rows.size:
            return
        of_class, peak = classes[rows], stats.peak[rows]
        self.class_peak.add(peak, of_class)
        self.class_positive.add(peak.clip(0), of_class)
        self._make_room(int(of_class.max()) + 1)
        np.add.at(self.class_fires, of_class, fires[rows])

    def merge(self, other: Statistics, classes: Array) -> None:
        """Add what was counted of other pictures, whose classes have the numbers int64 [K] here."""
        for name in ("peak", "mean", "share"):
            getattr(self, name).merge(getattr(other, name), np.zeros(1, np.int64))
        self.fires += other.fires
        self.class_peak.merge(other.class_peak, classes)
        self.class_positive.merge(other.class_positive, classes)
        self._make_room(int(classes.max(initial=-1)) + 1)
        self.class_fires[classes] += other.class_fires

    def _make_room(self, classes: int) -> None:
        lacking = classes - len(self.class_fires)
        if lacking > 0:
            more = np.zeros((lacking, self.class_fires.shape[1]), np.int64)
            self.class_fires = np.concatenate([self.class_fires, more])


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
