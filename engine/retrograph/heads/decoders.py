"""Numbers of a grid's cells that are no box yet, made to boxes as detectors' own code does it.

Each takes what stands in the file; what does not, such as the sizes of anchors, has to be given or
is left out: then the box is as large as its cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from retrograph.heads.formats import FORMATS
from retrograph.heads.table import Array, Table

_LEAST_PIXELS = 2
"""The least width and height of a box in pixels."""


@dataclass(frozen=True)
class Cells:
    """The cells of a grid, a row for each box.

    Attributes:
        corner: [A, 2], x and y of their upper left corners in pixels.
        step: [A, 2], their widths and heights.
        anchor: [A, 2], widths and heights of the boxes' anchors in pixels; those of the cells
            where the sizes are not known.
    """

    corner: Array
    step: Array
    anchor: Array


Corners: TypeAlias = Callable[[Array, Cells], Array]


@dataclass(frozen=True)
class Decoder:
    """A way from a cell's numbers to a box in pixels.

    Attributes:
        name: of it.
        formula: in words.
        corners: makes [A, 4] to x0 y0 x1 y1 in pixels.
        sides: the weights by which the four numbers grow with width and height.
    """

    name: str
    formula: str
    corners: Corners
    sides: tuple[float, float, float, float]


def _by_logistic(numbers: Array, cells: Cells) -> Array:
    centre = cells.corner + sigmoid(numbers[:, :2]) * cells.step
    return _around(centre, cells.anchor * np.exp(np.minimum(numbers[:, 2:], 20)))


def _by_wide_logistic(numbers: Array, cells: Cells) -> Array:
    squashed = sigmoid(numbers)
    centre = cells.corner + (2 * squashed[:, :2] - 0.5) * cells.step
    return _around(centre, cells.anchor * (2 * squashed[:, 2:]) ** 2)


def _by_pixels(numbers: Array, cells: Cells) -> Array:
    boxes = _around(cells.corner + cells.step / 2 + numbers[:, :2], numbers[:, 2:])
    is_box = (numbers[:, 2:] >= _LEAST_PIXELS).all(1, keepdims=True)
    return np.where(is_box, boxes, _cell_alone(numbers, cells))


def _by_sides(numbers: Array, cells: Cells) -> Array:
    centre, reach = cells.corner + cells.step / 2, numbers * np.tile(cells.step, 2)
    return np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], 1)


def _by_size(numbers: Array, cells: Cells) -> Array:
    return _around(cells.corner + numbers[:, 2:] * cells.step, numbers[:, :2] * cells.step)


def _cell_alone(numbers: Array, cells: Cells) -> Array:
    return np.concatenate([cells.corner, cells.corner + cells.step], 1)


def _around(centre: Array, size: Array) -> Array:
    return np.concatenate([centre - size / 2, centre + size / 2], 1)


DECODERS: Final = {
    each.name: each
    for each in (
        Decoder(
            "grid",
            "centre = cell + sigmoid(x, y), size = anchor * exp(w, h)",
            _by_logistic,
            (0, 0, 1, 1),
        ),
        Decoder(
            "wide grid",
            "centre = cell - 0.5 + 2 sigmoid(x, y), size = anchor * (2 sigmoid(w, h))^2",
            _by_wide_logistic,
            (0, 0, 1, 1),
        ),
        Decoder(
            "pixels from the cell",
            "centre = middle of the cell + x, y; size = w, h; all in pixels",
            _by_pixels,
            (0, 0, 1, 1),
        ),
        Decoder(
            "sides",
            "left, top, right and bottom, from the middle of the cell, in cells",
            _by_sides,
            (1, 1, 1, 1),
        ),
        Decoder(
            "centre",
            "size = w, h; centre = cell + x, y; all in cells",
            _by_size,
            (1, 1, 0, 0),
        ),
        Decoder("cell", "what the numbers mean is not known: the cell", _cell_alone, (0, 0, 1, 1)),
    )
}
"""The decoders of cells, by their names."""


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))"""
    squashed: Array = 1 / (1 + np.exp(-np.clip(x, -60, 60)))
    return squashed


def cells_of(table: Table, frame: Sequence[int], anchors: Sequence[Sequence[float]]) -> Cells:
    """The cells of a table with the axes row and column.

    Args:
        table: a row for each box.
        frame: height and width of the input.
        anchors: width and height of each entry of the axis "anchor", in pixels; () where unknown.
    """
    rows, columns = (table.shape[table.axes.index(name)] for name in ("row", "column"))
    sizes = [size for axis, size in enumerate(table.shape) if axis != table.value_axis]
    names = [name for name in table.axes if name != "value"]
    places = dict(zip(names, np.indices(sizes).reshape(len(sizes), -1), strict=True))
    step = np.array([frame[1] / columns, frame[0] / rows])
    corner = np.stack([places["column"], places["row"]], 1) * step
    steps = np.broadcast_to(step, corner.shape)
    if not anchors:
        return Cells(corner, steps, steps)
    return Cells(corner, steps, np.asarray(anchors, np.float64)[places["anchor"]])


def corners_of(
    form: str,
    unit: str,
    numbers: Array,
    table: Table,
    frame: Sequence[int],
    anchors: Sequence[Sequence[float]],
) -> Array:
    """Boxes [A, 4] in pixels, x0 y0 x1 y1, by the name of a format or of a decoder."""
    if form in DECODERS:
        return DECODERS[form].corners(numbers, cells_of(table, frame, anchors))
    corners = FORMATS[form].corners(numbers)
    return corners * np.array([frame[1], frame[0]] * 2) if unit == "frame" else corners


def sides_of(form: str) -> tuple[float, float, float, float]:
    """The weights by which a box's four numbers grow with its width and height."""
    return (DECODERS[form] if form in DECODERS else FORMATS[form]).sides
