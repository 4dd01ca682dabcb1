"""Filters on a page: in colour, as grey tiles, or as one picture of all weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from PIL import Image

from retrograph.filter_views.weights import FilterWeights
from retrograph.preprocess import Order
from retrograph.render import signed, tile_page
from retrograph.render.colour import Pixels
from retrograph.runtime import Array

_WIDE: Final = 1500


@dataclass(frozen=True)
class Kind:
    """A way of drawing filters.

    Attributes:
        name: what is drawn.
        most_filters, most_inputs: how many are drawn if the user does not choose.
    """

    name: str
    most_filters: int
    most_inputs: int


COLOUR: Final = Kind("colour tiles", 256, 3)
SINGLE: Final = Kind("tiles", 256, 1)
SEQUENCE: Final = Kind("tiles of channels by positions", 64, 512)
MATRIX: Final = Kind("one picture of all weights", 512, 512)
GRID: Final = Kind("a tile for each input channel", 16, 16)


def kind_of(source: FilterWeights) -> Kind:
    """How filters are drawn."""
    _, inputs, *kernel = source.weights.shape
    if all(size == 1 for size in kernel):
        return MATRIX
    if sum(size > 1 for size in kernel) == 1 and inputs > 1:
        return SEQUENCE
    if inputs == 1:
        return SINGLE
    return COLOUR if inputs == 3 and source.on_input and len(kernel) == 2 else GRID


ScaleOf = Literal["each", "all"]


@dataclass(frozen=True)
class ShownFilters:
    """The filters of a convolution, and what is shown of them.

    Attributes:
        model: the model's name.
        source: the weights as the convolution uses them.
        values: float64 [M, C / groups, *K], the weights with scales of the input undone.
        kind: how they are drawn.
        channels, inputs: the numbers of the filters and of the input channels that are shown.
        scale_of: whether each filter has a scale of colours of its own, or all have one.
        order: of the input's channels.
        notes: what is to be known: what is undone, first.
    """

    model: str
    source: FilterWeights
    values: Array
    kind: Kind
    channels: tuple[int, ...]
    inputs: tuple[int, ...]
    scale_of: ScaleOf
    order: Order
    notes: tuple[str, ...]

    @property
    def largest(self) -> float:
        """The largest magnitude of all filters."""
        return float(np.abs(self.values).max())

    @property
    def scaled(self) -> Array:
        """[filters, inputs, *K] of what is shown, each filter, or all of them, from -1 to 1."""
        part = self.values[np.ix_(self.channels, self.inputs)].astype(np.float64)
        axes = tuple(range(1, part.ndim))
        sizes = np.abs(part).max(axis=axes if self.scale_of == "each" else None, keepdims=True)
        return np.asarray(part / np.where(sizes == 0, 1, sizes))


def page(shown: ShownFilters) -> Image.Image:
    """The page of filters, with what is to be known of them."""
    rows, side = _rows(shown)
    return tile_page(rows, side, page_title(shown), _notes(shown)).image()


Rows = list[tuple[str, list[tuple[str, Pixels]]]]


def _rows(shown: ShownFilters) -> tuple[Rows, int]:
    """The rows of tiles, and the side that they have at least."""
    values = shown.scaled
    if shown.kind is MATRIX:
        plane = values.reshape(values.shape[:2])
        pixel = max(1, min(28, 900 // plane.shape[1]))
        return [("", [("", _grey(plane))])], pixel * min(plane.shape)
    if shown.kind is GRID:
        return _grid(shown, values), 48
    if shown.kind is COLOUR:
        order = shown.order
        tiles = [
            signed(_with_full_scale(each), percentile=100, order=order)[:-1] for each in values
        ]
    elif shown.kind is SEQUENCE:
        tiles = [_grey(each.reshape(each.shape[0], -1)) for each in values]
    else:
        tiles = [_grey(each.reshape(-1, each.shape[-1])) for each in values]
    side = 96 if shown.kind is not SEQUENCE else 60
    return _wrapped(shown.channels, tiles, side), side


def _grid(shown: ShownFilters, values: Array) -> Rows:
    """A row for each filter, a tile for each input channel, which the first row names."""
    flat = values.reshape(*values.shape[:2], -1, values.shape[-1])
    names = [str(number) for number in shown.inputs]
    rows: Rows = []
    for channel, planes in zip(shown.channels, flat, strict=True):
        labels = [""] * len(names) if rows else names
        tiles = [_grey(plane) for plane in planes]
        rows.append((str(channel), list(zip(labels, tiles, strict=True))))
    return rows


def _grey(values: Array) -> Pixels:
    """Values from -1 to 1 as grey, [rows, columns] in, uint8 [rows, columns, 3] out."""
    return signed(_with_full_scale(values[np.newaxis]), percentile=100)[:-1]


def _with_full_scale(values: Array) -> Array:
    """[C, rows, columns] with one row more that holds 1, so that 1 is the end of the colours."""
    return np.concatenate([values, np.ones_like(values[:, :1])], axis=1)


def _wrapped(numbers: Sequence[int], tiles: Sequence[Pixels], side: int) -> Rows:
    """Tiles in rows of as many as are about as high as wide together."""
    height, width = tiles[0].shape[:2]
    factor = max(1, -(-side // min(height, width)))
    fitting = max(1, _WIDE // (width * factor + 8))
    square = round((len(tiles) * (height * factor + 26) / (width * factor + 8)) ** 0.5)
    near = sorted(range(max(4, square - 3), square + 4), key=lambda n: abs(n - square))
    without_rest = [n for n in near if len(tiles) % n == 0]
    across = min(fitting, (without_rest or [max(4, square)])[0])
    labelled = [(str(number), tile) for number, tile in zip(numbers, tiles, strict=True)]
    return [("", labelled[i : i + across]) for i in range(0, len(labelled), across)]


def page_title(shown: ShownFilters) -> str:
    """The layer, what filters it has, and which of them are shown where not all are."""
    source = shown.source
    outputs, inputs, *kernel = source.weights.shape
    size = "x".join(map(str, kernel))
    group = f" of {source.groups} groups" if source.groups > 1 else ""
    channels = f"{inputs} input channel{'s' * (inputs > 1)}{group}"
    line = f"{shown.model} · {outputs} filters, {channels}, {size}"
    parts = [
        _part("filters", shown.channels, outputs),
        _part("input channels", shown.inputs, inputs),
    ]
    shown_parts = [part for part in parts if part]
    lines = [f"{source.alias}: filters", line]
    return "\n".join([*lines, f"shown: {', '.join(shown_parts)}"] if shown_parts else lines)


def _part(what: str, numbers: Sequence[int], count: int) -> str:
    if len(numbers) == count:
        return ""
    if tuple(numbers) == tuple(range(numbers[0], numbers[-1] + 1)):
        return f"{what} {numbers[0]} to {numbers[-1]} of {count}"
    return f"{len(numbers)} {what} of {count}"


def _notes(shown: ShownFilters) -> list[str]:
    if shown.scale_of == "each":
        scale = (
            "each filter has a scale of its own, its largest weight, so filters do not compare, "
            "and a batch normalisation that was folded into them does not show"
        )
    else:
        scale = f"all filters have one scale, up to {shown.largest:.3g}"
    words = {
        MATRIX: "a row for each filter, a column for each input channel, from the top left",
        SEQUENCE: "a tile for each filter, a row for each input channel, a column for a position",
        GRID: "a row for each filter, a column for each input channel",
    }
    what = f"{words[shown.kind]}; " if shown.kind in words else ""
    grey = "grey is 0, brighter is positive, darker is negative"
    if shown.kind is COLOUR:
        grey += ", in each of red, green and blue by itself"
    return [f"{what}{grey}; {scale} (largest magnitude of all: {shown.largest:.3g})", *shown.notes]
