"""What the command line reads and prints: arguments, one-line errors, the console."""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from retrograph.cli.spelling import as_option
from retrograph.errors import spelled

if TYPE_CHECKING:
    from retrograph.results.tables import Table

_COLUMN_GAP = 2


class CutShort(BrokenPipeError):
    """Whoever reads what is printed has left before all was done."""


def count(text: str) -> int:
    """A whole number from 1, as an option's value."""
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1")
    return int(text)


def share(text: str) -> tuple[int, int]:
    """A part and how many there are, written as 3/8."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"'{text}' is no part; the 3rd of 8 is 3/8")
    return int(number), int(of)


def grid(text: str) -> tuple[int, int]:
    """Rows and columns of a sheet, written as 5x5."""
    rows, _, columns = text.lower().partition("x")
    try:
        return count(rows), count(columns)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"'{text}' is no grid; 5 rows of 6 are 5x6") from None


def channels(text: str) -> tuple[int, ...]:
    """The numbers of 0-63,70."""
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if last < first or last - first > 10**6:
            raise argparse.ArgumentTypeError(f"'{part}' is no channel; write numbers as 0-63,70")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def join_negative_values(argv: Sequence[str]) -> list[str]:
    """The arguments, with `--mean -1,0,1` as `--mean=-1,0,1`, which argparse can tell apart."""
    joined: list[str] = []
    for argument in argv:
        if joined and re.fullmatch(r"--[a-z]+", joined[-1]) and re.match(r"-\.?\d", argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def join_command(argv: Sequence[str]) -> list[str]:
    """The arguments, with `scan merge` as one word: a command, or behind `help` its name."""
    place = int(argv[:1] == ["help"])
    rest = argv[place:]
    joined = ["scan merge", *rest[2:]] if rest[:2] == ["scan", "merge"] else rest
    return [*argv[:place], *joined]


def console(stderr: bool = False) -> Console:
    """Where a command prints: as wide as the terminal, and never folded in a file or a pipe.

    Names are printed as they are: `markup` has to be asked for, text by text.
    """
    plain = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not plain.is_terminal:
        plain.width = 10_000
    return plain


def complain(message: str) -> None:
    """Print an error on stderr, in one line."""
    print(f"retrograph: {visible(message)}", file=sys.stderr)


def visible(text: str) -> str:
    """The text with what would move a cursor, or cannot be encoded, written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def never_fail_to_encode(stream: TextIO) -> None:
    """Have a stream print ? for what its encoding lacks."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")


def print_lines(out: Console, first: str, others: Sequence[str]) -> None:
    """Lines that are not folded, the first of which stands out.

    For a file they are written as they are, since laying them out takes as long as drawing does.
    Raises CutShort where nobody reads them.
    """
    lines = "\n".join([first, *others])
    if out.is_terminal:
        text = Text(lines)
        text.stylize("bold", 0, len(first))
        out.print(text, soft_wrap=True)
        return
    try:
        out.file.write(f"{lines}\n")
        out.file.flush()
    except BrokenPipeError as error:
        raise CutShort from error


def print_notes(out: Console, notes: Iterable[str], style: str = "") -> None:
    """What should be known, a line each."""
    for note in notes:
        out.print(Text(visible(f"note: {spelled(note, as_option)}"), style), soft_wrap=True)


def print_table(out: Console, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows as a table without lines, which folds what is too long for the terminal."""
    from rich.table import Table as Grid  # start-up: most commands print none

    cells = [[Text(visible(cell)) for cell in row] for row in rows]
    table = Grid(
        box=None, show_header=bool(headings), header_style="bold", padding=(0, _COLUMN_GAP, 0, 0)
    )
    for i in range(max(map(len, cells))):
        table.add_column(headings[i] if headings else "", overflow="fold")
    for row in cells:
        table.add_row(*row)
    with out.capture() as captured:
        out.print(table)
    for line in map(Text.from_ansi, captured.get().splitlines()):
        line.rstrip()
        out.print(line, soft_wrap=True)


def print_tables(out: Console, tables: Iterable[Table]) -> None:
    """Tables of the library; those with a title stand apart."""
    for each in tables:
        if each.title:
            out.print()
            out.print(Text(visible(each.title), "bold"), soft_wrap=True)
        print_table(out, each.headings, each.rows)
