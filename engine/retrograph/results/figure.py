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
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
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


def figure(found: Explanation, context: ExplainContext, caption: str) -> Image.Image:
    """The input and its attributions, over the caption's lines.

    Raises:
        InputError: an attribution is not finite.
    """
    if context.coding is not None and not found.rows_joined:
        return _strips(found, context, context.coding, caption)
    if is_video(found, context):
        return _frames(found, context, caption)
    is_volume = context.axes.takes_volumes or found.array.ndim == _VOLUME
    if is_volume and not found.rows_joined:
        return _slices(found, context, caption)
    return _panel(found, context, caption)


def _panel(found: Explanation, context: ExplainContext, caption: str) -> Image.Image:
    columns = [("input", input_picture(found, context))]
    for title, method, k in _titled(found, context):
        columns.append((title, attribution_picture(found, context, method, k)))
    return panel(columns, caption)


def _titled(found: Explanation, context: ExplainContext) -> list[tuple[str, str, int]]:
    """Each attribution: its title, its method and the number of its unit."""
    return [
        (method if len(found.units) == 1 else f"{method} · {context.unit(unit)}", method, k)
        for k, unit in enumerate(found.units)
        for method in context.methods
    ]


def _strips(
    found: Explanation, context: ExplainContext, coding: Coding, caption: str
) -> Image.Image:
    """The attributions as strips under the letters; the input too where these do not tell it."""
    tracks = []
    if not coding.is_one_hot(found.array):
        tracks.append(
            Track("input", coding.matrix(found.array), STYLES["signed"], is_attribution=False)
        )
    for title, method, k in _titled(found, context):
        values = np.broadcast_to(found.attributions[method][k], found.array.shape)
        tracks.append(Track(title, coding.matrix(values), style_of(method, found, context)))
    return strips(tracks, coding.letters(found.array), coding.alphabet, caption)


def _frames(found: Explanation, context: ExplainContext, caption: str) -> Image.Image:
    """Evenly spaced frames of a video in a row, over the same frames of the attributions."""
    drawn = [("input", input_frames(found, context))]
    for title, method, k in _titled(found, context):
        drawn.append((title, attribution_frames(found, context, method, k)))
    shown = spaced(len(drawn[0][1]))
    table = Table([f"frame {i + 1}" for i in shown])
    for title, frames in drawn:
        table.add(title, [frames[i] for i in shown])
    return table.page(caption, notes=[_FRAMES])


def _slices(found: Explanation, context: ExplainContext, caption: str) -> Image.Image:
    """Evenly spaced slices of a volume, each beside the same slice of the attributions."""
    volume = context.axes.to_volume(found.array)
    drawn = [grey_slices(volume)]
    for _, method, k in _titled(found, context):
        values = np.broadcast_to(found.attributions[method][k], found.array.shape)
        drawn.append(slices(context.axes.to_volume(values), style_of(method, found, context)))
    depth = volume.shape[1]
    cells = [(f"slice {i + 1} of {depth}", [part[i] for part in drawn]) for i in spaced(depth)]
    titles = ", ".join(title for title, _, _ in _titled(found, context))
    return sheet(cells, _COLUMNS, f"input beside {titles}\n{caption}\n{_SLICES}")
