"""A finished scan as one SQLite file, whose tables are a contract (SCAN.md)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, SupportsIndex

from retrograph.errors import InputError, command
from retrograph.pointers import refuse_pointer_file
from retrograph.receptive_field import Field, Span
from retrograph.scanning.statistics import Tally

FILE = "scan.sqlite"
"""The name of the store in its folder."""

VERSION = 1
"""Of the tables; a change that breaks a reader raises it."""

_APPLICATION = 0x72677363  # "rgsc", by which `file` and SQLite know what it is

PICTURES = """
CREATE TABLE picture (id INTEGER PRIMARY KEY, name TEXT NOT NULL, class TEXT, problem TEXT)"""

_TABLES = f"""
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layer (
    alias TEXT PRIMARY KEY, tensor TEXT NOT NULL, shape TEXT NOT NULL,
    channel_axis INTEGER NOT NULL, receptive_field TEXT);
CREATE TABLE class (name TEXT PRIMARY KEY, pictures INTEGER NOT NULL);
{PICTURES};
CREATE TABLE top (
    layer TEXT, channel INTEGER, rank INTEGER, picture INTEGER NOT NULL, unit TEXT NOT NULL,
    activation REAL NOT NULL, PRIMARY KEY (layer, channel, rank)) WITHOUT ROWID;
CREATE TABLE channel (
    layer TEXT, channel INTEGER, mean_peak REAL NOT NULL, mean REAL NOT NULL, share REAL NOT NULL,
    fires REAL NOT NULL, histogram TEXT NOT NULL, PRIMARY KEY (layer, channel)) WITHOUT ROWID;
CREATE TABLE channel_class (
    layer TEXT, channel INTEGER, class TEXT, mean_peak REAL NOT NULL,
    mean_positive REAL NOT NULL, fires REAL NOT NULL,
    PRIMARY KEY (layer, channel, class)) WITHOUT ROWID;
"""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class ScannedLayer:
    """One layer of a scan.

    Attributes:
        alias: its short name, by which the other tables name it.
        tensor: its name in the model.
        shape: of one item; None where a dimension is open.
        channel_axis: which axis of an item counts channels.
        channels: those that were scanned.
        field: what one unit sees of the input; None where it sees all of it.
    """

    alias: str
    tensor: str
    shape: tuple[int | None, ...]
    channel_axis: int
    channels: tuple[int, ...]
    field: Field | None

    def refusal(self, channel: int) -> str:
        """Why a channel has no units: the layer does not have it, or it was not scanned."""
        if not isinstance(channel, SupportsIndex):
            return f"{channel!r} is no channel of '{self.alias}'; give its number"
        count = self.shape[self.channel_axis]
        if channel < 0 or (count is not None and channel >= count):
            last = "on" if count is None else f"to {count - 1}"
            return f"'{self.alias}' has no channel {channel}; its channels are those from 0 {last}"
        return (
            f"channel {channel} of '{self.alias}' was not scanned; choose of those from "
            f"{self.channels[0]} to {self.channels[-1]}, or scan anew"
        )

    def to_values(self) -> list[Any]:
        """The layer as JSON values, of which `from_values` makes it again."""
        return [*self.row(), list(self.channels)]

    @classmethod
    def from_values(cls, values: Sequence[Any]) -> ScannedLayer:
        alias, tensor, shape, axis, field, channels = values
        return cls(alias, tensor, tuple(json.loads(shape)), axis, tuple(channels), field_of(field))

    def row(self) -> Row:
        field = None if self.field is None else json.dumps(_field_values(self.field))
        return self.alias, self.tensor, json.dumps(self.shape), self.channel_axis, field


def write(
    path: Path,
    run: Mapping[str, Any],
    classes: Mapping[str, int],
    pictures: Iterable[Row],
    tallies: Sequence[tuple[ScannedLayer, Tally]],
) -> None:
    """Write a store; the same scan gives the same bytes.

    Args:
        path: where no file is yet.
        run: what was scanned and how, as JSON values by key.
        classes: how many good pictures there are of each.
        pictures: the rows of the table.
        tallies: what was counted of each layer.

    Raises:
        sqlite3.Error: it cannot be written.
    """
    good = run["pictures"]["good"]
    with closing(sqlite3.connect(path)) as store:
        store.execute(f"PRAGMA application_id = {_APPLICATION}")
        store.execute(f"PRAGMA user_version = {VERSION}")
        store.executescript(f"BEGIN; {_TABLES}")
        _insert(store, "run", ((key, json.dumps(value)) for key, value in run.items()))
        _insert(store, "class", classes.items())
        _insert(store, "picture", pictures)
        for layer, tally in tallies:
            _insert(store, "layer", [layer.row()])
            _insert(store, "top", _top_rows(layer, tally))
            _insert(store, "channel", _channel_rows(layer, tally, good))
            _insert(store, "channel_class", _class_rows(layer, tally, classes))
        store.commit()


def _insert(store: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    columns = len(store.execute(f"PRAGMA table_info({table})").fetchall())
    store.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})", rows)


def _top_rows(layer: ScannedLayer, tally: Tally) -> Iterator[Row]:
    top = tally.top
    for i, channel in enumerate(layer.channels):
        for rank, picture in enumerate(top.picture[i].tolist()):
            if picture >= 0:
                unit = json.dumps(top.unit[i, rank].tolist())
                activation = float(top.activation[i, rank])
                yield layer.alias, channel, rank + 1, picture, unit, activation


def _channel_rows(layer: ScannedLayer, tally: Tally, pictures: int) -> Iterator[Row]:
    means = tally.statistics.means(pictures)
    for i, channel in enumerate(layer.channels):
        start, width, counts = tally.histogram.bins(i)
        histogram = json.dumps({"start": start, "width": width, "counts": counts})
        yield (layer.alias, channel, *means[:, i].tolist(), histogram)


def _class_rows(layer: ScannedLayer, tally: Tally, classes: Mapping[str, int]) -> Iterator[Row]:
    means = tally.statistics.class_means([*classes.values()])
    for i, channel in enumerate(layer.channels):
        for name, row in zip(classes, means[:, :, i].T.tolist(), strict=True):
            yield layer.alias, channel, name, *row


def _field_values(field: Field) -> dict[str, Any]:
    spans = [
        span and {"axis": span.axis, **{key: str(getattr(span, key)) for key in _FRACTIONS}}
        for span in field.spans
    ]
    return {"source": field.source, "axes": field.axes, "spans": spans}


_FRACTIONS = ("stride", "first", "last")


def field_of(text: str | None) -> Field | None:
    """A receptive field from its JSON."""
    if text is None:
        return None
    values = json.loads(text)
    spans = tuple(
        None if s is None else Span(s["axis"], *(Fraction(s[key]) for key in _FRACTIONS))
        for s in values["spans"]
    )
    return Field(values["source"], tuple(values["axes"]), spans)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A store to read from.

    Raises:
        InputError: there is none, or it is of another version.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist; make it with {command('scan')}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as store:
            (application,) = store.execute("PRAGMA application_id").fetchone()
            (version,) = store.execute("PRAGMA user_version").fetchone()
            if application != _APPLICATION:
                raise InputError(f"{path} is no scan; name a folder that {command('scan')} made")
            if version != VERSION:
                raise InputError(
                    f"{path} has the tables of version {version}, this program reads {VERSION}; "
                    "scan anew"
                )
            yield store
    except sqlite3.Error as error:
        refuse_pointer_file(path)
        raise InputError(f"{path} is no scan that can be read ({error}); scan anew") from None
