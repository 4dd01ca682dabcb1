"""The k strongest units of each channel, kept while pictures go by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.runtime import Array


@dataclass
class Top:
    """The k strongest of C channels so far, one unit a picture, the strongest first.

    Of equal ones the earlier picture comes first.

    Attributes:
        activation: float64 [C, k]; -inf where there is none yet.
        picture: int64 [C, k], the picture's number; -1 where there is none yet.
        unit: int64 [C, k, r], the unit's index in an item of the layer.
    """

    activation: Array
    picture: Array
    unit: Array

    @classmethod
    def empty(cls, channels: int, k: int, rank: int) -> Top:
        """Nothing seen yet, of a layer whose items have that rank."""
        return cls(
            np.full((channels, k), -np.inf),
            np.full((channels, k), -1, np.int64),
            np.zeros((channels, k, rank), np.int64),
        )

    def add(self, activation: Array, unit: Array, pictures: Array) -> None:
        """Take in N pictures, which come after all earlier ones.

        Args:
            activation: [N, C], finite.
            unit: int64 [N, C, r].
            pictures: int64 [N], ascending.
        """
        better = np.flatnonzero((activation > self.activation[:, -1]).any(axis=0))
        if better.size:
            numbers = np.broadcast_to(pictures, (better.size, len(pictures)))
            units = unit.swapaxes(0, 1)[better]
            self._join(better, Top(activation.T[better], numbers, units))

    def merge(self, other: Top, first: int) -> None:
        """Take in the strongest of pictures that come after all of these.

        Args:
            other: of the same channels.
            first: what the number 0 of its pictures is here.
        """
        numbers = np.where(other.picture < 0, other.picture, other.picture + first)
        channels = np.arange(len(self.activation))
        self._join(channels, Top(other.activation, numbers, other.unit))

    def _join(self, channels: Array, later: Top) -> None:
        """Keep the strongest of those here and of later ones, which are of some channels."""
        activation = np.concatenate([self.activation[channels], later.activation], axis=1)
        picture = np.concatenate([self.picture[channels], later.picture], axis=1)
        unit = np.concatenate([self.unit[channels], later.unit], axis=1)
        k = self.activation.shape[1]
        order = np.argsort(-activation, axis=1, kind="stable")[:, :k]
        self.activation[channels] = np.take_along_axis(activation, order, axis=1)
        self.picture[channels] = np.take_along_axis(picture, order, axis=1)
        self.unit[channels] = np.take_along_axis(unit, order[:, :, np.newaxis], axis=1)
