"""The patches of a layer, with what the scan counted of its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from retrograph.cli.patch_finding import Key
from retrograph.cli.patch_tiles import Tile, cell
from retrograph.results.unit_names import channel_names, class_name
from retrograph.scanning import (
    ChannelStats,
    ClassActivation,
    ClassPreference,
    ScannedLayer,
    ScanReader,
    TopUnit,
)


@dataclass(frozen=True)
class Row:
    """A channel.

    Attributes:
        name: its number, and its class where it is one.
        channel: what was counted of it.
        preference: the class that drives it most, if there are several.
        classes: those that drive it, the most first.
        peak: its greatest activation.
        tiles: its patches, each with its unit, the strongest first.
    """

    name: str
    channel: ChannelStats
    preference: ClassPreference | None
    classes: Sequence[ClassActivation]
    peak: float
    tiles: Sequence[tuple[TopUnit, Tile]]


@dataclass(frozen=True)
class Album:
    """The channels of a layer.

    Attributes:
        layer: the layer.
        rows: its channels, in order.
        k: the patches of a channel at most.
    """

    layer: ScannedLayer
    rows: Sequence[Row]
    k: int

    @classmethod
    def of(
        cls,
        scan: ScanReader,
        layer: ScannedLayer,
        channels: Sequence[int],
        k: int,
        tiles: Mapping[Key, Tile],
    ) -> Album:
        """Some channels of a scanned layer, with the patches that were made of their units."""
        counted = {each.channel: each for each in scan.channels(layer.alias)}
        several = len(scan.classes) > 1
        preferred = {each.channel: each for each in scan.preferred(layer.alias) if several}
        driven = scan.class_activations(layer.alias)
        labels = scan.run["labels"]
        named = channel_names(labels, layer.shape, layer.alias, layer.channel_axis)
        rows = []
        for channel in channels:
            units = scan.top(layer.alias, channel)[:k]
            made = [(unit, tiles.get((layer.alias, channel, unit.rank))) for unit in units]
            name = f"{channel} {class_name(channel, labels)}" if named else str(channel)
            rows.append(
                Row(
                    name,
                    counted[channel],
                    preferred.get(channel),
                    driven.get(channel, []),
                    units[0].activation,
                    [(unit, tile) for unit, tile in made if tile is not None],
                )
            )
        return cls(layer, rows, k)

    @cached_property
    def tile(self) -> tuple[int, int]:
        """The size that all patches fit in."""
        return cell([tile for row in self.rows for _, tile in row.tiles])
