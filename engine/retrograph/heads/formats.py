"""In which order and unit four numbers are a box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from retrograph.heads.table import Array

Corners: TypeAlias = Callable[[Array], Array]
"""Makes boxes [A, 4] to x0 y0 x1 y1."""


@dataclass(frozen=True)
class Format:
    """An order of coordinates.

    Attributes:
        name: of the format, what its numbers are in order.
        corners: makes them x0 y0 x1 y1.
        sides: the weights by which the four numbers give width plus height.
        is_rare: whether it is taken only where no other can be.
    """

    name: str
    corners: Corners
    sides: tuple[float, float, float, float]
    is_rare: bool = False


def _of_corners(boxes: Array) -> Array:
    return boxes


def _of_centres(boxes: Array) -> Array:
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


def _of_start(boxes: Array) -> Array:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def _turned(corners: Corners) -> Corners:
    """The same where y stands before x."""
    return lambda boxes: corners(boxes[:, [1, 0, 3, 2]])


FORMATS: Final = {
    each.name: each
    for each in (
        Format("cx cy w h", _of_centres, (0, 0, 1, 1)),
        Format("x0 y0 x1 y1", _of_corners, (-1, -1, 1, 1)),
        Format("cy cx h w", _turned(_of_centres), (0, 0, 1, 1)),
        Format("y0 x0 y1 x1", _turned(_of_corners), (-1, -1, 1, 1)),
        Format("x0 y0 w h", _of_start, (0, 0, 1, 1), is_rare=True),
    )
}
"""The formats of decoded boxes, by their names, the most frequent first."""

_FARTHEST = 0.8
"""How far, in cells, boxes may be from the middle of their own on average."""


def find_format(
    priors: Array, cells: Array, steps: Array, frame: Sequence[int]
) -> tuple[str, str] | None:
    """The format and the unit of boxes, whose centres are nearest to their own cells.

    Args:
        priors: [A, 4], boxes that the network has not moved.
        cells: [A, 2], x and y of the cells that they belong to, of 0-1.
        steps: [A, 2], the size of such a cell, of 0-1.
        frame: height and width of the input.

    Returns:
        The name of the format, and "pixels" or "frame" (0-1); None where nothing comes near.
    """
    size = np.array([frame[1], frame[0]], np.float64)
    best: tuple[float, str, str] | None = None
    for each in FORMATS.values():
        if each.is_rare and best is not None and best[0] < _FARTHEST:
            continue
        corners = each.corners(priors)
        centres = (corners[:, :2] + corners[:, 2:]) / 2
        for unit, scale in (("pixels", 1 / size), ("frame", np.ones(2))):
            distance = float((np.abs(centres * scale - cells) / steps).mean())
            if best is None or distance < best[0] - 1e-6:
                best = distance, each.name, unit
    if best is None or not best[0] < _FARTHEST:
        return None
    return best[1:]


def overlap(box: Array, others: Array) -> Array:
    """Intersection over union of a box [4] and others [A, 4], x0 y0 x1 y1."""
    start = np.maximum(box[:2], others[:, :2])
    end = np.minimum(box[2:], others[:, 2:])
    shared = np.clip(end - start, 0, None).prod(1)
    areas = np.clip(others[:, 2:] - others[:, :2], 0, None).prod(1)
    area = np.clip(box[2:] - box[:2], 0, None).prod()
    union: Array = shared / np.maximum(area + areas - shared, 1e-12)
    return union


def suppress(boxes: Array, scores: Array, most: float) -> list[int]:
    """The boxes that overlap no stronger one by more than `most`, the strongest first."""
    kept: list[int] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        if not kept or overlap(boxes[place], boxes[kept]).max() <= most:
            kept.append(place)
    return kept
