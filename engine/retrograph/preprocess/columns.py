"""Which columns of a table of pictures are the pixels, and which is the label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from retrograph.errors import InputError

_LABELS = (
    *("label", "labels", "class", "target", "targets", "y", "category", "class_label"),
    *("class_id", "class_name", "classname", "classes", "emotion", "digit", "letter", "dx"),
    *("diagnosis", "species", "output"),
)
"""Names of the label's column, in lower case; of several the first is taken."""

_BESIDE = frozenset(
    {"", "id", "ids", "index", "idx", "no", "number", "image_id", "imageid", "file", "filename"}
    | {"path", "name", "usage", "split", "set", "fold", "subset", "unnamed: 0"}
)
"""Names of columns that are neither pixels nor labels."""

_TOGETHER = frozenset({"pixels", "pixel", "image", "img", "values", "data", "features"})
"""Names of a column that holds all pixels, with spaces between them."""

_NUMBER = re.compile(r"[0-9]{1,9}")

_ALL_BYTES = 256
"""A row that counts up beyond 255 is no picture."""

_FEWEST, _DIGITS = 10, 5
"""Of fewer rows, or with longer numbers, nothing is said of a column."""

_LOOKED_AT = 100
"""So many numbers of a cell tell what it is."""

FIRST_IS_LABEL = "CSV without a header: its first column is taken as the label"
_COUNTS_UP = "the row counts up from 0: if it numbers the columns, take it away"
_TAKE_AWAY = "take away the separator at the end of the lines"


@dataclass(frozen=True)
class Taken:
    """What a row holds.

    Attributes:
        label: its class, if it says one.
        values: those of the pixels, in order.
        note: what was assumed; "" where nothing was.
    """

    label: str | None
    values: Sequence[str]
    note: str = ""


class Columns(Protocol):
    """What the cells of a table's rows are."""

    def take(self, cells: Sequence[str]) -> Taken:
        """The label and pixels of a row. Raises InputError where its cells are not as many."""


@dataclass(frozen=True)
class _Named:
    """A table with a header.

    Attributes:
        count: how many values a picture has.
        width: how many columns the header names.
        label: the place of the label, if there is one.
        pixels: the places of the pixels; a single one where a cell holds them all.
    """

    count: int
    width: int
    label: int | None
    pixels: Sequence[int]

    def take(self, cells: Sequence[str]) -> Taken:
        if len(cells) != self.width:
            raise InputError(
                f"has {len(cells)} values and the header names {self.width} columns; "
                "write one for each, and nothing behind the last"
            )
        values = [cells[i] for i in self.pixels]
        if len(values) == 1 != self.count:
            values = values[0].split()
        _check_count(values, self.count)
        label = None if self.label is None else cells[self.label].strip()
        return Taken(label or None, values)


@dataclass(frozen=True)
class _Unnamed:
    """A table without a header: a picture of `count` values a row, possibly with a label."""

    count: int

    def take(self, cells: Sequence[str]) -> Taken:
        if not cells[-1].strip():
            raise InputError(f"ends in a value that is empty; {_TAKE_AWAY}")
        together = _together(cells)
        if together is not None and len(cells) > 1:
            packed = cells[together].split()
            _check_count(packed, self.count)
            rest = [cell.strip() for i, cell in enumerate(cells) if i != together]
            return Taken(rest[0] if len(rest) == 1 else None, packed)
        values: Sequence[str] = cells if together is None else cells[0].split()
        if len(values) == self.count + 1:
            return _with_label(values)
        _check_count(values, self.count)
        return Taken(None, values, _COUNTS_UP if _counts_up(values, 0) else "")


def _with_label(cells: Sequence[str]) -> Taken:
    """A row of one value more than a picture has: the label is a word, or else the first value."""
    if _is_number(cells[0]) and not _is_number(cells[-1]):
        return Taken(cells[-1].strip(), cells[:-1])
    note = FIRST_IS_LABEL if _is_number(cells[0]) else ""
    note = f"{note}; {_COUNTS_UP}" if _counts_up(cells, 0) else note
    return Taken(cells[0].strip(), cells[1:], note)


def unnamed(rows: Sequence[Sequence[str]], count: int) -> Columns:
    """The columns of a table without a header, given its first rows.

    Raises:
        InputError: the first ends in an empty value, or the last values look like labels and the
            first ones do not.
    """
    if not rows[0][-1].strip():
        raise InputError(f"the first row ends in a value that is empty; {_TAKE_AWAY}")
    with_label = [row for row in rows if len(row) == count + 1]
    first, last = ([row[place].strip() for row in with_label] for place in (0, -1))
    if _look_like_labels(last) and not _look_like_labels(first):
        raise InputError(
            "the table names no columns, and its last one looks like the label; write the label "
            "first, or name the columns label, p0, p1, ... in a first row"
        )
    return _Unnamed(count)


