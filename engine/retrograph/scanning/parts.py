"""Parts of a scan that are made on several machines, and the store that is made of them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property, reduce
from itertools import islice
from pathlib import Path
from typing import Any

from retrograph.errors import InputError, command, parameter
from retrograph.inputs.share import Share
from retrograph.output import check_free, make_folder
from retrograph.scanning.state import State, none_good, write_state
from retrograph.scanning.store import FILE, Row, ScannedLayer
from retrograph.scanning.taking_up import difference
from retrograph.scanning.unfinished import (
    APPLICATION,
    begun_path,
    read_counts,
    read_pictures,
    read_problems,
    read_run,
    read_state,
)

Progress = Callable[[int, int | None], None]

_OF_PARTS = ("part", "manifest")
"""The keys of what is scanned that only parts have."""

_MACHINES = ("inputs", *_OF_PARTS)
"""The keys in which parts of one scan may differ: copies of files have other times of change."""


_NAMED = 10
"""Of the parts that are missing, how many are named at most."""


def part_file(share: Share) -> str:
    """The name of a part's file."""
    return f"part-{share.number}-of-{share.of}.sqlite"


def part_record(
    share: Share,
    first: int,
    end: int,
    layers: Sequence[ScannedLayer],
    manifest: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What a part's file says of it, besides what is scanned and how.

    Args:
        share: which part it is.
        first, end: the number of its first input, and that behind its last.
        layers: what is scanned.
        manifest: by what all inputs are known on any machine.
    """
    values = [layer.to_values() for layer in layers]
    part = {"number": share.number, "of": share.of, "first": first, "end": end, "layers": values}
    return {"part": part, "manifest": list(manifest)}


class ScanPart:
    """A finished part of a scan.

    Args:
        path: its file.

    Attributes:
        path: the same.
        run: what is scanned and how.
        share: which part it is, and of how many.

    Raises:
        InputError: it is no part of a scan.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self._opened() as file:
            run = read_run(file)
        if run is None or "part" not in run:
            raise self._no_part("it is an unfinished scan")
        self.run = run
        self.share = Share(run["part"]["number"], run["part"]["of"])

    @cached_property
    def pictures(self) -> dict[str, int]:
        """How many inputs are `good` and `bad`."""
        good = self._counts["good"]
        return {"good": good, "bad": self._counts["done"] - good}

    @property
    def classes(self) -> dict[str, int]:
        """How many good pictures there are of each, in the order in which they were met."""
        return dict(self._counts["classes"])

    @cached_property
    def _counts(self) -> dict[str, Any]:
        with self._opened() as file:
            return read_counts(file)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """The bad inputs by name, each with the reason."""
        with self._opened() as file:
            return [(name, problem) for name, problem in read_problems(file)]

    def state(self) -> State:
        """What is counted in it."""
        with self._opened() as file:
            saved = read_state(file)
        if saved is None:
            raise self._no_part("it holds no counts")
        return State.restored(self.layers, saved)

    @property
    def layers(self) -> list[ScannedLayer]:
        """What is scanned."""
        return [ScannedLayer.from_values(values) for values in self.run["part"]["layers"]]

    def rows(self, first: int) -> Iterator[Row]:
        """The rows of its pictures, which are numbered from the first one's number on."""
        with self._opened() as file:
            for number, *values in read_pictures(file):
                yield (first + number, *values)

    def to_dict(self) -> dict[str, Any]:
        """What was scanned: what `retrograph scan --part --json` prints.

        Returns:
            part, a file; number and of, which part it is of how many; pictures {good, bad};
            problems [{name, problem}].
        """
        return {
            "part": str(self.path),
            "number": self.share.number,
            "of": self.share.of,
            "pictures": self.pictures,
            "problems": [{"name": name, "problem": problem} for name, problem in self.problems],
        }

    def __repr__(self) -> str:
        return f"<ScanPart {self.share.number} of {self.share.of}: {self.path}>"

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise InputError(f"{self.path} does not exist; name files that {command('scan')} made")
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True)) as file:
                (application,) = file.execute("PRAGMA application_id").fetchone()
                if application != APPLICATION:
                    raise self._no_part("it is another file")
                yield file
        except sqlite3.Error as error:
            raise self._no_part(str(error)) from None

    def _no_part(self, reason: str) -> InputError:
        return InputError(
            f"{self.path} is no part of a scan ({reason}); name files that {command('scan')} made "
            f"with {parameter('part')}"
        )


