"""The patches of a layer, with the statistics of its channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from retrograph.patches.patch_image import PatchImage, cell_size
from retrograph.patches.patch_reader import Key
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
class ChannelPatches:
    """The patches of a channel.

    Attributes:
        name: its number, and its class where it scores one.
        stats: its statistics.
        preference: the class that drives it most, if there are several.
        classes: those that drive it, the most first.
        peak: its greatest activation.
        patches: its units with their pictures, the strongest first.
    """

    name: str
    stats: ChannelStats
    preference: ClassPreference | None
    classes: Sequence[ClassActivation]
    peak: float
    patches: Sequence[tuple[TopUnit, PatchImage]]

    @property
    def channel(self) -> int:
        """Its number."""
        return self.stats.channel


@dataclass(frozen=True)
class LayerPatches:
    """The patches of a layer.

    Attributes:
        layer: the layer.
        sees: what a unit of it sees, in words.
        channels: its channels, in order.
        k: the patches of a channel at most.
    """

    layer: ScannedLayer
    sees: str
    channels: Sequence[ChannelPatches]
    k: int

    @cached_property
    def cell(self) -> tuple[int, int]:
        """Width and height that all patches fit in, in pixels."""
        return cell_size([image for each in self.channels for _, image in each.patches])


def layer_patches(
    scan: ScanReader,
    layer: ScannedLayer,
    sees: str,
    channels: Sequence[int],
    k: int,
    images: Mapping[Key, PatchImage],
) -> LayerPatches:
    """Some channels of a scanned layer with their patches.

    Args:
        scan: the scan.
        layer: one of its layers.
        sees: what a unit of the layer sees, in words.
        channels: numbers of scanned channels.
        k: the patches of a channel at most.
        images: the patches that could be made, of any layers.
    """
    stats = {each.channel: each for each in scan.channels(layer.alias)}
    several = len(scan.classes) > 1
    preferred = {each.channel: each for each in scan.preferred(layer.alias) if several}
    classes = scan.class_activations(layer.alias)
    labels = scan.run["labels"]
    is_named = channel_names(labels, layer.shape, layer.alias, layer.channel_axis)
    rows = []
    for channel in channels:
        units = scan.top(layer.alias, channel)[:k]
        drawn = [(unit, images.get((layer.alias, channel, unit.rank))) for unit in units]
        rows.append(
            ChannelPatches(
                f"{channel} {class_name(channel, labels)}" if is_named else str(channel),
                stats[channel],
                preferred.get(channel),
                classes.get(channel, []),
                units[0].activation,
                [(unit, image) for unit, image in drawn if image is not None],
            )
        )
    return LayerPatches(layer, sees, rows, k)
