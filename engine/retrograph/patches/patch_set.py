"""The patches of a scan's layers, and what they were made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrograph.patches.layer_patches import LayerPatches
from retrograph.patches.sheets import sheets
from retrograph.render import SCALE, Page
from retrograph.scanning import ScanReader


@dataclass(frozen=True, repr=False)
class PatchSet:
    """The patches of some of a scan's layers.

    Attributes:
        scan: the scan.
        file: the model's name.
        method: the name of the method that explains.
        device: what ran it.
        notes: what is to be known of the method on these layers.
        input_noun: what was scanned, in a word: pictures, sequences or inputs.
        layers: the patches of each layer.
        missing: why pictures could not be read, by their names.
        changed: what pictures give that is not as it was in the scan, by their names.
    """

    scan: ScanReader
    file: str
    method: str
    device: str
    notes: Sequence[str]
    input_noun: str
    layers: Sequence[LayerPatches]
    missing: Mapping[str, str]
    changed: Mapping[str, str]

    def sheets(self, layer: LayerPatches) -> Iterator[tuple[str, Page]]:
        """The pages of a layer, each with the numbers of its first and last channel."""
        return sheets(layer, self._title(layer), self._sheet_notes())

    def _title(self, layer: LayerPatches) -> str:
        count = self.scan.run["pictures"]["good"]
        return (
            f"{layer.layer.alias}: what its channels fire for\n"
            f"{Path(self.file).name} · a unit sees {layer.sees} · the strongest of {count:,} "
            f"{self.input_noun}, each over its {self.method} attribution and its activation"
        )

    def _sheet_notes(self) -> list[str]:
        left = (
            "Left: the channel, its greatest activation, in which share of "
            f"{self.input_noun} it fires"
        )
        if len(self.scan.classes) > 1:
            left += ", and the class that drives it most with its selectivity, from 0 to 1"
        return [f"{left}.", f"Grey around a patch lies outside; {SCALE}", *self.notes]
