"""Grids of anchors: [anchors * (5 + classes), rows, columns] as YOLOv2 and v3 give them raw.

The channels hold the numbers of one anchor after the other, or first what all anchors have of one
sort: objectness, scores of classes, places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from retrograph.heads.box_head import BoxHead, Level
from retrograph.heads.kinds.anchor_sizes import published_anchors
from retrograph.heads.kinds.base import Evidence, Head, HeadKind, Output
from retrograph.heads.kinds.channels import Channels, anchor_channels
from retrograph.heads.table import Table

_PLAIN_NUMBERS = 5


class AnchorGrids(HeadKind):
    """Feature maps of a place, an objectness and scores for each anchor of a cell."""

    name = "grids of anchors"

    def match(
        self, outputs: Sequence[Output], evidence: Evidence
    ) -> tuple[list[Head], list[Output]]:
        """Grids with the same number of classes are levels of one head."""
        if evidence.frame is None:
            return [], []
        coarse = [output for output in outputs if _grid_shape(output, evidence)]
        found = [(output, _level_of(output, evidence, len(coarse))) for output in coarse]
        grids = [(output, level) for output, level in found if level is not None]
        if not grids:
            return [], []
        classes = grids[0][1].scores.width
        alike = [(output, level) for output, level in grids if level.scores.width == classes]
        is_apart = len(alike[0][0].shape) == 4
        head = _head_of([level for _, level in alike], evidence, is_apart=is_apart)
        return [head], [each for each, _ in alike]


def _grid_shape(output: Output, evidence: Evidence) -> tuple[int, ...]:
    """Channels, rows and columns of the map that an output is; () where it is no coarse grid.

    An output of four axes [anchors, rows, columns, numbers] has the anchors apart.
    """
    if not evidence.reader.read(output.at(0)).is_bare or len(output.shape) > 4:
        return ()
    if len(output.shape) == 4:
        first = output.shape[0] <= output.shape[2]
        rows, columns = output.shape[1:3] if first else output.shape[:2]
        shape: tuple[int, ...] = (math.prod(output.shape) // (rows * columns), rows, columns)
    else:
        shape = evidence.root_shape(output)[1:]
        if len(shape) != 3 or math.prod(shape) != math.prod(output.shape):
            return ()
    assert evidence.frame is not None
    sides = zip(shape[1:], evidence.frame, strict=True)
    return shape if all(2 * cells <= pixels for cells, pixels in sides) else ()


def _level_of(output: Output, evidence: Evidence, grids: int) -> Level | None:
    """The output as a level; None where it is no grid of anchors."""
    if len(output.shape) == 4:
        if output.shape[-1] <= _PLAIN_NUMBERS:
            return None
        first = output.shape[0] <= output.shape[2]
        axes = ("anchor", "row", "column") if first else ("row", "column", "anchor")
        table = Table(output.name, output.shape, (*axes, "value"), (0, output.shape[-1]))
        return _one_by_one(table)
    shape = _grid_shape(output, evidence)
    root = evidence.reader.root(output.at(0)).tensor
    channels = anchor_channels(shape[0], root, evidence, grids)
    if channels is None:
        return None
    return _level_at(output, channels, shape, evidence)


def _level_at(
    output: Output, channels: Channels, shape: Sequence[int], evidence: Evidence
) -> Level | None:
    """The level of a feature map [channels, rows, columns], its channels first or last."""
    anchors, numbers = channels.anchors, _PLAIN_NUMBERS + channels.classes
    rows, columns = shape[1:]
    last = _is_last(output, evidence)
    if channels.order:
        return None if last else _by_sort(output, channels, rows * columns, (rows, columns))
    sizes = (rows, columns, anchors, numbers) if last else (anchors, numbers, rows, columns)
    axes = ("row", "column", "anchor", "value") if last else ("anchor", "value", "row", "column")
    return _one_by_one(Table(output.name, sizes, axes, (0, numbers)))


def _is_last(output: Output, evidence: Evidence) -> bool:
    """Whether the channels of the feature map are the last axis of the output."""
    first, second = (evidence.reader.root(output.at(flat)).index for flat in (0, 1))
    return len(first) == 4 and second[1] != first[1]


def _one_by_one(table: Table) -> Level:
    """The numbers of one anchor after the other: place, objectness, scores."""
    return Level(
        scores=table.part(_PLAIN_NUMBERS, table.columns[1]),
        boxes=(table.part(0, 4),),
        objectness=table.part(4, 5),
    )


def _by_sort(output: Output, channels: Channels, cells: int, size: tuple[int, int]) -> Level:
    """First what all anchors have of one sort, then that of the next."""
    widths = {"objectness": 1, "scores": channels.classes, "boxes": 4}
    tables: dict[str, Table] = {}
    start = 0
    for sort in channels.order:
        shape = (channels.anchors, widths[sort], *size)
        axes = ("anchor", "value", "row", "column")
        tables[sort] = Table(output.name, shape, axes, (0, widths[sort]), start)
        start += channels.anchors * widths[sort] * cells
    return Level(tables["scores"], (tables["boxes"],), tables["objectness"])


def _head_of(levels: Sequence[Level], evidence: Evidence, *, is_apart: bool) -> BoxHead:
    """The head of some grids; with the anchors on an axis of their own as YOLOv5 decodes it."""
    levels = sorted(levels, key=lambda level: level.scores.count)
    tables = [level.scores for level in levels]
    counts = [table.shape[table.axes.index("anchor")] for table in tables]
    classes = tables[0].width
    anchors, whose = published_anchors(counts, classes, [_steps(t, evidence) for t in tables])
    sizes = (
        f"the sizes of anchors, which are not in the file, are assumed to be those {whose}"
        if whose
        else "the sizes of anchors are not in the file: boxes are drawn as if each anchor were as "
        "large as its cell"
    )
    return BoxHead(
        kind=AnchorGrids.name,
        levels=tuple(
            Level(level.scores, level.boxes, level.objectness, each)
            for level, each in zip(levels, anchors, strict=True)
        ),
        form="wide grid" if is_apart else "grid",
        activation="softmax" if len(tables) == 1 and classes > 1 else "sigmoid",
        notes=(sizes, "what squashes places and scores is not in the file and assumed"),
    )


def _steps(table: Table, evidence: Evidence) -> tuple[float, float]:
    """Width and height of a cell in pixels."""
    assert evidence.frame is not None
    rows, columns = (table.shape[table.axes.index(name)] for name in ("row", "column"))
    return evidence.frame[1] / columns, evidence.frame[0] / rows
