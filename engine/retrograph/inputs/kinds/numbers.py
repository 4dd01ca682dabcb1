"""How arrays without the layout of pictures are drawn: bars, curves, or planes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from retrograph.inputs.kinds.base import AttributionMap, InputKind, ShownInput
from retrograph.preprocess.arrays import AnyArray
from retrograph.render import BAR_SCALE, Caption, Page, Style
from retrograph.render.number_bars import number_bars_page
from retrograph.render.waveform import WaveTrack, in_colour, sequence_page

_MOST_BARS = 40
_MOST_CURVES = 6
_LONGER = 8
"""How many times as many positions as channels a sequence has, at least."""


class NumberInput(InputKind):
    """An array: a few numbers as bars, a sequence of few channels as curves, others as a plane."""

    def draws_values(self, array: AnyArray, shown: Image.Image | None) -> bool:
        """Where it is a plane."""
        return as_sequence(array) is None

    def drawn_style(self, style: Style, array: AnyArray) -> Style:
        """Red and blue instead of greys, in which bars are hard to see."""
        return style if as_sequence(array) is None else in_colour(style)

    def scale_notes(self, array: AnyArray, count: int) -> Sequence[str]:
        """Bars beside their numbers end at the largest."""
        if as_sequence(array) is None:
            return super().scale_notes(array, count)
        if array.size > _MOST_BARS:
            return (BAR_SCALE,)
        return ("bar length: size; each column of bars has a scale of its own",)

    def figure(self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption) -> Page:
        """The input over its attributions, as bars or curves; as planes what has many channels."""
        values = as_sequence(shown.array)
        if values is None:
            return super().figure(shown, maps, caption)
        tracks = []
        for each in maps:
            drawn = as_sequence(np.broadcast_to(each.values, shown.array.shape))
            assert drawn is not None
            tracks.append(WaveTrack(each.title, drawn, each.style))
        if values.size <= _MOST_BARS:
            return number_bars_page(shown.title, values, tracks, caption)
        return sequence_page(shown.title, values, tracks, caption)


def as_sequence(array: AnyArray) -> AnyArray | None:
    """An array as channels and positions [C, L]; None where it is no sequence of few channels."""
    values = array.reshape(1) if array.ndim == 0 else array.squeeze()
    if values.ndim < 2:
        return values.reshape(1, -1)
    if array.ndim > 2:
        return None
    across = values if values.shape[0] <= values.shape[1] else values.T
    channels, positions = across.shape
    few = channels <= _MOST_CURVES and positions >= _LONGER * channels
    return across if few else None
