"""Filters on a page: in colour, as grey tiles, or as one picture of all weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from retrograph.filter_views import Filters
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


def kind_of(found: Filters) -> Kind:
    """How filters are drawn."""
    _, inputs, *kernel = found.weights.shape
    if all(size == 1 for size in kernel):
        return MATRIX
    if sum(size > 1 for size in kernel) == 1 and inputs > 1:
        return SEQUENCE
    if inputs == 1:
        return SINGLE
    return COLOUR if inputs == 3 and found.on_input and len(kernel) == 2 else GRID


@dataclass(frozen=True)
class Shown:
    """What is drawn.

    Attributes:
        found: the filters.
        values: [M, C / groups, *K], scales undone.
        kind: how.
        channels, inputs: which filters and input channels.
        scale_of: each or all.
        order: of the input's channels.
        notes: what is to be known.
    """

    found: Filters
    values: Array
    kind: Kind
    channels: tuple[int, ...]
    inputs: tuple[int, ...]
    scale_of: str
    order: Order
    notes: Sequence[str]

    @property
    def chosen(self) -> Array:
        """[filters, inputs, *K], of what is drawn, each filter from -1 to 1."""
        part = self.values[np.ix_(self.channels, self.inputs)].astype(np.float64)
        axes = tuple(range(1, part.ndim))
        sizes = np.abs(part).max(axis=axes if self.scale_of == "each" else None, keepdims=True)
        return np.asarray(part / np.where(sizes == 0, 1, sizes))


def page(shown: Shown, model: str) -> Image.Image:
    """The page of filters, with what is to be known of them."""
    rows, side = _rows(shown)
    return tile_page(rows, side, _title(shown, model), _notes(shown))


Rows = list[tuple[str, list[tuple[str, Pixels]]]]


def _rows(shown: Shown) -> tuple[Rows, int]:
    """The rows of tiles, and the side that they have at least."""
    values = shown.chosen
    if shown.kind is MATRIX:
        plane = values.reshape(values.shape[:2])
        pixel = max(1, min(28, 900 // plane.shape[1]))
        return [("", [("", _drawn(plane))])], pixel * min(plane.shape)
    if shown.kind is GRID:
        flat = values.reshape(*values.shape[:2], -1, values.shape[-1])
        return [
            (
                str(channel),
                [
                    (str(number) if place == 0 else "", _drawn(each))
                    for number, each in zip(shown.inputs, row, strict=True)
                ],
            )
            for place, (channel, row) in enumerate(zip(shown.channels, flat, strict=True))
        ], 48
    if shown.kind is COLOUR:
        order = shown.order
        tiles = [signed(_held(each), percentile=100, order=order)[:-1] for each in values]
    elif shown.kind is SEQUENCE:
        tiles = [_drawn(each.reshape(each.shape[0], -1)) for each in values]
    else:
        tiles = [_drawn(each.reshape(-1, each.shape[-1])) for each in values]
    side = 96 if shown.kind is not SEQUENCE else 60
    return _wrapped(shown.channels, tiles, side), side


def _drawn(values: Array) -> Pixels:
    """Values from -1 to 1 as grey, [rows, columns] in, uint8 [rows, columns, 3] out."""
    return signed(_held(values[np.newaxis]), percentile=100)[:-1]


def _held(values: Array) -> Array:
    """[C, rows, columns] with a row more that holds 1, so that 1 is the end of the colours."""
    return np.concatenate([values, np.ones_like(values[:, :1])], axis=1)


def _wrapped(numbers: Sequence[int], tiles: Sequence[Pixels], side: int) -> Rows:
    """Tiles in rows of as many as are about as high as wide together."""
    height, width = tiles[0].shape[:2]
    factor = max(1, -(-side // min(height, width)))
    fitting = max(1, _WIDE // (width * factor + 8))
    square = round((len(tiles) * (height * factor + 26) / (width * factor + 8)) ** 0.5)
    near = sorted(range(max(4, square - 3), square + 4), key=lambda n: abs(n - square))
    even = [n for n in near if len(tiles) % n == 0]
    across = min(fitting, (even or [max(4, square)])[0])
    labelled = [(str(number), tile) for number, tile in zip(numbers, tiles, strict=True)]
    return [("", labelled[i : i + across]) for i in range(0, len(labelled), across)]


def _title(shown: Shown, model: str) -> str:
    found = shown.found
    outputs, inputs, *kernel = found.weights.shape
    size = "x".join(map(str, kernel))
    group = f" of {found.groups} groups" if found.groups > 1 else ""
    line = f"{model} · {outputs} filters, {inputs} input channel{'s' * (inputs > 1)}{group}, {size}"
    parts = [
        _part("filters", shown.channels, outputs),
        _part("input channels", shown.inputs, inputs),
    ]
    said = [part for part in parts if part]
    return f"{found.alias}: filters\n{line}" + (f"\nshown: {', '.join(said)}" if said else "")


def _part(what: str, numbers: Sequence[int], count: int) -> str:
    if len(numbers) == count:
        return ""
    if tuple(numbers) == tuple(range(numbers[0], numbers[-1] + 1)):
        return f"{what} {numbers[0]} to {numbers[-1]} of {count}"
    return f"{len(numbers)} {what} of {count}"


def _notes(shown: Shown) -> list[str]:
    largest = float(np.abs(shown.values).max())
    if shown.scale_of == "each":
        scale = (
            "each filter has a scale of its own, its largest weight, so filters do not compare, "
            "and a batch normalisation that was folded into them does not show"
        )
    else:
        scale = f"all filters have one scale, up to {largest:.3g}"
    words = {
        MATRIX: "a row for each filter, a column for each input channel, from the top left",
        SEQUENCE: "a tile for each filter, a row for each input channel, a column for a position",
        GRID: "a row for each filter, a column for each input channel",
    }
    what = f"{words[shown.kind]}; " if shown.kind in words else ""
    grey = "grey is 0, brighter is positive, darker is negative"
    if shown.kind is COLOUR:
        grey += ", in each of red, green and blue by itself"
    return [f"{what}{grey}; {scale} (largest magnitude of all: {largest:.3g})", *shown.notes]
