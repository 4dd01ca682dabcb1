"""What a scan counted, as one picture: how often each layer's channels fire, and for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from retrograph.preprocess import Preprocessing
from retrograph.preprocess.described import recipe_name
from retrograph.render.bars import Bar, bar_rows, profile
from retrograph.render.blocks import INK, SOFT, Block, beside, margin, stack, topped, written
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.records import ChannelStats
from retrograph.scanning.store import ScannedLayer
from retrograph.scanning.summary import channel_label, count_text

ROWS: Final = 10
"""The channels of a layer that have a bar."""
_FEW: Final = 24
"""So many inputs are few."""
_INPUTS: Final = 8
"""The inputs that have a bar."""
_PROFILE: Final = (300, 200)
"""Width and height of the shares of a layer's channels, in pixels."""
_BARS: Final = 720
"""The width of the bars with their words."""


def overview(scan: ScanReader) -> Image.Image:
    """A picture of a scan: for each layer how often its channels fire, and the most selective.

    With classes a bar is a channel's class selectivity, else the share of inputs it fires in; where
    it fires in all of few inputs, how much one of them drives it more than the others.
    """
    blocks = [_head(scan), *(_layer(scan, layer) for layer in scan.layers), _foot(scan)]
    return margin(stack(blocks, 34), 48).image()


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
    bars = _bars(scan, layer)
    parts = [_shares(scan, layer, stats), *([bar_rows(bars, _BARS)] if bars else [])]
    height = max(part.height for part in parts)
    body = beside([topped(part, part.width, height) for part in parts], 40)
    return stack([stack(head, 2), body], 12)


def _shares(scan: ScanReader, layer: ScannedLayer, stats: Sequence[ChannelStats]) -> Block:
    """In how many inputs the channels fire; where that is all the same, which inputs drive them."""
    fires = sorted((each.fires for each in stats), reverse=True)
    if _tells_nothing(scan):
        counts = Counter(scan.top(layer.alias, each.channel)[0].name for each in _alive(stats))
        most = max(counts.values())
        drawn = bar_rows(
            [
                Bar(_short(name), "", count / most, str(count))
                for name, count in counts.most_common(_INPUTS)
            ],
            _PROFILE[0],
        )
        caption = "the inputs that are the strongest of most channels, and of how many"
    else:
        drawn = profile(fires, *_PROFILE)
        caption = f"each channel fires in {fires[-1]:.0%} to {fires[0]:.0%} of the inputs"
    return stack([drawn, *written(caption, 15, SOFT, _PROFILE[0], 2)], 4)


def _bars(scan: ScanReader, layer: ScannedLayer) -> list[Bar]:
    """The most selective channels: for a class, for an input, or those that fire most rarely."""
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
    alive = _alive(scan.channels(layer.alias))
    if _tells_nothing(scan):
        return _bars_of_inputs(scan, layer, alive)
    rarest = sorted(alive, key=lambda each: each.fires)[:ROWS]
    return [
        Bar(
            channel_label(scan, layer, each.channel),
            f"peak {scan.top(layer.alias, each.channel)[0].activation:.3g}",
            each.fires,
            f"{each.fires:.0%}",
        )
        for each in rarest
    ]


def _bars_of_inputs(
    scan: ScanReader, layer: ScannedLayer, alive: Sequence[ChannelStats]
) -> list[Bar]:
    """The channels that one input drives most alone, and by what share of their peak."""
    count = scan.run["pictures"]["good"]
    bars = []
    for each in alive:
        best = scan.top(layer.alias, each.channel)[0]
        others = (count * each.mean_peak - best.activation) / max(1, count - 1)
        alone = 1 - max(0.0, others) / best.activation
        label = channel_label(scan, layer, each.channel)
        bars.append(
            Bar(label, f"{_short(best.name)}, {best.activation:.3g}", alone, f"{alone:.2f}")
        )
    return sorted(bars, key=lambda bar: -bar.share)[:ROWS]


def _alive(stats: Sequence[ChannelStats]) -> list[ChannelStats]:
    return [each for each in stats if not each.is_dead]


def _tells_nothing(scan: ScanReader) -> bool:
    """Whether of few inputs every living channel fires in all of them: shares then say nothing."""
    if len(scan.classes) > 1 or scan.run["pictures"]["good"] > _FEW:
        return False
    alive = [each for layer in scan.layers for each in _alive(scan.channels(layer.alias))]
    return bool(alive) and all(each.fires == 1 for each in alive)


def _short(name: str) -> str:
    """The name of an input without its folder, that of a file of its own without its ending."""
    path = Path(name)
    return path.name if "[" in path.suffix else path.stem


def _foot(scan: ScanReader) -> Block:
    if len(scan.classes) > 1:
        text = (
            "Bars: the most class-selective channels, the class that drives each most, and its "
            "selectivity, 1 where no other class drives it."
        )
    elif _tells_nothing(scan):
        text = (
            "Every channel that is not dead fires in every input. Bars: the channels that one "
            "input drives most alone, its name and their peak in it, and the share of that peak "
            "by which the others stay below it in the mean."
        )
    else:
        text = "Bars: the channels that fire in the fewest inputs, and in which share of them."
    words = [
        *written(text, 18, SOFT, _width(), 4),
        *written(_preprocessing(scan), 18, SOFT, _width(), 1),
    ]
    return stack(words, 4)


def _preprocessing(scan: ScanReader) -> str:
    """How pictures became the input; "" of letters and sounds."""
    if scan.run["alphabet"] is not None or "sample_rate" in scan.run:
        return ""
    return f"preprocessing: {recipe_name(Preprocessing.from_json(scan.run['preprocessing']))}"
