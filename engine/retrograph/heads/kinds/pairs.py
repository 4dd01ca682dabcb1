"""Boxes in one output and scores in another, a row of each for a box: SSD, RetinaNet, DETR.

Several sizes of boxes may have a pair of outputs each. Boxes that the graph does not decode are
told from the cells of the feature map that they are moved from.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.heads.box_head import BoxHead, Level
from retrograph.heads.elements import shape_of
from retrograph.heads.kinds.base import Evidence, Head, HeadKind, Output
from retrograph.heads.kinds.joined import box_format, score_table
from retrograph.heads.table import Table

_LEAST_BOXES = 8
_MOST_NUMBERS = 64


class BoxesBesideScores(HeadKind):
    """Two outputs with as many boxes, one with four numbers for each or more."""

    name = "boxes and scores in outputs of their own"

    def match(
        self, outputs: Sequence[Output], evidence: Evidence
    ) -> tuple[list[Head], list[Output]]:
        """Pairs with the same numbers of columns are levels of one head."""
        if evidence.frame is None:
            return [], []
        pairs: list[tuple[Output, Output]] = []
        for boxes in outputs:
            taken = [each for pair in pairs for each in pair]
            partner = next(
                (s for s in outputs if s not in taken and _are_pair(boxes, s, evidence)), None
            )
            if boxes not in taken and partner is not None:
                pairs.append((boxes, partner))
        if not pairs:
            return [], []
        widths = [score_table(s, _count(b)).width for b, s in pairs]
        pairs = [pair for pair, width in zip(pairs, widths, strict=True) if width == widths[0]]
        return [_head_of(pairs, evidence)], [each for pair in pairs for each in pair]


def _count(boxes: Output) -> int:
    """How many boxes an output has: the longer of its axes."""
    return max(boxes.shape)


def _are_pair(boxes: Output, scores: Output, evidence: Evidence) -> bool:
    """Whether one has boxes, and the other their scores."""
    if boxes == scores or len(boxes.shape) != 2 or len(scores.shape) > 2 or not scores.shape:
        return False
    count, numbers = _count(boxes), min(boxes.shape)
    if count < _LEAST_BOXES or count not in scores.shape or not 4 <= numbers <= _MOST_NUMBERS:
        return False
    if len(scores.shape) == 2 and scores.shape[0] == scores.shape[1]:
        return False
    first, score = evidence.reader.read(boxes.at(0)), evidence.reader.read(scores.at(0))
    width = 1 if len(scores.shape) == 1 else min(scores.shape)
    has_cells = evidence.reader.cell(first.element) is not None
    if first.is_score:  # a Sigmoid makes places of 0 to 1 of queries that belong to no cell
        return numbers == 4 and first.squash == "Sigmoid" and score.is_bare and not has_cells
    if score.is_score:
        return (numbers == 4 or first.is_bare) and (width != 4 or has_cells or not first.is_bare)
    return score.is_bare and (first.computed != () or numbers != width)


def _head_of(pairs: Sequence[tuple[Output, Output]], evidence: Evidence) -> BoxHead:
    levels: list[Level] = []
    for boxes, scores in pairs:
        levels += _levels_of(boxes, scores, evidence)
    boxes, scores = pairs[0]
    reading = evidence.reader.read(scores.at(0))
    form, unit, notes = _format(boxes, scores, levels[0], evidence)
    width = levels[0].scores.width
    softmax = reading.squash == "Softmax" or _has_background(width, reading.squash, evidence)
    head = BoxHead(
        kind=BoxesBesideScores.name,
        levels=tuple(levels),
        form=form,
        unit=unit,
        activation="none" if reading.is_score else "softmax" if softmax else "sigmoid",
        background=_background(scores, levels[0].scores, evidence) if softmax else "none",
        notes=notes,
    )
    if head.background == "last":
        head = head.noted("the last of the scores is taken for that of no object, as DETR has it")
    if reading.is_score:
        return head
    return head.noted(
        f"the graph gives scores as they are before a {head.activation}, which is assumed"
    )


def _background(scores: Output, table: Table, evidence: Evidence) -> str:
    """Which of the scores that share a Softmax is no class.

    None where the graph has left one out already; the last where boxes belong to no cell.
    """
    if table.width == 1:
        return "none"
    first, second = (
        evidence.reader.read(scores.at(table.flat_index(0, column))).element for column in (0, 1)
    )
    sizes = shape_of(evidence.graph, first.tensor)
    moved = [s for s, a, b in zip(sizes, first.index, second.index, strict=False) if a != b]
    if moved and max(moved) > table.width:
        return "none"
    return "first" if evidence.reader.cell(first) is not None else "last"


def _has_background(width: int, squash: str, evidence: Evidence) -> bool:
    """Whether scores that nothing squashes are of one class more than there are names."""
    return not squash and evidence.labels is not None and width == evidence.labels + 1


def _levels_of(boxes: Output, scores: Output, evidence: Evidence) -> list[Level]:
    """The levels of two outputs: where boxes are moved only, one for each feature map."""
    axis = int(boxes.shape[0] >= boxes.shape[1])
    axes = ("anchor", "value") if axis else ("value", "anchor")
    all_scores = score_table(scores, _count(boxes))
    plain = [Level(all_scores, (Table(boxes.name, boxes.shape, axes, (0, 4)),))]
    if not evidence.reader.read(boxes.at(0)).is_bare or all_scores.value_axis != 1 or not axis:
        return plain
    levels: list[Level] = []
    first = 0
    while first < _count(boxes):
        table = _grid_at(boxes, first, evidence)
        if table is None:
            return plain
        own = (table.count, all_scores.width)
        start = first * all_scores.width
        part = Table(scores.name, own, ("anchor", "value"), (0, own[1]), start)
        levels.append(Level(part, (table,)))
        first += table.count
    return levels if first == _count(boxes) else plain


def _grid_at(boxes: Output, first: int, evidence: Evidence) -> Table | None:
    """The boxes from a row on that are moved from one feature map; None where they are not."""
    columns = boxes.shape[1]
    root = evidence.root_shape(boxes, first * columns)
    if len(root) != 4:
        return None
    _, channels, rows, width = root
    anchors = channels // columns
    sizes = {"row": rows, "column": width, "anchor": anchors, "value": columns}
    for axes in (("row", "column", "anchor", "value"), ("anchor", "row", "column", "value")):
        shape = tuple(sizes[name] for name in axes)
        table = Table(boxes.name, shape, axes, (0, 4), first * columns)
        fits = anchors > 0 and first + table.count <= _count(boxes)
        if fits and _stands(table, boxes, evidence):
            return table
    return None


def _stands(table: Table, boxes: Output, evidence: Evidence) -> bool:
    """Whether rows stand where the table has them, as far as some tell."""
    for row in (0, 1, table.count // 3, table.count // 2 + 1, table.count - 1):
        cell = evidence.reader.cell(boxes.at(table.flat_index(row, 0)))
        place = table.place(row)
        sizes = [table.shape[table.axes.index(name)] for name in ("column", "row")]
        middle = [(place[n] + 0.5) / s for n, s in zip(("column", "row"), sizes, strict=True)]
        if cell is None or max(abs(a - b) for a, b in zip(cell, middle, strict=True)) > 1e-6:
            return False
    return True


def _format(
    boxes: Output, scores: Output, level: Level, evidence: Evidence
) -> tuple[str, str, tuple[str, ...]]:
    table = level.boxes[0]
    if not evidence.reader.read(boxes.at(0)).is_bare:
        return box_format(boxes, table, evidence, score_column=0, scores=scores)
    if "row" not in table.axes:
        reading = evidence.reader.read(boxes.at(0))
        unit = "frame" if reading.squash == "Sigmoid" else "pixels"
        return "cx cy w h", unit, ("centre and size are assumed: the graph does not tell",)
    return (
        "pixels from the cell",
        "pixels",
        (
            "the graph does not decode its boxes: their numbers are taken for pixels from the "
            "middle of their cell, which is assumed; where that is no box the cell is drawn",
        ),
    )
