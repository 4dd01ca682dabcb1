"""Volumes as slices, all in the same colours."""

from __future__ import annotations

from typing import Final

import numpy as np

from retrograph.errors import InputError
from retrograph.render.colour import Attribution, Pixels
from retrograph.render.styles import Style

MOST: Final = 12
"""The slices that are drawn of a volume."""


def slices(attribution: Attribution, style: Style, volume: Pixels) -> Pixels:
    """An attribution [C, D, H, W] drawn as maps are, on one scale: uint8 [D, H, W, 3].

    Args:
        attribution: of a volume of C channels.
        style: how it is drawn.
        volume: its slices as pictures, uint8 [D, H, W, 3], for what is drawn on pictures.

    Raises InputError when it is not finite.
    """
    channels, depth, height, width = attribution.shape
    drawn = style.draw(
        attribution.reshape(channels, depth * height, width),
        picture=volume.reshape(depth * height, width, 3),
        frames=depth,
    )
    return drawn.reshape(depth, height, width, 3)


def grey_slices(volume: Attribution) -> Pixels:
    """A volume [C, D, H, W], the mean of its channels, as grey uint8 [D, H, W, 3].

    Its lowest value is black and its highest white. Raises InputError when it is not finite.
    """
    if not np.isfinite(volume).all():
        raise InputError("the input has NaN or infinite values; mend them")
    values = np.asarray(volume, np.float64).mean(axis=0)
    low, high = values.min(), values.max()
    grey = (255 * (values - low) / ((high - low) or 1)).round().astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def spaced(depth: int) -> list[int]:
    """The numbers, from 0, of evenly spaced slices from the first to the last, 12 at most."""
    return sorted({round(place) for place in np.linspace(0, depth - 1, min(depth, MOST)).tolist()})
