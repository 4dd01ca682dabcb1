"""Volumes: [N, C, D, H, W], [N, D, H, W, C] and [N, D, H, W]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from retrograph.inputs.kinds.base import AttributionMap, InputKind, ShownInput
from retrograph.preprocess import Coding, InputAxes
from retrograph.preprocess.arrays import AnyArray
from retrograph.render import Caption, Page, colour, grey_slices, sheet, slices, spaced

_COLUMNS = 3
_SIDE = 200
"""The short side, in pixels, that slices are enlarged to."""
_GREYS = "the input from black, its lowest value, to white, its highest"
_SCALE = (
    "Each map has one scale for all its slices, so brightness compares between slices, but not "
    f"between maps: the end of the colours is the {colour.PERCENTILE}th percentile of the map's "
    "magnitudes other than 0, and what is beyond looks the same."
)


class VolumeInput(InputKind):
    """Depth, height and width, of any channels."""

    name = "volume"
    things = "volumes"

    @classmethod
    def matches(cls, axes: InputAxes, coding: Coding | None) -> bool:
        """Depth, height and width, or four axes of which nothing is known."""
        return axes.takes_volumes or len(axes.item) == 4

    def has_picture(self, shown: Image.Image | None) -> bool:
        """Each slice is one, in grey."""
        return True

    def draws_values(self, array: AnyArray, shown: Image.Image | None) -> bool:
        """Its slices are grey from black to white, which the figure says itself."""
        return False

    def scale_notes(self, array: AnyArray, count: int) -> Sequence[str]:
        """Which slices are drawn, and in which colours."""
        depth = self.axes.to_volume(array).shape[1]
        return (f"{_which(depth)}; {_GREYS}", _SCALE)

    def figure(self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption) -> Page:
        """Slices, each beside the same slice of the attributions."""
        volume = self.axes.to_volume(shown.array)
        grey = grey_slices(volume)
        drawn = [grey]
        for each in maps:
            values = np.broadcast_to(each.values, shown.array.shape)
            drawn.append(slices(self.axes.to_volume(values), each.style, grey))
        depth = volume.shape[1]
        cells = [(f"slice {i + 1} of {depth}", [part[i] for part in drawn]) for i in spaced(depth)]
        titles = ", ".join(each.title.partition("\n")[0] for each in maps)
        head = f"{shown.title.partition(chr(10))[2] or 'input'}\ninput beside {titles}"
        smooth = any(each.style.is_smooth for each in maps)
        return sheet(cells, _COLUMNS, head, caption, smooth=smooth, side=_SIDE)


def _which(depth: int) -> str:
    """Which slices are drawn."""
    numbers = spaced(depth)
    if len(numbers) == depth:
        return "every slice"
    steps = set(np.diff(numbers).tolist())
    evenly = "evenly spaced " if len(steps) == 1 else ""
    return f"{len(numbers)} {evenly}slices of {depth}, from the first to the last"
