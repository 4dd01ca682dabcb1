"""Sizes of anchors that were published with detectors, for files that do not hold theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

Sizes: TypeAlias = tuple[tuple[float, float], ...]

_IN_CELLS: Final[dict[int, tuple[str, Sizes]]] = {
    20: (
        "published with YOLOv2 for VOC",
        ((1.3221, 1.73145), (3.19275, 4.00944), (5.05587, 8.09892), (9.47112, 4.84053),
         (11.2364, 10.0071)),
    ),
    80: (
        "published with YOLOv2 for COCO",
        ((0.57273, 0.677385), (1.87446, 2.06253), (3.33843, 5.47434), (7.88282, 3.52778),
         (9.77052, 9.16828)),
    ),
}  # fmt: skip
"""Five anchors a cell of one grid, by the number of classes, in cells."""

_IN_PIXELS: Final[dict[int, tuple[str, tuple[Sizes, ...]]]] = {
    3: (
        "published with YOLOv3",
        (
            ((116, 90), (156, 198), (373, 326)),
            ((30, 61), (62, 45), (59, 119)),
            ((10, 13), (16, 30), (33, 23)),
        ),
    ),
    2: (
        "published with YOLOv3-tiny",
        (((81, 82), (135, 169), (344, 319)), ((10, 14), (23, 27), (37, 58))),
    ),
}
"""Three anchors a cell of several grids, by the number of grids, the coarsest first, in pixels."""


def published_anchors(
    counts: Sequence[int], classes: int, steps: Sequence[tuple[float, float]]
) -> tuple[list[Sizes], str]:
    """Widths and heights in pixels for each grid, the coarsest first, and whose they are.

    Args:
        counts: how many anchors a cell of each grid has.
        classes: how many there are.
        steps: width and height of each grid's cells in pixels.

    Returns:
        () for each grid and "" where none were published for such grids.
    """
    if [*counts] == [5] and classes in _IN_CELLS:
        whose, sizes = _IN_CELLS[classes]
        return [tuple((w * steps[0][0], h * steps[0][1]) for w, h in sizes)], whose
    if len(counts) in _IN_PIXELS and set(counts) == {3}:
        whose, by_grid = _IN_PIXELS[len(counts)]
        return [*by_grid], whose
    return [() for _ in counts], ""
