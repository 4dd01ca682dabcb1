"""The most active channels of a layer, each where it is most active, not neighbours of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.pipeline.finder import Finder
from retrograph.results.objective import Found, Objective
from retrograph.runtime import Array


@dataclass(frozen=True)
class ChannelFinder(Finder):
    """Finds the channels of a layer with the highest activations.

    Attributes:
        layer: the tensor.
        rank: how many axes an item of it has.
        channel_axis: which of them counts channels.
    """

    layer: str = ""
    rank: int = 1
    channel_axis: int = 0

    def tensors(self, frame: Sequence[int]) -> tuple[str, ...]:
        """The layer."""
        return (self.layer,)

    @property
    def usual(self) -> tuple[str, str]:
        """The layer, unit by unit."""
        return self.layer, "unit"

    @property
    def question(self) -> str:
        """How many channels."""
        return f"the {self.top} most active channels of each input, each at its strongest"

    @property
    def notes(self) -> tuple[str, ...]:
        """None: the layer's name says it all."""
        return ()

    def find(self, values: Mapping[str, Array], frame: Sequence[int]) -> Found:
        """One unit of each channel."""
        value = values[self.layer]
        item = value.reshape(value.shape[value.ndim - self.rank :])
        places = np.moveaxis(np.arange(item.size).reshape(item.shape), self.channel_axis, 0)
        planes = np.moveaxis(item, self.channel_axis, 0).reshape(len(places), -1)
        strongest = planes.argmax(1)
        peaks = planes[np.arange(len(planes)), strongest]
        best = np.argsort(-peaks, kind="stable")[: self.top]
        flat = places.reshape(len(planes), -1)
        return Found(
            tuple(
                Objective("", self.layer, value.shape, place=int(flat[channel, strongest[channel]]))
                for channel in best
            )
        )
