"""A scan under way: all that it needs to go on is in one file, and changes there at once."""

from __future__ import annotations

import io
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.runtime import Array
from retrograph.scanning.store import PICTURES, Row

APPLICATION = 0x72677370
"""Of a file that holds the state of a scan: "rgsp", by which `file` and SQLite know what it is."""

Saved = tuple[dict[str, Any], dict[str, Array]]
"""The counts of a state, as JSON values, and its arrays by name."""

_TABLES = f"""
PRAGMA application_id = {APPLICATION};
CREATE TABLE run (value TEXT NOT NULL);
CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
{PICTURES};
"""


class _DamagedError(InputError):
    """The file is no database."""


class Unfinished:
    """The file that becomes another one when the scan is done.

    A process holds it alone, until it is closed or the process ends.

    Args:
        target: the other one; this has its name with ".part".

    Raises:
        InputError: it cannot be read or written, or another process scans into the folder.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = begun_path(target)
        self._new = target.with_name(f"{target.name}.new")
        with self._blamed():
            self._file = sqlite3.connect(self.path, timeout=1, isolation_level=None)
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            with self._at_once():
                if not self._file.execute("SELECT * FROM sqlite_master").fetchone():
                    for statement in _TABLES.split(";"):
                        self._file.execute(statement)

    @classmethod
    def discard(cls, target: Path) -> None:
        """Take away what was begun of a file, if anything was, damaged or not.

        Raises:
            InputError: another process is at it.
        """
        path = begun_path(target)
        if not path.exists():
            return
        try:
            cls(target).close()
        except _DamagedError:
            path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
        path.unlink()

    @property
    def run(self) -> dict[str, Any] | None:
        """What is scanned and how; None where nothing is begun."""
        with self._blamed():
            return read_run(self._file)

    def begin(self, run: Mapping[str, Any]) -> None:
        """Begin anew."""
        with self._blamed(), self._at_once():
            for table in ("run", "state", "picture"):
                self._file.execute(f"DELETE FROM {table}")
            self._file.execute("INSERT INTO run VALUES (?)", [json.dumps(run)])

    def save(
        self, pictures: Sequence[Row], counts: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> None:
        """Save new pictures and all of the state, in one transaction."""
        values: dict[str, bytes] = {name: _bytes(array) for name, array in arrays.items()}
        values["counts"] = json.dumps(counts).encode()
        with self._blamed(), self._at_once():
            self._file.executemany("INSERT INTO picture VALUES (?, ?, ?, ?)", pictures)
            self._file.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", values.items())

    def state(self) -> Saved | None:
        """The counts and arrays that were saved last; None before the first time."""
        with self._blamed():
            return read_state(self._file)

    def pictures(self) -> Iterator[Row]:
        """The rows of all pictures that were saved, in order."""
        return read_pictures(self._file)

    def first_problem(self) -> str:
        """Why the first bad input is bad."""
        return str(next(read_problems(self._file))[1])

    def keep(self) -> None:
        """Close it and give it the name of the target, which holds the state that was saved."""
        self.close()
        with self._blamed():
            os.replace(self.path, self._target)

    @contextmanager
    def finished(self) -> Iterator[Path]:
        """The path to write the store to; after the block it gets its name, and this file goes."""
        with self._blamed():
            self._new.unlink(missing_ok=True)
            try:
                yield self._new
                os.replace(self._new, self._target)
            finally:
                self._new.unlink(missing_ok=True)
        self.drop()

    def drop(self) -> None:
        """Close it and take it away."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        self._file.close()

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """One transaction."""
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._file.in_transaction:
                self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            if "locked" in str(error):
                raise InputError(
                    f"{self.path} is in use by another scan; wait for it, or choose another folder"
                ) from None
            if "not a database" in str(error) or "malformed" in str(error):
                raise _DamagedError(
                    f"{self.path} is damaged; give {parameter('force', True)} to start anew"
                ) from None
            raise InputError(
                f"{self.path.parent} cannot be written in ({reason}); make room or mend its "
                "rights, and the same command goes on from what was kept"
            ) from None


def begun_path(target: Path) -> Path:
    """Where the state of a scan lies that will be another file when it is done."""
    return target.with_name(f"{target.name}.part")


def read_run(file: sqlite3.Connection) -> dict[str, Any] | None:
    """What is scanned and how; None where nothing is begun."""
    row = file.execute("SELECT value FROM run").fetchone()
    return None if row is None else dict(json.loads(row[0]))


def read_counts(file: sqlite3.Connection) -> dict[str, Any]:
    """The counts that were saved last; empty before the first time."""
    row = file.execute("SELECT value FROM state WHERE name = 'counts'").fetchone()
    return {} if row is None else dict(json.loads(row[0]))


def read_state(file: sqlite3.Connection) -> Saved | None:
    """The counts and arrays that were saved last; None before the first time."""
    values = dict(file.execute("SELECT name, value FROM state").fetchall())
    if not values:
        return None
    counts = dict(json.loads(values.pop("counts")))
    return counts, {name: np.load(io.BytesIO(value)) for name, value in values.items()}


def read_pictures(file: sqlite3.Connection) -> Iterator[Row]:
    """The rows of all pictures that were saved, in order."""
    yield from file.execute("SELECT id, name, class, problem FROM picture ORDER BY id")


def read_problems(file: sqlite3.Connection) -> Iterator[Row]:
    """The name of each bad input and why it is bad, in order."""
    yield from file.execute(
        "SELECT name, problem FROM picture WHERE problem IS NOT NULL ORDER BY id"
    )


def _bytes(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
