"""What a scan has found as tables: of the layers, and of the most class-selective channels."""

from __future__ import annotations

from collections.abc import Iterator

from retrograph.results.tables import Table, aligned
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.records import ClassPreference
from retrograph.scanning.store import ScannedLayer
from retrograph.scanning.summary import channel_label

_SHOWN = 10
"""Channels of a layer that are told."""
_DRIVEN = "driven by most classes"
_LAYERS = ("layer", "channels", "dead", _DRIVEN, "sees / step")
_PREFERENCES = ("channel", "class", "selectivity", "mean peak", "fires", "drives it")


def scan_tables(scan: ScanReader) -> Iterator[Table]:
    """The layers, a row each, then of each layer its most class-selective channels, if any."""
    headings = [each for each in _LAYERS if each != _DRIVEN or len(scan.classes) > 1]
    yield aligned(Table(headings, [_layer_row(scan, each) for each in scan.layers]), ("layer",))
    for layer in scan.layers:
        selective = scan.selective(layer.alias)[:_SHOWN]
        if selective:
            rows = [_preference_row(scan, layer, each) for each in selective]
            title = f"most class-selective channels of {layer.alias}"
            yield aligned(Table(_PREFERENCES, rows, title), ("class",))


def _layer_row(scan: ScanReader, layer: ScannedLayer) -> tuple[str, ...]:
    dead = sum(each.is_dead for each in scan.channels(layer.alias))
    most = [str(len(scan.driven_by_most(layer.alias)))] if len(scan.classes) > 1 else []
    sees = "all" if layer.field is None else str(layer.field)
    return layer.alias, str(len(layer.channels)), str(dead), *most, sees


def _preference_row(
    scan: ScanReader, layer: ScannedLayer, preference: ClassPreference
) -> tuple[str, ...]:
    return (
        channel_label(scan, layer, preference.channel),
        preference.class_name,
        f"{preference.strength:.2f}",
        f"{preference.mean_peak:.4g}",
        f"{preference.fires:.0%}",
        f"{preference.classes} of {len(scan.classes)}",
    )
