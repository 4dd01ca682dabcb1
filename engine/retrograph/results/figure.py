"""The picture that is written of an explained input: a panel, strips of letters, or slices."""

from __future__ import annotations

import numpy as np
from PIL import Image

from retrograph.preprocess import Coding
from retrograph.render import (
    STYLES,
    Table,
    Track,
    grey_slices,
    panel,
    sheet,
    slices,
    spaced,
    strips,
)
from retrograph.results.explained import ExplainedInput
from retrograph.results.maps import (
    attribution_frames,
    attribution_picture,
    input_frames,
    input_picture,
    is_video,
    style_of,
)
from retrograph.runtime import Array

_VOLUME = 4
_COLUMNS = 3
_FRAMES = "evenly spaced frames; each map has one scale for all frames"
_SLICES = (
    "evenly spaced slices, from the first to the last; the input from black, its lowest value, to "
    "white, its highest; each map has one scale for all slices"
)


def has_figure(array: Array) -> bool:
    """Whether an input can be drawn."""
    return array.ndim <= _VOLUME


def figure(explained: ExplainedInput, caption: str) -> Image.Image:
    """The input and its attributions, over the caption's lines.

    Raises:
        InputError: an attribution is not finite.
    """
    if explained.context.coding is not None and not explained.rows_joined:
        return _strips(explained, explained.context.coding, caption)
    if is_video(explained):
        return _frames(explained, caption)
    is_volume = explained.context.axes.takes_volumes or explained.array.ndim == _VOLUME
    if is_volume and not explained.rows_joined:
        return _slices(explained, caption)
    return _panel(explained, caption)


def _panel(explained: ExplainedInput, caption: str) -> Image.Image:
    columns = [("input", input_picture(explained))]
    for title, method, k in _titled(explained):
        columns.append((title, attribution_picture(explained, method, k)))
    return panel(columns, caption)


def _titled(explained: ExplainedInput) -> list[tuple[str, str, int]]:
    """Each attribution: its title, its method and the number of its unit."""
    return [
        (
            method if len(explained.units) == 1 else f"{method} · {explained.context.unit(unit)}",
            method,
            k,
        )
        for k, unit in enumerate(explained.units)
        for method in explained.context.methods
    ]


def _strips(explained: ExplainedInput, coding: Coding, caption: str) -> Image.Image:
    """The attributions as strips under the letters; the input too where these do not tell it."""
    tracks = []
    if not coding.is_one_hot(explained.array):
        tracks.append(
            Track("input", coding.matrix(explained.array), STYLES["signed"], is_attribution=False)
        )
    for title, method, k in _titled(explained):
        values = np.broadcast_to(explained.attributions[method][k], explained.array.shape)
        tracks.append(Track(title, coding.matrix(values), style_of(method, explained)))
    return strips(tracks, coding.letters(explained.array), coding.alphabet, caption)


def _frames(explained: ExplainedInput, caption: str) -> Image.Image:
    """Evenly spaced frames of a video in a row, over the same frames of the attributions."""
    drawn = [("input", input_frames(explained))]
    for title, method, k in _titled(explained):
        drawn.append((title, attribution_frames(explained, method, k)))
    shown = spaced(len(drawn[0][1]))
    table = Table([f"frame {i + 1}" for i in shown])
    for title, frames in drawn:
        table.add(title, [frames[i] for i in shown])
    return table.page(caption, notes=[_FRAMES])


def _slices(explained: ExplainedInput, caption: str) -> Image.Image:
    """Evenly spaced slices of a volume, each beside the same slice of the attributions."""
    volume = explained.context.axes.to_volume(explained.array)
    drawn = [grey_slices(volume)]
    for _, method, k in _titled(explained):
        values = np.broadcast_to(explained.attributions[method][k], explained.array.shape)
        drawn.append(slices(explained.context.axes.to_volume(values), style_of(method, explained)))
    depth = volume.shape[1]
    cells = [(f"slice {i + 1} of {depth}", [part[i] for part in drawn]) for i in spaced(depth)]
    titles = ", ".join(title for title, _, _ in _titled(explained))
    return sheet(cells, _COLUMNS, f"input beside {titles}\n{caption}\n{_SLICES}")
