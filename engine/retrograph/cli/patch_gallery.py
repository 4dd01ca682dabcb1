"""One page for browsers of all patches, which opens from disk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from retrograph.cli.patch_album import Album, Row
from retrograph.cli.patch_graphs import Graphs


def gallery(albums: Sequence[Album], thumbs: Sequence[Mapping[int, str]], graphs: Graphs) -> str:
    """The page, with all that it shows but for the pictures.

    Args:
        albums: the layers.
        thumbs: for each of them the pictures' paths from the page, by channel.
        graphs: what they were made by.
    """
    layers = [_layer(album, paths, graphs) for album, paths in zip(albums, thumbs, strict=True)]
    data = {
        "model": Path(graphs.file).name,
        "method": graphs.method,
        "count": graphs.scan.run["pictures"]["good"],
        "things": graphs.things,
        "classes": len(graphs.scan.classes),
        "notes": graphs.notes,
        "layers": layers,
    }
    page = files("retrograph.cli").joinpath("gallery.html").read_text(encoding="utf-8")
    title = f"{Path(graphs.file).name}: what its channels fire for"
    # "<" as an escape of JSON: no name can end the script element that holds it.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    filled = {"title": escape(title), "data": text}
    return re.sub(r"\{\{(title|data)\}\}", lambda found: filled[found[1]], page)


def _layer(album: Album, paths: Mapping[int, str], graphs: Graphs) -> dict[str, Any]:
    return {
        "alias": album.layer.alias,
        "tensor": album.layer.tensor,
        "sees": graphs.sees(album.layer),
        "tile": album.tile,
        "lettered": graphs.things == "sequences",
        "channelAxis": album.layer.channel_axis,
        "channels": [_channel(row, paths.get(row.channel.channel)) for row in album.rows],
    }


def _channel(row: Row, path: str | None) -> dict[str, Any]:
    found, best = row.channel, row.preference
    return {
        "number": found.channel,
        "name": row.name,
        "thumb": path,
        "mean": found.mean,
        "meanPeak": found.mean_peak,
        "share": found.share,
        "fires": found.fires,
        "peak": row.peak,
        "selectivity": None if best is None else best.strength,
        "class": None if best is None or best.strength <= 0 else best.class_name,
        "bins": {"start": found.start, "width": found.width, "counts": found.counts},
        "classes": [[each.class_name, each.mean_peak, each.fires] for each in row.classes],
        "units": [
            {
                "name": unit.name,
                "class": unit.class_name,
                "index": unit.index,
                "activation": unit.activation,
            }
            for unit, _ in row.tiles
        ],
    }
