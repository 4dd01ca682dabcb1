"""How arrays without the layout of pictures are drawn: bars, curves, or planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from retrograph.inputs.kinds.base import AttributionMap, InputKind, ShownInput
from retrograph.preprocess.arrays import AnyArray
from retrograph.render import Caption, Key
from retrograph.render.blocks import INK
from retrograph.render.curves import (
    AGAINST,
    FOR,
    MAGNITUDE,
    Curves,
    curves_page,
    signed_key,
    size_key,
)
from retrograph.render.number_bars import number_bars_page

_MOST_BARS = 40
_MOST_CURVES = 6
_LONGER = 8
"""How many times as many positions as channels a sequence has, at least."""


class NumberInput(InputKind):
    """An array: a few numbers as bars, a sequence of few channels as curves, others as a plane."""

    def draws_values(self, array: AnyArray, shown: Image.Image | None) -> bool:
        """Where it is a plane."""
        return as_sequence(array) is None

    def scale_notes(self, array: AnyArray) -> Sequence[str]:
        """None of curves and bars, which say their numbers."""
        return super().scale_notes(array) if as_sequence(array) is None else ()

    def figure(
        self, shown: ShownInput, maps: Sequence[AttributionMap], caption: Caption
    ) -> Image.Image:
        """The input over its attributions, as bars or curves; as planes what has many channels."""
        values = as_sequence(shown.array)
        if values is None:
            return super().figure(shown, maps, caption)
        tracks = [Curves(shown.title, values, (INK,))]
        for each in maps:
            drawn = as_sequence(np.broadcast_to(each.values, shown.array.shape))
            assert drawn is not None
            has_sign = each.style.has_sign
            inks = (FOR, AGAINST) if has_sign else (MAGNITUDE, MAGNITUDE)
            tracks.append(Curves(each.title, drawn if has_sign else np.abs(drawn), inks))
        page = number_bars_page if values.shape[1] <= _MOST_BARS else curves_page
        return page(tracks, replace(caption, keys=_keys(maps)))


def as_sequence(array: AnyArray) -> AnyArray | None:
    """An array as channels and positions [C, L]; None where it is no sequence of few channels."""
    values = array.squeeze()
    if values.ndim == 0:
        values = values.reshape(1)
    if values.ndim == 1:
        return values[np.newaxis]
    if values.ndim != 2 or array.ndim > 2:
        return None
    across = values if values.shape[0] <= values.shape[1] else values.T
    channels, positions = across.shape
    few = channels <= _MOST_CURVES and positions >= _LONGER * channels
    return across if few else None


def _keys(maps: Sequence[AttributionMap]) -> list[tuple[str, Key]]:
    """What the colours mean, for signed maps and for others."""
    keys = []
    for has_sign, key in ((True, signed_key()), (False, size_key())):
        titles = [m.title.partition("\n")[0] for m in maps if m.style.has_sign == has_sign]
        if titles:
            keys.append((", ".join(dict.fromkeys(titles)), key))
    return keys
