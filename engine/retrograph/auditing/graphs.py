"""Both graphs side by side as a drawing in SVG: what stands for each other at one height."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from retrograph.auditing.amounts import amount
from retrograph.auditing.table_rows import Cell, TensorRow

_WIDTH, _STEP, _BOX, _HEAD = 1000, 30, 22, 34
_WIDE = 330
_LEFT, _RIGHT = 110, 560
_LETTERS = 44
_NEAR = 2
"""So many rows around one that stands out are drawn."""

_ENDS = 3
_ALL = 24
"""Up to so many rows all are drawn."""

_LEAST_FOLDED = 3


@dataclass(frozen=True)
class Line:
    """A line of the drawing: one row, or several that are folded into one.

    Attributes:
        rows: one or more.
        y: its middle.
    """

    rows: tuple[TensorRow, ...]
    y: float

    @property
    def is_folded(self) -> bool:
        """Whether it stands for several rows."""
        return len(self.rows) > 1


def graph_drawing(rows: Sequence[TensorRow], tolerance: float) -> str:
    """Two columns of tensors, lines between those that stand for each other, regions marked.

    Long runs where nothing stands out are one line each, and what has no counterpart, such as the
    inside of a fusion, is drawn in regions alone.

    Args:
        rows: the tensors of both.
        tolerance: up to which error two are equal.
    """
    drawn = [row for row in rows if row.error is not None or row.stands_out]
    parts = enumerate(_parts(drawn))
    lines = [Line(tuple(part), _HEAD + _STEP * (place + 0.5)) for place, part in parts]
    height = _HEAD + _STEP * len(lines) + 6
    bands = "".join(_band(line) for line in lines if not line.is_folded)
    edges = "".join(edge for side in "ab" for edge in _edges(lines, rows, side))
    body = "".join(_line(line, tolerance) for line in lines)
    return (
        f'<svg class="graphs" viewBox="0 0 {_WIDTH} {height:.0f}" role="img" '
        f'aria-label="both graphs, paired">{_heads()}{bands}{edges}{body}</svg>'
    )


def _parts(rows: Sequence[TensorRow]) -> Iterator[Sequence[TensorRow]]:
    """The rows in lines: one by one near what stands out and at the ends, else many together."""
    shown = _shown(rows)
    for is_shown, places in groupby(range(len(rows)), shown.__contains__):
        run = [rows[place] for place in places]
        if is_shown or len(run) < _LEAST_FOLDED:
            yield from ([row] for row in run)
        else:
            yield run


def _shown(rows: Sequence[TensorRow]) -> set[int]:
    if len(rows) <= _ALL:
        return {*range(len(rows))}
    marked = [place for place, row in enumerate(rows) if row.stands_out] or _largest(rows)
    near = {place + step for place in marked for step in range(-_NEAR, _NEAR + 1)}
    ends = 1 if marked else _ENDS
    return {*near, *range(ends), *range(len(rows) - ends, len(rows))}


def _largest(rows: Sequence[TensorRow]) -> list[int]:
    """The rows of the largest errors by themselves; none where these are not known."""
    known = [(row.own, place) for place, row in enumerate(rows) if row.own]
    return [place for _, place in sorted(known, reverse=True)[:_ENDS]]


def _heads() -> str:
    places = ((_LEFT, "A"), (_RIGHT, "B"))
    return "".join(
        f'<text class="head" x="{x + _WIDE / 2}" y="20" text-anchor="middle">{name}</text>'
        for x, name in places
    )


def _band(line: Line) -> str:
    row = line.rows[0]
    if not row.stands_out:
        return ""
    number = f'<text class="mark" x="8" y="{line.y + 5:.0f}">{row.in_region or "!"}</text>'
    return (
        f'<rect class="band" x="0" y="{line.y - _STEP / 2:.0f}" width="{_WIDTH}" '
        f'height="{_STEP}"/>{number}'
    )


def _line(line: Line, tolerance: float) -> str:
    if line.is_folded:
        return (
            f'<text class="fold" x="{_WIDTH / 2}" y="{line.y + 5:.0f}" text-anchor="middle">'
            f"⋮ {escape(folded_text(line.rows, tolerance))} ⋮</text>"
        )
    (row,) = line.rows
    link = "" if row.error is None else _link(row, row.error, line.y, tolerance)
    cells = ((row.a, _LEFT), (row.b, _RIGHT))
    return link + "".join(_box(cell, x, line.y, row) for cell, x in cells if cell is not None)


def folded_text(rows: Sequence[TensorRow], tolerance: float) -> str:
    """What stands for pairs that are not drawn one by one."""
    most = max((row.error for row in rows if row.error is not None), default=0.0)
    return f"{len(rows)} pairs, {_likeness(most, tolerance)}"


def _likeness(error: float, tolerance: float) -> str:
    if not error:
        return "the same bit by bit"
    return f"equal to {amount(error)}" if error <= tolerance else f"off by up to {amount(error)}"


def _link(row: TensorRow, error: float, y: float, tolerance: float) -> str:
    start, end = _LEFT + _WIDE, _RIGHT
    kind = "equal" if error <= tolerance else "bad" if row.stands_out else "off"
    said = "equal" if error == 0 else amount(error)
    middle = (start + end) / 2
    return (
        f'<line class="link {kind}" x1="{start}" x2="{end}" y1="{y:.0f}" y2="{y:.0f}"/>'
        f'<text class="said {kind}" x="{middle}" y="{y - 3:.0f}" text-anchor="middle">{said}</text>'
    )


def _box(cell: Cell, x: float, y: float, row: TensorRow) -> str:
    kind = "bad" if row.stands_out else "paired" if row.error is not None else "alone"
    room = _LETTERS - len(cell.op) - 2
    label = _shortened(cell.label, room)
    return (
        f'<g class="box {kind}"><title>{escape(cell.name)}</title>'
        f'<rect x="{x}" y="{y - _BOX / 2:.0f}" width="{_WIDE}" height="{_BOX}" rx="5"/>'
        f'<text x="{x + 10}" y="{y + 4.5:.1f}">{escape(label)}</text>'
        f'<text class="op" x="{x + _WIDE - 10}" y="{y + 4.5:.1f}" text-anchor="end">'
        f"{escape(cell.op)}</text></g>"
    )


def _shortened(label: str, room: int) -> str:
    """A name in so many letters: what it begins with tells more than how it ends."""
    if len(label) <= room:
        return label
    end = room // 4
    return f"{label[: room - end - 1]}…{label[-end:]}"


def _edges(lines: Sequence[Line], rows: Sequence[TensorRow], side: str) -> Iterator[str]:
    """What is computed from what, in one of the graphs: down, or around what lies between."""
    known = {cell.name: cell for row in rows if (cell := getattr(row, side)) is not None}
    cells = [[getattr(row, side) for row in line.rows] for line in lines]
    place = {cell.name: at for at, row in enumerate(cells) for cell in row if cell is not None}
    filled = [at for at, row in enumerate(cells) if any(cell is not None for cell in row)]
    rank = {at: number for number, at in enumerate(filled)}
    found = {(place[start], place[end]) for end in place for start in _before(end, known, place)}
    for start, end in sorted(found):
        if start < end:
            yield _edge(lines[start], lines[end], side, rank[end] - rank[start])


def _before(name: str, known: Mapping[str, Cell], drawn: Container[str]) -> Iterator[str]:
    """The nearest drawn tensors that one is computed from."""
    seen, waiting = {name}, [*known[name].reads]
    while waiting:
        each = waiting.pop()
        if each in drawn:
            yield each
        elif each in known and each not in seen:
            seen.add(each)
            waiting.extend(known[each].reads)


def _edge(start: Line, end: Line, side: str, steps: int) -> str:
    left = side == "a"
    x = _LEFT if left else _RIGHT + _WIDE
    if steps == 1:
        middle = (_LEFT if left else _RIGHT) + _WIDE / 2
        top = start.y + (8 if start.is_folded else _BOX / 2)
        bottom = end.y - (10 if end.is_folded else _BOX / 2)
        return f'<path class="edge" d="M{middle:.0f} {top:.0f}V{bottom:.0f}"/>'
    reach = min(76.0, 14 + 9 * math.sqrt(steps))
    out = x - reach if left else x + reach
    return (
        f'<path class="edge" d="M{x} {start.y:.0f}C{out:.0f} {start.y:.0f} {out:.0f} '
        f'{end.y:.0f} {x} {end.y:.0f}"/>'
    )