def _look_like_labels(values: Sequence[str]) -> bool:
    """Whether values are the numbers of classes, from 0 or 1 without a gap, each several times."""
    if len(values) < _FEWEST or not all(map(str.isdecimal, values)):
        return False
    numbers = {int(value) for value in values if len(value) < _DIGITS}
    all_numbers = {*range(min(numbers, default=0), max(numbers, default=0) + 1)}
    return 2 <= len(numbers) <= len(values) // 2 and min(numbers) < 2 and numbers == all_numbers


def named(names: Sequence[str], count: int) -> Columns:
    """The columns of a table with a header, for pictures of `count` values.

    Pixels are the columns that differ in their numbers alone, or one of all pixels, or else what
    is neither a label nor beside it by its name. The label is a column that is called one, or the
    only one that is left.

    Raises:
        InputError: the header does not tell.
    """
    lowered = [name.strip().lower() for name in names]
    if not lowered[-1]:
        raise InputError(f"the header ends in a name that is empty; {_TAKE_AWAY}")
    pixels = _pixels(lowered, count)
    left = [i for i in range(len(lowered)) if i not in set(pixels)]
    called = [i for i in left if lowered[i] in _LABELS]
    unknown = [i for i in left if lowered[i] not in _BESIDE]
    called.sort(key=lambda i: _LABELS.index(lowered[i]))
    label = called[0] if called else unknown[0] if len(unknown) == 1 else None
    return _Named(count, len(names), label, pixels)


def _pixels(names: Sequence[str], count: int) -> Sequence[int]:
    alike: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        alike.setdefault(_NUMBER.sub("#", name), []).append(i)
    numbered = {name: places for name, places in alike.items() if "#" in name}
    for places in numbered.values():
        if len(places) == count:
            _check_order([names[i] for i in places])
            return places
    together = [i for i, name in enumerate(names) if name in _TOGETHER]
    if len(together) == 1 and not numbered:
        return together
    rest = [i for i, name in enumerate(names) if name not in _BESIDE and name not in _LABELS]
    plain = [i for i in rest if "#" not in _NUMBER.sub("#", names[i])]
    if len(rest) != count or 0 < len(plain) < count:
        raise InputError(
            f"the header names {len(names)} columns, and does not tell which of them are the "
            f"{count} values of a picture of the model's size; call those p0, p1, ... and the "
            "label label"
        )
    _check_colours([_NUMBER.sub("#", names[i]) for i in rest])
    return rest


def _check_order(names: Sequence[str]) -> None:
    """Raises InputError where the columns are not in the order of the numbers in their names."""
    numbers = [tuple(map(int, _NUMBER.findall(name))) for name in names]
    turned = [each[::-1] for each in numbers]
    if numbers != sorted(numbers) and turned != sorted(turned):
        raise InputError(
            f"the columns of the pixels are not in order ({', '.join(names[:3])}, ...); "
            "sort them by their numbers"
        )


def _check_colours(kinds: Sequence[str]) -> None:
    """Raises InputError where the columns of one colour follow those of another."""
    different = len(set(kinds))
    if 1 < different < len(kinds) and len(set(kinds[:different])) < different:
        raise InputError(
            f"the columns of one colour stand before those of the next ({kinds[0]}, {kinds[-1]}); "
            "write the colours of a pixel side by side: r0, g0, b0, r1, ..."
        )


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first row names columns: by words, or by counting them beside the label's name."""
    words = [c.strip().lower() for c in cells if c.strip() and not _is_value(c)]
    if 2 * len(words) > len(cells):
        return True
    numbers = [c for c in cells if c.strip() and _is_value(c)]
    if not _counts_up(numbers, 0) and not _counts_up(numbers, 1):
        return False
    return len(numbers) > _ALL_BYTES or (
        len(numbers) < len(cells) and all(word in _LABELS or word in _BESIDE for word in words)
    )


def _counts_up(cells: Sequence[str], start: int) -> bool:
    return len(cells) > 1 and all(c.strip() == str(i) for i, c in enumerate(cells, start))


def _together(cells: Sequence[str]) -> int | None:
    """The place of the only cell that holds several numbers, if there is one."""
    places = [i for i, cell in enumerate(cells) if " " in cell.strip() and _is_value(cell)]
    return places[0] if len(places) == 1 else None


def _is_value(cell: str) -> bool:
    """Whether a cell holds a number, or several with spaces between them."""
    return all(map(_is_number, cell.split()[:_LOOKED_AT]))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _check_count(values: Sequence[str], count: int) -> None:
    if len(values) != count:
        raise InputError(
            f"has {len(values)} values; "
            f"write {count}, possibly after a label, or check the model's input size"
        )
