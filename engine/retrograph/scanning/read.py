"""A finished scan, read back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from retrograph.errors import InputError
from retrograph.scanning.store import FILE, Row, ScannedLayer, field_of, opened


@dataclass(frozen=True)
class Unit:
    """One of the strongest units of a channel.

    Attributes:
        rank: from 1, the strongest.
        picture: the number of its picture among the inputs, from 0.
        name: that picture's name, as `preprocess.iter_inputs` gives it.
        class_name: that picture's class; None where there is none.
        index: the unit's index in an item of the layer, as `Explainer` and `Field` take it.
        activation: how strong it is.
    """

    rank: int
    picture: int
    name: str
    class_name: str | None
    index: tuple[int, ...]
    activation: float


@dataclass(frozen=True)
class Channel:
    """What was counted of a channel; its peak is its greatest activation in a picture.

    Attributes:
        channel: its number.
        mean_peak: the mean of the peaks.
        mean: the mean activation over pictures and positions.
        share: the share of positions, over all pictures, whose activation is above 0.
        fires: the share of pictures whose peak is above 0.
        start, width, counts: the histogram of the peaks: bin i counts those from
            start + i * width on, below start + (i + 1) * width.
    """

    channel: int
    mean_peak: float
    mean: float
    share: float
    fires: float
    start: float
    width: float
    counts: tuple[int, ...]

    @property
    def is_dead(self) -> bool:
        """Whether it never fires."""
        return self.fires == 0


@dataclass(frozen=True)
class Preference:
    """Which class drives a channel most.

    Attributes:
        channel: its number.
        class_name: the class of the greatest mean peak, peaks below 0 taken as 0; of equal ones
            the first by name.
        mean_peak: of that class, peaks as they are.
        fires: the share of that class's pictures in which the channel fires.
        strength: the class selectivity index of Morcos et al. (2018), (a - b) / (a + b), of this
            class's mean peak a and the mean b of the other classes' mean peaks, peaks below 0
            taken as 0: 0 for none, 1 where it is driven by one class alone.
        classes: how many classes drive it: it fires in more than half of their pictures.
    """

    channel: int
    class_name: str
    mean_peak: float
    fires: float
    strength: float
    classes: int


class Scan:
    """A finished scan.

    Args:
        path: its folder, or the file in it.

    Raises:
        InputError: there is none.

    Example:
        >>> scan = Scan("run/")
        >>> best = scan.top("relu5", channel=17)[0]
        >>> best.name, best.index, best.activation
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path, FILE) if Path(path).is_dir() else Path(path)
        self.run: dict[str, Any] = {k: json.loads(v) for k, v in self._rows("SELECT * FROM run")}

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
        asked = "SELECT name, problem FROM picture WHERE problem IS NOT NULL ORDER BY id"
        return [(name, problem) for name, problem in self._rows(asked)]

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

    def top(self, layer: str, channel: int) -> list[Unit]:
        """The strongest units of a channel, the strongest first, one a picture.

        Raises:
            InputError: the layer or the channel was not scanned.
        """
        found = self.layer(layer)
        if channel not in found.channels:
            raise InputError(f"channel {channel} of '{found.alias}' was not scanned; scan it anew")
        rows = self._rows(
            "SELECT rank, id, name, class, unit, activation FROM top JOIN picture ON picture = id "
            "WHERE layer = ? AND channel = ? ORDER BY rank",
            (found.alias, channel),
        )
        return [
            Unit(rank, picture, name, class_name, tuple(json.loads(index)), activation)
            for rank, picture, name, class_name, index, activation in rows
        ]

    def channels(self, layer: str) -> list[Channel]:
        """What was counted of each channel of a layer, in order.

        Raises:
            InputError: the layer was not scanned.
        """
        rows = self._rows(
            "SELECT channel, mean_peak, mean, share, fires, histogram FROM channel "
            "WHERE layer = ? ORDER BY channel",
            (self.layer(layer).alias,),
        )
        found = []
        for channel, mean_peak, mean, share, fires, text in rows:
            bins = json.loads(text)
            start, width, counts = bins["start"], bins["width"], tuple(bins["counts"])
            found.append(Channel(channel, mean_peak, mean, share, fires, start, width, counts))
        return found

    def preferred(self, layer: str) -> list[Preference]:
        """The class that drives each channel of a layer most; empty where there are no classes.

        Raises:
            InputError: the layer was not scanned.
        """
        rows = self._rows(
            "SELECT channel, class, mean_peak, mean_positive, fires FROM channel_class "
            "WHERE layer = ? ORDER BY channel, class",
            (self.layer(layer).alias,),
        )
        by_channel: dict[int, list[Row]] = {}
        for channel, *row in rows:
            by_channel.setdefault(channel, []).append(tuple(row))
        return [_preference(channel, found) for channel, found in by_channel.items()]

    def _channels(self, layer: str) -> tuple[int, ...]:
        asked = "SELECT channel FROM channel WHERE layer = ? ORDER BY channel"
        return tuple(channel for (channel,) in self._rows(asked, (layer,)))

    def _rows(self, asked: str, given: Row = ()) -> list[Row]:
        with opened(self.path) as store:
            return store.execute(asked, given).fetchall()


def _preference(channel: int, rows: list[Row]) -> Preference:
    """From (class, mean peak, mean of the positive parts, fires) of each class."""
    best = max(rows, key=lambda row: float(row[2]))
    others = [row[2] for row in rows if row is not best]
    a, b = best[2], sum(others) / len(others) if others else 0.0
    strength = (a - b) / (a + b) if others and a > 0 else 0.0
    driven = sum(row[3] > 0.5 for row in rows)
    return Preference(channel, best[0], best[1], best[3], strength, driven)
