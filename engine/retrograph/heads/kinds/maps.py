"""Maps: scores of classes at each position, as of segmentation, heat maps, dense regression."""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.heads.elements import Element, shape_of
from retrograph.heads.kinds.base import Evidence, Head, HeadKind, Output
from retrograph.heads.maps_and_classes import MapHead
from retrograph.heads.reading import Reader, Reading
from retrograph.heads.table import Table

_NAMES = ("value", "row", "column")


class Maps(HeadKind):
    """An output of two axes for positions, and possibly one for channels."""

    name = "numbers at each position"

    def match(
        self, outputs: Sequence[Output], evidence: Evidence
    ) -> tuple[list[Head], list[Output]]:
        """Where rows and columns stand the graph tells: it is followed back to a feature map."""
        heads: list[Head] = []
        read: list[Output] = []
        for output in outputs:
            if evidence.frame is None or len(output.shape) not in (2, 3):
                continue
            if len(output.shape) == 2 and not _has_sides(output.shape, evidence.frame):
                continue
            reading = evidence.read(output, [0] * len(output.shape))
            layer = output.name if reading.is_bare else reading.element.tensor
            table = map_table(layer, evidence)
            if table is not None:
                heads.append(
                    MapHead(_kind(table, reading, evidence), output.name, table, reading.squash)
                )
                read.append(output)
        return heads, read


def _kind(table: Table, reading: Reading, evidence: Evidence) -> str:
    if table.width == 1:
        return "a number at each position"
    is_scores = reading.squash or evidence.labels == table.width
    return "a score for each class at each position" if is_scores else Maps.name


def _has_sides(shape: Sequence[int], frame: Sequence[int]) -> bool:
    """Whether the proportions are those of the input."""
    return abs(shape[0] * frame[1] - shape[1] * frame[0]) <= max(frame) + max(shape)


def map_table(layer: str, evidence: Evidence) -> Table | None:
    """A tensor as a table of positions; None where it is no map."""
    shape = shape_of(evidence.graph, layer)
    if len(shape) not in (3, 4):
        return None
    batched = len(shape) == 4 and shape[0] == 1
    item = shape[1:] if batched else shape
    axes = _axes(layer, shape, batched, evidence.reader)
    if len(item) == 2:
        return Table(layer, (1, *item), ("value", *axes), (0, 1))
    if len(item) != 3:
        return None
    return Table(layer, item, axes, (0, item[axes.index("value")]))


def _axes(layer: str, shape: tuple[int, ...], batched: bool, reader: Reader) -> tuple[str, ...]:
    """What the axes of an item count, by what they count in the feature map that is moved."""
    first = int(batched)
    start = reader.root(Element(layer, (0,) * len(shape)))
    names = []
    for axis in range(first, len(shape)):
        index = [0] * len(shape)
        index[axis] = min(1, shape[axis] - 1)
        root = reader.root(Element(layer, tuple(index)))
        moved = [i for i, (a, b) in enumerate(zip(start.index, root.index, strict=True)) if a != b]
        names.append(_NAMES[moved[0] - 1] if len(root.index) == 4 and len(moved) == 1 else "")
    lacking = [name for name in _NAMES if name not in names]
    if len(names) == 3 and names.count("") == len(lacking) == 1:
        names[names.index("")] = lacking[0]
    if len(names) == 2 and sorted(names) == ["column", "row"]:
        return tuple(names)
    if len(names) == 3 and sorted(names) == sorted(_NAMES):
        return tuple(names)
    return _usual_axes(shape[first:])


def _usual_axes(item: Sequence[int]) -> tuple[str, ...]:
    """Of [C, H, W] or [H, W, C] the one whose channels are fewer than its positions."""
    if len(item) == 2:
        return "row", "column"
    return _NAMES if item[0] <= item[2] else ("row", "column", "value")
