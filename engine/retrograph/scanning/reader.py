"""The store of a finished scan, read back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from retrograph.errors import InputError
from retrograph.inputs.loader import Input, as_list
from retrograph.scanning.fingerprint import MEMORY
from retrograph.scanning.records import ChannelStats, ClassActivation, ClassPreference, TopUnit
from retrograph.scanning.store import FILE, Row, ScannedLayer, field_of, opened

_LEAST_DRIVEN = 0.5
"""A channel is driven by most classes if it is by more than this share of them."""


class ScanReader:
    """Reads the store of a finished scan.

    Args:
        path: the scan's folder, or the file in it.
        inputs: what was scanned, where it was in memory; of no use where it was files.

    Attributes:
        path: the file.
        run: what was scanned and how: the table `run` (SCAN.md).

    Raises:
        InputError: there is none.

    Example:
        >>> scan = ScanReader("run/")
        >>> best = scan.top("relu5", channel=17)[0]
        >>> best.name, best.index, best.activation
    """

    def __init__(
        self, path: str | os.PathLike[str], inputs: Input | Iterable[Input] | None = None
    ) -> None:
        self._in_memory = None if inputs is None else as_list(inputs)
        self._preferred: dict[str, list[ClassPreference]] = {}
        self.path = Path(path, FILE) if Path(path).is_dir() else Path(path)
        self.run: dict[str, Any] = {k: json.loads(v) for k, v in self._rows("SELECT * FROM run")}

    @property
    def inputs(self) -> list[Input]:
        """What was scanned: paths as they were given, pictures and arrays.

        Raises:
            InputError: some of it was in memory, and the scan was opened without it.
        """
        if self._in_memory is not None:
            return self._in_memory
        scanned = self.run["inputs"]
        for each in scanned:
            if MEMORY in each:
                raise InputError(
                    f"{self.path} is a scan of what was in memory, such as {each['path']}; open it "
                    "in Python, by open_scan(path, inputs=...)"
                )
        return [each["path"] for each in scanned]

    @cached_property
    def layers(self) -> tuple[ScannedLayer, ...]:
        """What was scanned, in the order in which it was asked for."""
        return tuple(
            ScannedLayer(
                alias, tensor, tuple(json.loads(shape)), axis, self._channels(alias), field_of(seen)
            )
            for alias, tensor, shape, axis, seen in self._rows("SELECT * FROM layer ORDER BY rowid")
        )

    @cached_property
    def classes(self) -> dict[str, int]:
        """How many good pictures there are of each class, by name."""
        return dict(self._rows("SELECT name, pictures FROM class ORDER BY name"))

    @property
    def problems(self) -> list[tuple[str, str]]:
        """The bad inputs by name, each with the reason."""
        query = "SELECT name, problem FROM picture WHERE problem IS NOT NULL ORDER BY id"
        return [(name, problem) for name, problem in self._rows(query)]

    def layer(self, name: str) -> ScannedLayer:
        """A layer by its alias or tensor.

        Raises:
            InputError: it was not scanned.
        """
        for layer in self.layers:
            if name in (layer.alias, layer.tensor):
                return layer
        known = ", ".join(layer.alias for layer in self.layers)
        raise InputError(f"'{name}' was not scanned; choose one of: {known}")

    def top(self, layer: str, channel: int) -> list[TopUnit]:
        """The strongest units of a channel, the strongest first, one a picture.

        Args:
            layer: its alias or tensor.
            channel: its number, from 0.

        Raises:
            InputError: the layer or the channel is not there, or was not scanned.
        """
        scanned = self.layer(layer)
        if channel not in scanned.channels:
            raise InputError(scanned.refusal(channel))
        rows = self._rows(
            "SELECT rank, id, name, class, unit, activation FROM top JOIN picture ON picture = id "
            "WHERE layer = ? AND channel = ? ORDER BY rank",
            (scanned.alias, channel),
        )
        return [
            TopUnit(rank, picture, name, class_name, tuple(json.loads(index)), activation)
            for rank, picture, name, class_name, index, activation in rows
        ]

    def channels(self, layer: str) -> list[ChannelStats]:
        """The statistics of each channel of a layer, in order.

        Raises:
            InputError: the layer was not scanned.
        """
        rows = self._rows(
            "SELECT channel, mean_peak, mean, share, fires, histogram FROM channel "
            "WHERE layer = ? ORDER BY channel",
            (self.layer(layer).alias,),
        )
        return [
            ChannelStats(channel, mean_peak, mean, share, fires, **_histogram(text))
            for channel, mean_peak, mean, share, fires, text in rows
        ]

    def preferred(self, layer: str) -> list[ClassPreference]:
        """The class that drives each channel of a layer most; empty where there are no classes.

        Raises:
            InputError: the layer was not scanned.
        """
        alias = self.layer(layer).alias
        if alias not in self._preferred:
            self._preferred[alias] = self._read_preferred(alias)
        return list(self._preferred[alias])

    def _read_preferred(self, alias: str) -> list[ClassPreference]:
        """The same from the store, a channel at a time: there may be millions of rows."""
        query = (
            "SELECT class, mean_peak, mean_positive, fires, channel FROM channel_class "
            "WHERE layer = ? ORDER BY channel, class"
        )
        with opened(self.path) as store:
            by_channel = groupby(store.execute(query, (alias,)), key=itemgetter(4))
            return [_preference(channel, list(rows)) for channel, rows in by_channel]

    def selective(self, layer: str) -> list[ClassPreference]:
        """The channels that some class drives, the most selective first; none of a single class.

        Raises:
            InputError: the layer was not scanned.
        """
        driven = [each for each in self._compared(layer) if each.strength > 0]
        return sorted(driven, key=lambda each: -each.strength)

    def driven_by_most(self, layer: str) -> list[int]:
        """The channels that more than half of several classes drive.

        Raises:
            InputError: the layer was not scanned.
        """
        least = _LEAST_DRIVEN * len(self.classes)
        return [each.channel for each in self._compared(layer) if each.classes > least]

    def _compared(self, layer: str) -> list[ClassPreference]:
        """The preferred classes of channels, where there are several classes to compare."""
        return self.preferred(layer) if len(self.classes) > 1 else []

    def class_activations(self, layer: str) -> dict[int, list[ClassActivation]]:
        """What each class does to each channel of a layer, the class that drives it most first.

        Raises:
            InputError: the layer was not scanned.
        """
        rows = self._rows(
            "SELECT channel, class, mean_peak, fires FROM channel_class WHERE layer = ? "
            "ORDER BY channel, mean_positive DESC, class",
            (self.layer(layer).alias,),
        )
        by_channel: dict[int, list[ClassActivation]] = {}
        for channel, *values in rows:
            by_channel.setdefault(channel, []).append(ClassActivation(*values))
        return by_channel

    def _channels(self, layer: str) -> tuple[int, ...]:
        query = "SELECT channel FROM channel WHERE layer = ? ORDER BY channel"
        return tuple(channel for (channel,) in self._rows(query, (layer,)))

    def _rows(self, query: str, parameters: Row = ()) -> list[Row]:
        with opened(self.path) as store:
            return store.execute(query, parameters).fetchall()


def _histogram(text: str) -> dict[str, Any]:
    """The histogram of a channel's peaks from its JSON, as fields of `ChannelStats`."""
    bins = json.loads(text)
    return {"start": bins["start"], "width": bins["width"], "counts": tuple(bins["counts"])}


def _preference(channel: int, rows: list[Row]) -> ClassPreference:
    """From (class, mean peak, mean of the positive parts, fires) of each class."""
    best = max(rows, key=lambda row: float(row[2]))
    others = [row[2] for row in rows if row is not best]
    a, b = best[2], sum(others) / len(others) if others else 0.0
    strength = (a - b) / (a + b) if others and a > 0 else 0.0
    driven = sum(row[3] > 0.5 for row in rows)
    return ClassPreference(channel, best[0], best[1], best[3], strength, driven)
