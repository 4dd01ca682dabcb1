"""`retrograph patches`: what a scan's strongest units see, cut out and explained."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from retrograph.cli.options import add_device, add_param, methods
from retrograph.cli.patch_album import Album
from retrograph.cli.patch_files import Shelf
from retrograph.cli.patch_finding import Finder, Key, Wanted
from retrograph.cli.patch_graphs import Graphs
from retrograph.cli.patch_tiles import Tile, tile
from retrograph.cli.terminal import channels, complain, console, count, visible
from retrograph.errors import InputError
from retrograph.methods import Method
from retrograph.render import STYLES
from retrograph.scanning import ScannedLayer, ScanReader

_EXAMPLES = """\
examples:
  retrograph patches run/ -o patches/                        every scanned layer and channel
  retrograph patches run/ --layer relu5 --channels 0-15 -o patches/
  retrograph patches run/ --layer relu3,relu5 -k 5 --method gradient -o patches/
  retrograph patches run/ --model moved/net.onnx -o patches/

RUN is what `retrograph scan` wrote. For each channel its k strongest pictures are read again, cut
to the window that the unit sees, and under each patch is the attribution of that unit in the same
window. Patches of a layer are of one size with the unit in the centre: what lies outside of the
picture is grey. Where a unit sees as much as there is, or more, the whole picture is shown. A unit
at exactly 0 is left out, so a channel that never fires has no patches.

Outputs in the folder OUT: index.html, which opens from disk and needs no network, with its pictures
in thumbs/; and sheets, LAYER.FIRST-LAST.png. Nothing is replaced without --force.

Pictures and model are looked for where they were when they were scanned. A picture that is not
there is reported and left out, and the exit code is 2.

--json prints an object: index, sheets, model, method, device, notes, missing {picture: reason},
changed {picture: activations}, layers [{alias, tensor, sees, channels, patches}].
"""

_MOST_TOLD = 20
"""So many pictures that are not there any more are told one by one."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    summary = "what do a scan's strongest units see? patches and their attributions"
    parser: argparse.ArgumentParser = commands.add_parser(
        "patches",
        help=summary,
        description=summary,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("store", metavar="RUN", help="what `retrograph scan` has written")
    parser.add_argument("--layer", metavar="NAME[,NAME]", help="of those scanned; all if left out")
    parser.add_argument(
        "--channels", type=channels, metavar="LIST", help="such as 0-15,70; all if left out"
    )
    parser.add_argument(
        "-k", type=count, metavar="K", help="patches of a channel; as many as were scanned"
    )
    parser.add_argument("--method", default="guided", metavar="NAME", help="guided (default)")
    add_param(parser)
    parser.add_argument("--style", choices=tuple(STYLES), help="how attributions are drawn")
    parser.add_argument("--model", metavar="PATH", help="the scanned model, where it has moved")
    parser.add_argument(
        "--batch", type=count, default=32, metavar="N", help="units a run, where that is open (32)"
    )
    add_device(parser)
    parser.add_argument("--threads", type=count, help="threads of the runtime")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="a folder")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("--json", action="store_true", help="print what was made as JSON")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    out = console(stderr=args.json)
    scan = ScanReader(args.store)
    layers = _layers(scan, args.layer)
    chosen = {layer.alias: _channels(layer, args.channels, len(layers)) for layer in layers}
    name, method = _method(args)
    k = min(args.k or scan.run["k"], scan.run["k"])
    shelf = Shelf(Path(args.output), force=args.force)
    with out.status("building"):
        graphs = Graphs.of(args, scan, layers, name, method)
    graphs.announce(out)
    finder = graphs.finder()
    tiles = _tiles(finder, list(_wanted(scan, layers, chosen, k)), graphs, out)
    albums = [Album.of(scan, layer, chosen[layer.alias], k, tiles) for layer in layers]
    index, sheets = shelf.fill(albums, graphs)
    for file in (*sheets, index):
        out.print(f"-> {visible(str(file))}", soft_wrap=True)
    _complain(finder)
    if args.json:
        files = {"index": str(index), "sheets": [str(sheet) for sheet in sheets]}
        print(json.dumps({**files, **_record(albums, graphs, finder)}, indent=1))
    return 2 if finder.missing else 0


def _layers(scan: ScanReader, names: str | None) -> list[ScannedLayer]:
    if names is None:
        return list(scan.layers)
    found = [scan.layer(name.strip()) for name in names.split(",")]
    return list({layer.alias: layer for layer in found}.values())


def _channels(layer: ScannedLayer, wanted: Sequence[int] | None, layers: int) -> tuple[int, ...]:
    """The wanted channels of a layer; of several layers those that each has.

    Raises:
        InputError: it lacks one; of several layers, it has none.
    """
    if wanted is None:
        return layer.channels
    lacking = sorted(set(wanted) - set(layer.channels))
    if len(lacking) == len(wanted) or (lacking and layers == 1):
        first, last = layer.channels[0], layer.channels[-1]
        raise InputError(
            f"channel {lacking[0]} of '{layer.alias}' was not scanned; choose of those from "
            f"{first} to {last}, or scan anew"
        )
    return tuple(channel for channel in wanted if channel not in lacking)


def _method(args: argparse.Namespace) -> tuple[str, Method]:
    found = methods(args.method, args.param)
    if len(found) > 1:
        raise InputError("--method takes one name here; make a folder for each method")
    return next(iter(found.items()))


def _wanted(
    scan: ScanReader, layers: Iterable[ScannedLayer], chosen: Mapping[str, Sequence[int]], k: int
) -> Iterator[Wanted]:
    """The units of patches; those at exactly 0 have nothing to show."""
    for layer in layers:
        for channel in chosen[layer.alias]:
            for unit in scan.top(layer.alias, channel)[:k]:
                if unit.activation != 0:
                    yield Wanted(layer, channel, unit)


def _tiles(
    finder: Finder, wanted: Sequence[Wanted], graphs: Graphs, out: Console
) -> dict[Key, Tile]:
    """The patches of units, with a bar on a terminal."""
    columns = (
        TextColumn("patches"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    found = {}
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=len(wanted))
        for seen in finder.find(wanted):
            found[seen.wanted.key] = tile(seen, graphs.scenes[seen.wanted.layer.alias])
            progress.advance(task)
    return found


def _complain(finder: Finder) -> None:
    """Tell of pictures that are not there any more, or have changed."""
    for name, reason in islice(finder.missing.items(), _MOST_TOLD):
        why = reason.removeprefix(f"{name} ").removeprefix(f"{name}: ")
        complain(f"{name} is left out: {why}; put it back, or scan anew")
    if len(finder.missing) > _MOST_TOLD:
        complain(f"{len(finder.missing) - _MOST_TOLD} more are left out; --json names them all")
    if finder.changed:
        name, told = next(iter(finder.changed.items()))
        complain(
            f"note: other activations than in the scan for {len(finder.changed)} pictures, such as "
            f"{name} ({told}): they have changed, or the runtime computes otherwise; scan anew"
        )


def _record(albums: Sequence[Album], graphs: Graphs, finder: Finder) -> dict[str, Any]:
    """What was made, for a program."""
    return {
        "model": graphs.file,
        "method": graphs.method,
        "device": graphs.device,
        "notes": graphs.notes,
        "missing": finder.missing,
        "changed": finder.changed,
        "layers": [
            {
                "alias": album.layer.alias,
                "tensor": album.layer.tensor,
                "sees": graphs.sees(album.layer),
                "channels": [row.channel.channel for row in album.rows],
                "patches": sum(len(row.tiles) for row in album.rows),
            }
            for album in albums
        ],
    }
