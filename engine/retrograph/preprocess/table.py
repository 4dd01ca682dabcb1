"""Rows of .csv files, each a picture, with or without a first row of names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from retrograph.errors import InputError, one_line
from retrograph.preprocess.columns import Columns, is_header, named, unnamed

TABLES = (".csv", ".tsv")
"""The suffixes of tables."""

_SEPARATORS = ",;\t|"

_LOOKED_AT = 200
"""So many rows of a table without names tell which column the label is."""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        line: the number of its last line in the file, from 1.
        cells: what stands in it.
        columns: what its cells are.
    """

    line: int
    cells: Sequence[str]
    columns: Columns


def rows_of(path: Path, count: int) -> Iterator[Row]:
    """The rows of a .csv of pictures of `count` values.

    Values lie between commas, semicolons, tabs, bars or spaces. Lines before the first row that
    begin with "#" are left out. A first row of names says where the label and the pixels stand.

    Raises:
        InputError: the file cannot be read or has no rows, or its header does not tell which
            columns are the pixels.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows(path, file, count)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as a .csv ({one_line(error)}); save it anew as UTF-8 text"
        ) from None


def _rows(path: Path, file: TextIO, count: int) -> Iterator[Row]:
    skipped, comment, start = _beginning(file)
    separator = _separator(start)
    reader = csv.reader(chain([start], file), delimiter=separator, skipinitialspace=True)
    rows = ((skipped + reader.line_num, cells) for cells in reader if cells)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{path} is empty; write a picture a row")
    names = _commented(comment, separator)
    if is_header(first[1]):
        names, first = first[1], next(rows, None)
        if first is None:
            raise InputError(f"{path} has names of columns and no rows; write a picture a row")
    elif len(names) != len(first[1]) or not is_header(names):
        names = []
    looked_at = [first] if names else [first, *islice(rows, _LOOKED_AT - 1)]
    try:
        columns = named(names, count) if names else unnamed([row for _, row in looked_at], count)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    for line, cells in chain(looked_at, rows):
        yield Row(line, cells, columns)


def _beginning(file: TextIO) -> tuple[int, str, str]:
    """How many lines come before the first row, the last comment of them, and that row's line."""
    skipped, comment = 0, ""
    while line := file.readline():
        text = line.strip()
        if text and not text.startswith("#"):
            break
        skipped += 1
        comment = text or comment
    return skipped, comment, line


def _separator(line: str) -> str:
    """What stands most often between the values of a line; a comma where nothing does."""
    bare = re.sub(r'"[^"]*"', "", line)
    return max(_SEPARATORS, key=bare.count)


def _commented(comment: str, separator: str) -> list[str]:
    """The names of columns in a comment before the first row, as NumPy writes them."""
    text = comment.lstrip("# ")
    return next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])
