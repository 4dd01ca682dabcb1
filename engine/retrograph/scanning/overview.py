"""What a scan counted, as one picture: how often each layer's channels fire, and for what."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image

from retrograph.render.bars import Bar, bar_rows, profile
from retrograph.render.blocks import INK, SOFT, Block, beside, margin, stack, topped, written
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.store import ScannedLayer
from retrograph.scanning.summary import channel_label, count_text

ROWS: Final = 10
"""The channels of a layer that have a bar."""
_PROFILE: Final = (300, 200)
"""Width and height of the shares of a layer's channels, in pixels."""
_BARS: Final = 720
"""The width of the bars with their words."""


def overview(scan: ScanReader) -> Image.Image:
    """A picture of a scan: for each layer how often its channels fire, and the most selective.

    With classes a bar is a channel's class selectivity, else the share of inputs it fires in.
    """
    blocks = [_head(scan), *(_layer(scan, layer) for layer in scan.layers), _foot(scan)]
    return margin(stack(blocks, 34), 48)


def _width() -> int:
    return _PROFILE[0] + 2 + 40 + _BARS


def _head(scan: ScanReader) -> Block:
    file = scan.run["file"]
    model = "" if file is None else f"{Path(file).name}: "
    title = written(f"{model}what its channels fire for", 36, INK, _width(), 2)
    return stack([*title, *written(count_text(scan), 22, SOFT, _width(), 2)], 5)


def _layer(scan: ScanReader, layer: ScannedLayer) -> Block:
    stats = scan.channels(layer.alias)
    words = [f"{len(stats)} channels", f"{sum(each.is_dead for each in stats)} dead"]
    if len(scan.classes) > 1:
        words.append(f"{len(scan.driven_by_most(layer.alias))} driven by most classes")
    window = "all" if layer.field is None else str(layer.field).partition(" / ")[0]
    words.append(f"a unit sees {window}")
    head = [
        *written(layer.alias, 28, INK, _width(), 1),
        *written(" · ".join(words), 18, SOFT, _width(), 2),
    ]
    fires = sorted((each.fires for each in stats), reverse=True)
    caption = f"each channel fires in {fires[-1]:.0%} to {fires[0]:.0%} of the inputs"
    parts = [stack([profile(fires, *_PROFILE), *written(caption, 15, SOFT, _PROFILE[0], 2)], 4)]
    bars = _bars(scan, layer)
    parts += [bar_rows(bars, _BARS)] if bars else []
    height = max(part.height for part in parts)
    body = beside([topped(part, part.width, height) for part in parts], 40)
    return stack([stack(head, 2), body], 12)


def _bars(scan: ScanReader, layer: ScannedLayer) -> list[Bar]:
    """The most selective channels; without classes those that fire in the fewest inputs."""
    if len(scan.classes) > 1:
        return [
            Bar(
                channel_label(scan, layer, each.channel),
                each.class_name,
                each.strength,
                f"{each.strength:.2f}",
            )
            for each in scan.selective(layer.alias)[:ROWS]
        ]
    alive = [each for each in scan.channels(layer.alias) if not each.is_dead]
    rarest = sorted(alive, key=lambda each: each.fires)[:ROWS]
    return [
        Bar(
            channel_label(scan, layer, each.channel),
            f"peak {scan.top(layer.alias, each.channel)[0].activation:#.3g}",
            each.fires,
            f"{each.fires:.0%}",
        )
        for each in rarest
    ]


def _foot(scan: ScanReader) -> Block:
    if len(scan.classes) > 1:
        text = (
            "Bars: the most class-selective channels, the class that drives each most, and its "
            "selectivity, 1 where no other class drives it."
        )
    else:
        text = "Bars: the channels that fire in the fewest inputs, and in which share of them."
    return stack(written(text, 18, SOFT, _width(), 3), 4)
