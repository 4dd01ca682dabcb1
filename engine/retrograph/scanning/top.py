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
        if not better.size:
            return
        k = self.activation.shape[1]
        every = np.concatenate([self.activation[better], activation.T[better]], axis=1)
        order = np.argsort(-every, axis=1, kind="stable")[:, :k]
        numbers = np.broadcast_to(pictures, (better.size, len(pictures)))
        known = np.concatenate([self.picture[better], numbers], axis=1)
        places = np.concatenate([self.unit[better], unit.swapaxes(0, 1)[better]], axis=1)
        self.activation[better] = np.take_along_axis(every, order, axis=1)
        self.picture[better] = np.take_along_axis(known, order, axis=1)
        self.unit[better] = np.take_along_axis(places, order[:, :, np.newaxis], axis=1)
