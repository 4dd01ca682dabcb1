"""Where the labels of boxes on a picture stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Area: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def label_area(
    corners: Sequence[int],
    across: float,
    size: int,
    page: tuple[int, int],
    written: Sequence[Area],
    others: Sequence[Sequence[int]],
) -> Area:
    """Where a label stands: in a corner of its box, else beside it, where nothing else is.

    Args:
        corners: of the box.
        across: the label's width.
        size: of its letters.
        page: width and height of the picture.
        written: where the others stand.
        others: the corners of the other boxes, whose lines it does not cross.
    """
    left, top, right, bottom = corners
    space, down = size / 3, 1.2 * size
    is_small = right - left < across + 2 * space or bottom - top < down
    outside = [(x, top) for x in (right + space, left - space - across)]
    inside = [(x, y) for y in (top, bottom - down) for x in (left + space, right - space - across)]
    places = outside if is_small else [*inside, *outside]
    areas = [(x, y, x + across, y + down) for x, y in places]
    on_page = [each for each in areas if each[0] >= 0 and each[2] <= page[0]] or areas
    lines = [line for box in others for line in _sides(box)]
    free = (
        each for each in on_page if not any(_overlap(each, other) for other in (*written, *lines))
    )
    return next(free, on_page[0])


def _sides(corners: Sequence[int]) -> list[Area]:
    """The four lines of a box."""
    left, top, right, bottom = corners
    rows = [(left, y - 4, right, y + 4) for y in (top, bottom)]
    return [*rows, *((x - 4, top, x + 4, bottom) for x in (left, right))]


def _overlap(one: Area, other: Area) -> bool:
    """Whether two areas share a place."""
    beside = one[2] <= other[0] or other[2] <= one[0]
    return not (beside or one[3] <= other[1] or other[3] <= one[1])
