"""A finished scan as a plain record, and in a few words."""

from __future__ import annotations

from typing import Any

from retrograph.preprocess import Preprocessing
from retrograph.preprocess.described import recipe_name
from retrograph.results.unit_names import channel_names, class_name
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.store import ScannedLayer


def scan_record(scan: ScanReader) -> dict[str, Any]:
    """What a scan found, as texts, numbers, lists and dicts: what `retrograph scan --json` prints.

    Returns:
        store, pictures {good, bad}, preprocessing, problems [{name, problem}], classes
        {name: count}, layers [{alias, tensor, shape, receptive_field, channels, dead,
        driven_by_most, selective}].
    """
    return {
        "store": str(scan.path),
        "pictures": scan.run["pictures"],
        "preprocessing": recipe_name(Preprocessing.from_json(scan.run["preprocessing"])),
        "problems": [{"name": name, "problem": problem} for name, problem in scan.problems],
        "classes": scan.classes,
        "layers": [_layer_record(scan, layer) for layer in scan.layers],
    }


def _layer_record(scan: ScanReader, layer: ScannedLayer) -> dict[str, Any]:
    return {
        "alias": layer.alias,
        "tensor": layer.tensor,
        "shape": list(layer.shape),
        "receptive_field": None if layer.field is None else str(layer.field),
        "channels": list(layer.channels),
        "dead": [each.channel for each in scan.channels(layer.alias) if each.is_dead],
        "driven_by_most": scan.driven_by_most(layer.alias),
        "selective": [
            {
                "channel": each.channel,
                "class": each.class_name,
                "strength": each.strength,
                "mean_peak": each.mean_peak,
                "fires": each.fires,
                "classes": each.classes,
            }
            for each in scan.selective(layer.alias)
        ],
    }


def count_text(scan: ScanReader) -> str:
    """How much was scanned, such as "12 inputs of 3 classes, 1 more could not be read"."""
    good = scan.run["pictures"]["good"]
    text = f"{good:,} {plural('input', good)}"
    if scan.classes:
        text += f" of {len(scan.classes)} {plural('class', len(scan.classes))}"
    if scan.problems:
        text += f", {len(scan.problems):,} more could not be read"
    return text


def channel_label(scan: ScanReader, layer: ScannedLayer, channel: int) -> str:
    """A channel by its number, and by its class where it scores one."""
    labels = scan.run["labels"]
    if channel_names(labels, layer.shape, layer.alias, layer.channel_axis):
        return f"{channel} ({class_name(channel, labels)})"
    return str(channel)


def plural(word: str, count: int) -> str:
    """The word as it stands behind a count: "1 class", "2 classes"."""
    if count == 1:
        return word
    return f"{word}es" if word.endswith("s") else f"{word}s"
