"""Heads in words, for people."""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.heads.box_head import BoxHead, Level
from retrograph.heads.decoders import DECODERS
from retrograph.heads.find import Heads
from retrograph.heads.kinds import Head
from retrograph.heads.maps_and_classes import ClassHead, MapHead
from retrograph.heads.reading import Reading
from retrograph.heads.table import Table


def head_lines(heads: Heads) -> list[tuple[str, list[str]]]:
    """A title and lines for each head."""
    return [(_title(head), _lines(head, heads)) for head in heads]


def _title(head: Head) -> str:
    if isinstance(head, BoxHead):
        classes = "1 class" if head.classes == 1 else f"{head.classes} classes"
        return f"boxes: {head.kind}; {head.count} boxes of {classes}"
    if isinstance(head, MapHead):
        rows, columns = head.size
        return f"map: {head.kind}; {head.classes} channels of {rows} x {columns} positions"
    return f"classes: {head.classes} in output '{head.output}'"


def _lines(head: Head, heads: Heads) -> list[str]:
    if isinstance(head, ClassHead):
        return [f"explained: {_behind(head.layer, head.squash)}"]
    if isinstance(head, MapHead):
        return [f"explained: {_behind(head.table.tensor, head.squash)}, {_axes(head.table)}"]
    lines = [f"place: {_form(head)}"]
    for number, level in enumerate(head.levels):
        lines += _level_lines(level, heads, f"level {number}: " if len(head.levels) > 1 else "")
    if head.background != "none":
        lines.append(f"background: the {head.background} of the scores")
    if head.activation != "none":
        lines.append(f"scores: {head.activation} of what the file gives")
    return lines


def _form(head: BoxHead) -> str:
    if head.form in DECODERS:
        return f"{head.form}: {DECODERS[head.form].formula}"
    unit = "pixels of the input" if head.unit == "pixels" else "0 to 1 across the input"
    return f"{head.form}, {unit}"


def _level_lines(level: Level, heads: Heads, prefix: str) -> list[str]:
    reading = class_reading(heads, level, 0, 0)
    lines = [f"{prefix}boxes in {' and '.join(map(_columns, level.boxes))}"]
    lines.append(
        f"{prefix}scores in {_columns(level.scores)}; explained: "
        f"{_behind(reading.element.tensor, reading.squash)}"
    )
    if level.objectness is not None:
        lines.append(f"{prefix}objectness in {_columns(level.objectness)}")
    if level.anchors:
        sizes = ", ".join(f"{w:.4g} x {h:.4g}" for w, h in level.anchors)
        lines.append(f"{prefix}anchors of {sizes} pixels")
    return lines


def class_reading(heads: Heads, level: Level, row: int, column: int) -> Reading:
    """How the score of a box for a class is made, its objectness left out."""
    reading = heads.logit(level.scores, row, column)
    if not reading.factors:
        return reading
    return _apart(heads, level, row, column)[0]


def objectness_reading(heads: Heads, level: Level, row: int) -> Reading | None:
    """How the objectness of a box is made; None where it has none."""
    if level.objectness is not None:
        return heads.logit(level.objectness, row, 0)
    if heads.logit(level.scores, row, 0).factors and level.scores.width > 1:
        return _apart(heads, level, row, 0)[1]
    return None


def _apart(heads: Heads, level: Level, row: int, column: int) -> tuple[Reading, Reading]:
    """The factors of a product: what the class has alone, and what all classes share."""
    factors = heads.logit(level.scores, row, column).factors
    other = (column + 1) % level.scores.width
    shared = {factor.element for factor in heads.logit(level.scores, row, other).factors}
    first, second = factors
    return (second, first) if first.element in shared and other != column else (first, second)


def _behind(layer: str, squash: str) -> str:
    return f"layer '{layer}'" + (f", before {squash}" if squash else "")


def _columns(table: Table) -> str:
    start, stop = table.columns
    which = f"entry {start}" if stop == start + 1 else f"entries {start} to {stop - 1}"
    return f"'{table.tensor}' {_axes(table)}, {which}"


def _axes(table: Table) -> str:
    sizes: Sequence[str] = [
        f"{name} {size}" for name, size in zip(table.axes, table.shape, strict=True)
    ]
    return f"[{', '.join(sizes)}]"
