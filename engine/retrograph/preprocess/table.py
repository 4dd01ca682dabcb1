"""Rows of .csv files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from retrograph.errors import InputError
from retrograph.preprocess.picture import one_line


def rows_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a .csv with the numbers of their lines; a first row of names is left out.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if row and not (reader.line_num == 1 and _is_header(row)):
                    yield reader.line_num, row
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as a .csv ({one_line(error)}); save it anew as UTF-8 text"
        ) from None


def _is_header(row: Sequence[str]) -> bool:
    try:
        float(row[-1])
    except ValueError:
        return True
    return False