def merge_parts(
    paths: Iterable[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Make the store of a scan of its parts: the same bytes as one pass over all inputs gives.

    Args:
        paths: of the parts, in any order: files, and folders that hold some.
        folder: where the store is made; it is made, too.
        force: whether a store that is there is replaced.
        progress: is called with how many parts are taken in, and of how many.

    Returns:
        The store.

    Raises:
        InputError: a part is missing, unfinished, there twice or of another scan, no input is
            good, or the store cannot be written.
    """
    target = Path(folder, FILE)
    check_free(target, force=force)
    parts = _complete(list(map(Path, paths)))
    tell = progress or _ignore
    state = State.empty(parts[0].layers, parts[0].run["k"])
    classes = {name for part in parts for name in part.classes}
    for tally in state.tallies:
        tally.statistics.make_room(len(classes))  # at once: each time costs a copy
    firsts = []
    for number, part in enumerate(parts):
        tell(number, len(parts))
        firsts.append(state.done)
        state.merge(part.state())
    tell(len(parts), len(parts))
    if not state.good:
        problems = (problem for part in parts for _, problem in part.problems)
        raise none_good(state.done, next(problems, "there are no inputs; give some"))
    pictures = (row for part, first in zip(parts, firsts, strict=True) for row in part.rows(first))
    run = {key: value for key, value in parts[0].run.items() if key not in _OF_PARTS}
    _write(target, run, state, pictures)
    return target


def store_of_states(
    states: Iterable[State],
    run: Mapping[str, Any],
    folder: str | os.PathLike[str],
    *,
    force: bool = False,
) -> Path:
    """Make the store of states that are of inputs which follow each other; all rows are in `new`.

    Args:
        states: one at least.
        run: what is scanned and how.
        folder, force: as in `merge_parts`.

    Raises:
        InputError: no input is good, or the store cannot be written.
    """
    target = Path(folder, FILE)
    check_free(target, force=force)
    total = reduce(State.merge, states)
    if not total.good:
        raise none_good(total.done, next(row[3] for row in total.new))
    _write(target, run, total, total.new)
    return target


def _write(target: Path, run: Mapping[str, Any], state: State, pictures: Iterable[Row]) -> None:
    make_folder(target.parent)
    new = target.with_name(f"{target.name}.new")
    try:
        new.unlink(missing_ok=True)
        write_state(new, run, state, pictures)
        os.replace(new, target)
    except (sqlite3.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{target} cannot be written ({reason}); make room, or choose another folder"
        ) from None
    finally:
        new.unlink(missing_ok=True)


def _ignore(done: int, total: int | None) -> None:
    """Do nothing."""


def _complete(paths: Sequence[Path]) -> list[ScanPart]:
    """The parts in their order.

    Raises:
        InputError: one is missing, there twice, or of another scan.
    """
    parts: dict[int, ScanPart] = {}
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise InputError("no part of a scan is named; name the files or the folders of all parts")
    for part in map(ScanPart, files):
        first = next(iter(parts.values()), part)
        _check_of_one_scan(part, first)
        other = parts.setdefault(part.share.number, part)
        if other is not part:
            where = {str(other.path): None, str(part.path): None}
            raise InputError(f"{part.share} is there twice, {' and '.join(where)}; name it once")
    if len(parts) < part.share.of:
        raise _missing(parts, part.share.of, paths)
    return [parts[number] for number in sorted(parts)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob(part_file(Share(0, 0)).replace("0", "*")))
    if not files:
        raise InputError(
            f"{path} holds no part of a scan; name the folders that parts were written to"
        )
    return files


def _check_of_one_scan(part: ScanPart, first: ScanPart) -> None:
    """Raises InputError where a part does not belong to the same scan as the first one."""
    if part.share.of != first.share.of:
        raise InputError(
            f"{part.path} is one of {part.share.of} parts, {first.path} one of {first.share.of}; "
            "name the parts of one division"
        )
    settings = ({k: v for k, v in each.run.items() if k not in _MACHINES} for each in (part, first))
    other = difference(*settings)
    if other is None and part.run["manifest"] != first.run["manifest"]:
        other = "other inputs, or the same under other paths"
    if other is not None:
        raise InputError(
            f"{part.path} is of another scan than {first.path}, with {other}; scan that part anew"
        )


def _missing(there: Collection[int], of: int, paths: Sequence[Path]) -> InputError:
    """The error of the parts that are not there, of which the first ones are named."""
    count = of - len(there)
    numbers = (number for number in range(1, of + 1) if number not in there)
    missing = [Share(number, of) for number in islice(numbers, _NAMED)]
    more = [f"{count - len(missing):,} more"] if count > len(missing) else []
    named = ", ".join([*(str(share.number) for share in missing), *more])
    several = f"parts {named} of {of} are" if count > 1 else f"{missing[0]} is"
    begun = [
        path / part_file(share)
        for share in missing
        for path in paths
        if begun_path(path / part_file(share)).exists()
    ]
    state = f"unfinished in {begun[0].parent}" if begun else "missing"
    share = missing[0]
    again = parameter("part", f"({share.number}, {share.of})")
    return InputError(f"{several} {state}; run the same {command('scan')} again with {again}")
