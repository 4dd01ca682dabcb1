"""Damaged pictures, tables, arrays, archives, sequences and labels through the command line.

    python tools/mutations/mutate_inputs.py [--pictures 300] [--others 300] [--seed 0]
        [--keep FOLDER]

Each file is damaged by bytes or by its structure, and read by a command in a process of bounded
memory and time, which must end with exit code 0, or with 2 and errors of one line each. Prints a
table of what came of each kind, names each case that ended otherwise (--keep writes its file), and
exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from input_kinds import Kind, make_workplace, other_kinds, picture_kinds
from program import preload, run


@dataclass(frozen=True)
class Case:
    """A damaged file: the seed, its kind and its number tell all of it."""

    seed: int
    kind: str
    number: int


@dataclass(frozen=True)
class Result:
    """What came of a case: its exit code, and what is wrong with that, if anything."""

    case: Case
    what: str
    code: int | None
    fault: str


_KINDS: dict[str, Kind] = {}


def cases(kinds: Iterable[str], count: int, seed: int) -> list[Case]:
    """That many cases, the kinds in turn."""
    names = list(kinds)
    return [Case(seed, names[i % len(names)], i // len(names)) for i in range(count)]


def damaged(case: Case) -> tuple[str, bytes, str, str]:
    """The name of a case's file, its bytes, the edit and the command that reads it."""
    kind = _KINDS[case.kind]
    rng = np.random.default_rng([case.seed, *case.kind.encode(), case.number])
    names = list(kind.files)
    name = names[case.number % len(names)]
    edit = kind.edits[int(rng.integers(len(kind.edits)))]
    command = kind.commands[int(rng.integers(len(kind.commands)))]
    return name, edit(kind.files[name], rng), edit.__name__, command


def tried(case: Case) -> Result:
    """Run a case in a folder and a process of its own."""
    name, raw, edit, command = damaged(case)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        make_workplace(here)
        (here / name).write_bytes(raw)
        ran = run(here, shlex.split(command.format(name)))
        left = [path.name for path in here.rglob("*.part*") if ran.code == 0]
    fault = ran.fault or ("leaves " + left[0] if left else "")
    return Result(case, f"{name}, {edit}: {command.format(name)}", ran.code, fault)


def print_table(results: Sequence[Result], console: Console) -> None:
    """A row for each kind of file: how many cases, and how they ended."""
    table = Table("kind", *("cases", "read (0)", "refused (2)", "otherwise"))
    rows = [*dict.fromkeys(each.case.kind for each in results), "all"]
    for row in rows:
        of_kind = [each for each in results if row in ("all", each.case.kind)]
        bad = sum(bool(each.fault) for each in of_kind)
        codes = Counter(each.code for each in of_kind if not each.fault)
        table.add_row(row, *map(str, (len(of_kind), codes[0], codes[2], bad)))
    console.print(table)


def main() -> int:
    """Run all cases."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=300, metavar="N")
    parser.add_argument("--others", type=int, default=300, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for the files that failed")
    args = parser.parse_args()
    pictures, other_files = picture_kinds(), other_kinds()
    _KINDS.update(pictures | other_files)
    Image.init()
    preload()
    todo = cases(pictures, args.pictures, args.seed) + cases(other_files, args.others, args.seed)
    with multiprocessing.get_context("fork").Pool(args.jobs) as pool:
        runs = pool.imap(tried, todo, chunksize=4)
        shown = Console(stderr=True)
        results = list(track(runs, "damaging", len(todo), console=shown, transient=True))
    console = Console()
    print_table(results, console)
    bad = [each for each in results if each.fault]
    for each in bad:
        console.print(f"{each.case}: {each.what}: {each.fault}", markup=False, highlight=False)
        if args.keep is not None:
            name, raw, *_ = damaged(each.case)
            args.keep.mkdir(parents=True, exist_ok=True)
            (args.keep / f"{each.case.number}-{name}").write_bytes(raw)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
