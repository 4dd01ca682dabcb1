"""What `retrograph scan` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from retrograph.cli.terminal import print_table, visible
from retrograph.scanning import ClassPreference, ScannedLayer, ScanReader
from retrograph.scanning.parts import ScanPart
from retrograph.scanning.summary import channel_label, count_text

_SHOWN = 10
"""Channels of a layer that are printed."""


def report(scan: ScanReader | ScanPart, out: Console) -> None:
    """What was found, in tables; of a part where it is and what is to be done with it."""
    if isinstance(scan, ScanPart):
        folder = visible(str(scan.path.parent))
        counts = f"{scan.share}: {scan.pictures['good']:,} inputs, {len(scan.problems):,} bad"
        out.print(f"{counts} -> {visible(str(scan.path))}", soft_wrap=True)
        out.print(f"when all are there: retrograph scan merge {folder} -o {folder}", soft_wrap=True)
        return
    out.print(Text(visible(f"{count_text(scan)}: {scan.path}")), soft_wrap=True)
    out.print()
    rows = [_layer_row(scan, layer) for layer in scan.layers]
    print_table(out, *_aligned(_LAYER_HEADINGS, rows, left=("layer",)))
    for layer in scan.layers:
        selective = scan.selective(layer.alias)[:_SHOWN]
        if selective:
            out.print()
            out.print(Text(visible(f"most class-selective channels of {layer.alias}"), "bold"))
            shown = [_preference_row(scan, layer, each) for each in selective]
            print_table(out, *_aligned(_PREFERENCE_HEADINGS, shown, left=("class",)))


_LAYER_HEADINGS = ("layer", "channels", "dead", "driven by most classes", "sees / step")
_PREFERENCE_HEADINGS = ("channel", "class", "selectivity", "mean peak", "fires", "drives it")


def _layer_row(scan: ScanReader, layer: ScannedLayer) -> tuple[str, ...]:
    dead = sum(each.is_dead for each in scan.channels(layer.alias))
    most = str(len(scan.driven_by_most(layer.alias))) if len(scan.classes) > 1 else ""
    sees = "all" if layer.field is None else str(layer.field)
    return layer.alias, str(len(layer.channels)), str(dead), most, sees


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
