"""Boxes and their scores in one output: [boxes, 4 + classes], as of YOLO from v3 on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrograph.heads.box_head import BoxHead, Level
from retrograph.heads.elements import shape_of
from retrograph.heads.formats import find_format
from retrograph.heads.kinds.base import Evidence, Head, HeadKind, Output
from retrograph.heads.reading import Reading
from retrograph.heads.table import Array, Table

_SAMPLES = 64
_LEAST_COLUMNS = 5
_MOST_COLUMNS = 600


class JoinedBoxes(HeadKind):
    """A row for each box: four numbers for its place, then scores, then possibly others."""

    name = "boxes and scores in one output"

    def match(
        self, outputs: Sequence[Output], evidence: Evidence
    ) -> tuple[list[Head], list[Output]]:
        """Of two axes the shorter one holds the numbers of a box."""
        heads: list[Head] = []
        read: list[Output] = []
        for output in outputs:
            head = _head_of(output, evidence)
            if head is not None:
                heads.append(head)
                read.append(output)
        return heads, read


def _head_of(output: Output, evidence: Evidence) -> BoxHead | None:
    if len(output.shape) != 2 or evidence.frame is None:
        return None
    axis = int(output.shape[1] <= output.shape[0])
    columns, rows = output.shape[axis], output.shape[1 - axis]
    if not _LEAST_COLUMNS <= columns <= _MOST_COLUMNS or rows < columns:
        return None
    readings = [evidence.read(output, _index(rows // 2, d, axis)) for d in range(columns)]
    stop = _last_score(readings)
    if stop == 4 or any(reading.is_score for reading in readings[:4]):
        return None
    axes = ("anchor", "value") if axis else ("value", "anchor")
    table = Table(output.name, output.shape, axes, (0, columns))
    first = 4 + int(_has_objectness(readings[:stop], axis, evidence))
    if first == stop:
        first = 4  # one score alone is that of the only class
    form, unit, notes = box_format(output, table, evidence, score_column=first)
    head = BoxHead(
        kind=JoinedBoxes.name,
        levels=(
            Level(
                scores=table.part(first, stop),
                boxes=(table.part(0, 4),),
                objectness=table.part(4, 5) if first == 5 else None,
            ),
        ),
        form=form,
        unit=unit,
        notes=notes,
    )
    if stop < columns:
        head = head.noted(
            f"{columns - stop} numbers of each box behind its scores, such as keypoints or "
            "coefficients of masks, are not read"
        )
    return head


def _index(row: int, column: int, axis: int) -> tuple[int, int]:
    return (row, column) if axis else (column, row)


def _last_score(readings: Sequence[Reading]) -> int:
    """The column behind the scores, which begin at the fifth."""
    stop = 4
    while stop < len(readings) and readings[stop].is_score:
        stop += 1
    return stop


def _has_objectness(readings: Sequence[Reading], axis: int, evidence: Evidence) -> bool:
    """Whether the fifth column tells whether there is anything at all.

    The number of class names tells, if there are any; else products of two scores and places that
    are expectations over a Softmax have none, and else the axes: detectors with objectness give
    [boxes, numbers], those without [numbers, boxes].
    """
    scores = len(readings) - 4
    if evidence.labels in (scores, scores - 1):
        return evidence.labels == scores - 1
    if any(reading.factors for reading in readings[4:]):
        return False
    return bool(axis)


def box_format(
    output: Output,
    table: Table,
    evidence: Evidence,
    score_column: int,
    scores: Output | None = None,
) -> tuple[str, str, tuple[str, ...]]:
    """The format, the unit and notes of the boxes in a table.

    Args:
        output: with the boxes.
        table: of the output; its first four columns are the boxes.
        evidence: of the graph.
        score_column: the column of a score, which tells the cell of its box.
        scores: the output of the scores; that of the boxes if None.
    """
    assert evidence.frame is not None
    priors = evidence.priors(output)
    cells = _cells(scores or output, table, evidence, score_column)
    assumed = (
        "whether a box is its centre and size or its corners cannot be read from the graph; centre "
        "and size are assumed"
    )
    if priors is None:
        return "cx cy w h", "pixels", (assumed,)
    boxes = table.part(0, 4).rows(priors).astype(np.float64)
    unit = "frame" if np.abs(boxes).max() <= 2 else "pixels"
    if cells is None:
        return "cx cy w h", unit, (assumed,)
    rows, places, steps = cells
    found = find_format(boxes[rows], places, steps, evidence.frame)
    return (*found, ()) if found else ("cx cy w h", unit, (assumed,))


def _cells(
    output: Output, table: Table, evidence: Evidence, column: int
) -> tuple[Array, Array, Array] | None:
    """Some rows, the cells [rows, 2] that they belong to and the sizes of these."""
    rows = np.unique(np.linspace(0, table.count - 1, _SAMPLES).astype(int))
    whole = table if output.name == table.tensor else score_table(output, table.count)
    places, steps = [], []
    for row in rows:
        reading = evidence.reader.read(
            output.at(whole.flat_index(int(row), column - whole.columns[0]))
        )
        element = (reading.factors or (reading,))[-1].element
        cell = evidence.reader.cell(element)
        if cell is None:
            return None
        sizes = shape_of(evidence.graph, evidence.reader.root(element).tensor)
        places.append(cell)
        steps.append((1 / sizes[3], 1 / sizes[2]))
    return rows, np.array(places), np.array(steps)


def score_table(output: Output, rows: int) -> Table:
    """An output of scores as a table with so many rows; one number a row may have no axis."""
    if len(output.shape) == 1:
        return Table(output.name, (*output.shape, 1), ("anchor", "value"), (0, 1))
    axis = int(output.shape[0] == rows)
    axes = ("anchor", "value") if axis else ("value", "anchor")
    return Table(output.name, output.shape, axes, (0, output.shape[axis]))
