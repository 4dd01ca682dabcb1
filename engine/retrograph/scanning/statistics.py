"""What is counted of each channel of a layer while pictures go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from retrograph.runtime import Array
from retrograph.scanning.histogram import Histogram
from retrograph.scanning.probe_session import ActivationStats
from retrograph.scanning.top import Top

NO_CLASS = -1


@dataclass
class Statistics:
    """Sums over the pictures so far for C channels and K classes; float64 [C] or [K, C].

    A channel fires in a picture if its peak, its greatest activation there, is above 0.

    Attributes:
        peak: of the peaks.
        mean: of the means over an item's positions.
        share: of the shares of positions above 0.
        fires: in how many pictures each channel fires.
        class_peak, class_fires: the same by class.
        class_positive: of the peaks by class, those below 0 taken as 0.
    """

    peak: Array
    mean: Array
    share: Array
    fires: Array
    class_peak: Array
    class_positive: Array
    class_fires: Array

    @classmethod
    def empty(cls, channels: int) -> Statistics:
        return cls(*np.zeros((4, channels)), *np.zeros((3, 0, channels)))

    def add(self, stats: ActivationStats, classes: Array) -> None:
        """Take in N pictures, with the class of each as int64 [N], -1 for none."""
        fires = stats.peak > 0
        self.peak += stats.peak.sum(axis=0)
        self.mean += stats.mean.sum(axis=0)
        self.share += stats.share.sum(axis=0)
        self.fires += fires.sum(axis=0)
        for number in np.unique(classes[classes != NO_CLASS]):
            self._make_room(int(number) + 1)
            of_class = classes == number
            self.class_peak[number] += stats.peak[of_class].sum(axis=0)
            self.class_positive[number] += stats.peak[of_class].clip(0).sum(axis=0)
            self.class_fires[number] += fires[of_class].sum(axis=0)

    def _make_room(self, classes: int) -> None:
        lacking = classes - len(self.class_peak)
        if lacking > 0:
            more = np.zeros((lacking, self.peak.size))
            self.class_peak = np.concatenate([self.class_peak, more])
            self.class_positive = np.concatenate([self.class_positive, more])
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

    def arrays(self) -> dict[str, Array]:
        """All of it, by name."""
        return {
            f"{part.name}/{field.name}": getattr(getattr(self, part.name), field.name)
            for part in fields(self)
            for field in fields(getattr(self, part.name))
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array]) -> Tally:
        """What `arrays` gave."""
        tally = cls.empty(0, 1, 1)
        for name, array in arrays.items():
            part, _, field = name.partition("/")
            setattr(getattr(tally, part), field, array)
        return tally
