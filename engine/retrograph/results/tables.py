"""A table of texts, as the command line prints it and a page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A table of texts.

    Attributes:
        headings: of the columns.
        rows: as many cells each as there are headings.
        title: what stands above; "" for none.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""


def aligned(table: Table, left: Sequence[str]) -> Table:
    """The table with columns that are flush right, but for those of the headings in `left`."""
    widths = [max(map(len, column)) for column in zip(table.headings, *table.rows, strict=True)]
    lines = [
        [
            cell if heading in left else cell.rjust(width)
            for heading, cell, width in zip(table.headings, row, widths, strict=True)
        ]
        for row in (table.headings, *table.rows)
    ]
    return Table(lines[0], lines[1:], table.title)
