"""One page for browsers of all patches, which opens from disk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from retrograph.patches.layer_patches import ChannelPatches, LayerPatches
from retrograph.patches.patch_set import PatchSet


def gallery_page(patches: PatchSet, thumbs: Sequence[Mapping[int, str]]) -> str:
    """The page as HTML, with all that it shows but for the pictures.

    Args:
        patches: what it shows.
        thumbs: for each layer the pictures' paths from the page, by channel.
    """
    name = Path(patches.file).name
    data = {
        "model": name,
        "method": patches.method,
        "count": patches.scan.run["pictures"]["good"],
        "things": patches.input_noun,
        "classes": len(patches.scan.classes),
        "notes": patches.notes,
        "layers": [
            _layer(layer, paths, patches)
            for layer, paths in zip(patches.layers, thumbs, strict=True)
        ],
    }
    template = files("retrograph.patches").joinpath("gallery.html").read_text(encoding="utf-8")
    # "<" as an escape of JSON: no name can end the script element that holds it.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    values = {"title": escape(f"{name}: what its channels fire for"), "data": text}
    return re.sub(r"\{\{(title|data)\}\}", lambda place: values[place[1]], template)


def _layer(layer: LayerPatches, paths: Mapping[int, str], patches: PatchSet) -> dict[str, Any]:
    return {
        "alias": layer.layer.alias,
        "tensor": layer.layer.tensor,
        "sees": layer.sees,
        "tile": layer.cell,
        "lettered": patches.input_noun == "sequences",
        "channelAxis": layer.layer.channel_axis,
        "channels": [_channel(each, paths.get(each.channel)) for each in layer.channels],
    }


def _channel(channel: ChannelPatches, path: str | None) -> dict[str, Any]:
    stats, best = channel.stats, channel.preference
    return {
        "number": channel.channel,
        "name": channel.name,
        "thumb": path,
        "mean": stats.mean,
        "meanPeak": stats.mean_peak,
        "share": stats.share,
        "fires": stats.fires,
        "peak": channel.peak,
        "selectivity": None if best is None else best.strength,
        "class": None if best is None or best.strength <= 0 else best.class_name,
        "bins": {"start": stats.start, "width": stats.width, "counts": stats.counts},
        "classes": [[each.class_name, each.mean_peak, each.fires] for each in channel.classes],
        "units": [
            {
                "name": unit.name,
                "class": unit.class_name,
                "index": unit.index,
                "activation": unit.activation,
            }
            for unit, _ in channel.patches
        ],
    }
