"""What `retrograph scan` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import print_table, visible
from retrograph.errors import spelled
from retrograph.results.unit_names import channel_names, class_name
from retrograph.scanning import ClassPreference, ScannedLayer, Scanner, ScanReader

_SHOWN = 10
"""Channels of a layer that are printed."""

_LEAST_DRIVEN = 0.5
"""A channel is driven by most classes if it is by more than this share of them."""


def announce(scanner: Scanner, notes: Sequence[str], out: Console) -> None:
    """Say what is going to be scanned, and what should be known of it."""
    layers = [
        f"{layer.alias} ({len(layer.channels)} {_plural('channel', len(layer.channels))})"
        for layer in scanner.layers
    ]
    network = scanner.session
    where = f" for '{network.input.name}' on {network.device}, {scanner.batch} at once"
    out.print(Text.assemble((visible(", ".join(layers)), "bold"), visible(where)), soft_wrap=True)
    for note in notes:
        out.print(Text(visible(spelled(note, as_option)), "dim"), soft_wrap=True)


def print_report(scan: ScanReader, out: Console) -> None:
    """What was found, in tables."""
    good = scan.run["pictures"]["good"]
    head = f"{good:,} {_plural('input', good)}"
    if scan.classes:
        head += f" of {len(scan.classes)} {_plural('class', len(scan.classes))}"
    if scan.problems:
        head += f", {len(scan.problems):,} more could not be read"
    out.print(Text(visible(f"{head}: {scan.path}")), soft_wrap=True)
    out.print()
    rows = [_layer_row(scan, layer) for layer in scan.layers]
    print_table(out, *_aligned(_LAYER_HEADINGS, rows, left=("layer",)))
    for layer in scan.layers:
        found = _selective(scan, layer)[:_SHOWN]
        if found:
            out.print()
            out.print(Text(visible(f"most class-selective channels of {layer.alias}"), "bold"))
            shown = [_preference_row(scan, layer, each) for each in found]
            print_table(out, *_aligned(_PREFERENCE_HEADINGS, shown, left=("class",)))


_LAYER_HEADINGS = ("layer", "channels", "dead", "driven by most classes", "sees / step")
_PREFERENCE_HEADINGS = ("channel", "class", "selectivity", "mean peak", "fires", "drives it")


def _layer_row(scan: ScanReader, layer: ScannedLayer) -> tuple[str, ...]:
    dead = sum(each.is_dead for each in scan.channels(layer.alias))
    most = str(len(_driven_by_most(scan, layer))) if len(scan.classes) > 1 else ""
    sees = "all" if layer.field is None else str(layer.field)
    return layer.alias, str(len(layer.channels)), str(dead), most, sees


def _preference_row(
    scan: ScanReader, layer: ScannedLayer, found: ClassPreference
) -> tuple[str, ...]:
    labels = scan.run["labels"]
    name = str(found.channel)
    if channel_names(labels, layer.shape, layer.alias, layer.channel_axis):
        name += f" ({class_name(found.channel, labels)})"
    return (
        name,
        found.class_name,
        f"{found.strength:.2f}",
        f"{found.mean_peak:.4g}",
        f"{found.fires:.0%}",
        f"{found.classes} of {len(scan.classes)}",
    )


def _selective(scan: ScanReader, layer: ScannedLayer) -> list[ClassPreference]:
    """The channels that some class drives, the most selective first; none of a single class."""
    if len(scan.classes) < 2:
        return []
    found = [each for each in scan.preferred(layer.alias) if each.strength > 0]
    return sorted(found, key=lambda each: -each.strength)


def _driven_by_most(scan: ScanReader, layer: ScannedLayer) -> list[int]:
    least = _LEAST_DRIVEN * len(scan.classes)
    return [each.channel for each in scan.preferred(layer.alias) if each.classes > least]


def _aligned(
    headings: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """A table whose columns are flush right but for some."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [
        [
            cell if heading in left else cell.rjust(width)
            for heading, cell, width in zip(headings, row, widths, strict=True)
        ]
        for row in (headings, *rows)
    ]
    return lines[0], lines[1:]


def as_json(scan: ScanReader) -> str:
    """What was found, for a program."""
    record = {
        "store": str(scan.path),
        "pictures": scan.run["pictures"],
        "problems": [{"name": name, "problem": problem} for name, problem in scan.problems],
        "classes": scan.classes,
        "layers": [_record(scan, layer) for layer in scan.layers],
    }
    return json.dumps(record, indent=1)


def _record(scan: ScanReader, layer: ScannedLayer) -> dict[str, Any]:
    return {
        "alias": layer.alias,
        "tensor": layer.tensor,
        "shape": list(layer.shape),
        "receptive_field": None if layer.field is None else str(layer.field),
        "channels": list(layer.channels),
        "dead": [each.channel for each in scan.channels(layer.alias) if each.is_dead],
        "driven_by_most": _driven_by_most(scan, layer) if len(scan.classes) > 1 else [],
        "selective": [
            {
                "channel": each.channel,
                "class": each.class_name,
                "strength": each.strength,
                "mean_peak": each.mean_peak,
                "fires": each.fires,
                "classes": each.classes,
            }
            for each in _selective(scan, layer)
        ],
    }


def _plural(word: str, count: int) -> str:
    if count == 1:
        return word
    return f"{word}es" if word.endswith("s") else f"{word}s"
