"""What a scan knows of a model's neurons: their strongest patches, classes, a table of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.filter_views import filters
from retrograph.preprocess import Preprocessing
from retrograph.preprocess.described import recipe_name
from retrograph.scanning.records import ChannelStats
from retrograph.scanning.store import ScannedLayer
from retrograph.scans import Scan
from retrograph.serve.facts import png
from retrograph.serve.maps import box
from retrograph.serve.query import Answer, Query, json_answer
from retrograph.serve.shown_model import ShownModel
from retrograph.serving.refusals import Refused

if TYPE_CHECKING:
    from retrograph.serve.page import Page

_NAMED: Final = 12
"""So many classes that no unit cares about are named."""
_COLUMNS: Final = (
    ("unit", "unit"),
    ("mean_peak", "mean peak"),
    ("mean", "mean"),
    ("fires", "fires on inputs"),
    ("share", "fires at places"),
    ("highest", "highest"),
)
_OF_CLASSES: Final = (("class", "best class"), ("strength", "selectivity"), ("classes", "classes"))


def _scan(page: Page, model: ShownModel) -> Scan:
    """The scan of a model.

    Raises:
        Refused: there is none.
    """
    if page.scan is None or page.scan_record(model) is None:
        raise Refused(
            404,
            f"there is no scan of {model.name}; start one, or give {parameter('scan', 'RUN')} of "
            "what `retrograph scan` has made",
        )
    return page.scan


def _note(model: ShownModel, query: Query, scan: Scan) -> str:
    """That a scan was made under another preprocessing than the page's; "" where it was not."""
    context = model.usual_session(query.question()).context
    if context.preprocessing is None:
        return ""
    shown, scanned = context.kind.preprocessing, Preprocessing.from_json(scan.run["preprocessing"])
    if shown == scanned:
        return ""
    return (
        f"scanned with the preprocessing {recipe_name(scanned)}, while the page shows "
        f"{recipe_name(shown)}: these numbers are of other inputs; scan again"
    )


def _channel(query: Query, layer: ScannedLayer) -> int:
    """The channel of the asked unit.

    Raises:
        InputError: it is none, or was not scanned.
    """
    numbers = query.numbers("unit") or (0,)
    channel = numbers[layer.channel_axis if len(numbers) > 1 else 0]
    if channel not in layer.channels:
        raise InputError(layer.refusal(channel))
    return channel


def unit(page: Page, query: Query) -> Answer:
    """What a scan knows of a channel; as a picture its strongest patches with their maps."""
    model = page.model(query)
    scan = _scan(page, model)
    layer = scan.layer(query.needed("layer"))
    channel = _channel(query, layer)
    if query.choice("format", ("json", "png")) == "png":
        return png(model.patches(scan, layer.alias, channel))
    stats = next(s for s in scan.channels(layer.alias) if s.channel == channel)
    known = {name: each for each in page.inputs for name in (each.name, str(each.path))}
    top = [
        {
            "input": known[each.name].name if each.name in known else each.name,
            "id": known[each.name].id if each.name in known else None,
            "class": each.class_name,
            "activation": each.activation,
            "index": [*each.index],
            "place": [i for axis, i in enumerate(each.index) if axis != layer.channel_axis],
            "box": _seen(model, layer, each.index),
        }
        for each in scan.top(layer.alias, channel)
    ]
    classes = scan.class_activations(layer.alias).get(channel, [])
    return json_answer(
        {
            "unit": channel,
            "top": top,
            "histogram": {
                "counts": [*stats.counts],
                "low": stats.start,
                "high": stats.start + stats.width * len(stats.counts),
            },
            "classes": [
                {"name": each.class_name, "mean": each.mean_peak, "fires": each.fires}
                for each in classes
            ],
            "dead": stats.is_dead,
            "note": _note(model, query, scan),
            "facts": _facts(scan, stats),
        }
    )


def _facts(scan: Scan, stats: ChannelStats) -> list[list[Any]]:
    inputs = scan.run["pictures"]["good"]
    dead = [["dead", "it never fires"]] if stats.is_dead else []
    return [
        *dead,
        ["fires in", f"{stats.fires:.0%} of {inputs} inputs"],
        ["at", f"{stats.share:.1%} of its places"],
        ["mean peak", stats.mean_peak],
        ["mean", stats.mean],
    ]


def _seen(model: ShownModel, layer: ScannedLayer, index: tuple[int, ...]) -> list[int] | None:
    """What a unit sees, where the model fixes the size of its input."""
    if layer.field is None:
        return None
    shape = model.model.tensor(layer.field.source).shape or ()
    sizes = [shape[axis] for axis in layer.field.axes if axis < len(shape)]
    if len(sizes) < len(layer.field.axes) or not all(isinstance(size, int) for size in sizes):
        return None
    return box(layer.field, index, tuple(int(size or 0) for size in sizes))


def table(page: Page, query: Query) -> Answer:
    """A row for each channel of a scanned layer, and what stands out, in words."""
    model = page.model(query)
    scan = _scan(page, model)
    layer = scan.layer(query.needed("layer"))
    preferred = {each.channel: each for each in scan.preferred(layer.alias)}
    has_classes = len(scan.classes) > 1
    rows = []
    for each in scan.channels(layer.alias):
        row: dict[str, Any] = {
            "unit": each.channel,
            "mean_peak": each.mean_peak,
            "mean": each.mean,
            "fires": each.fires,
            "share": each.share,
            "highest": _highest(each),
        }
        if has_classes:
            best = preferred[each.channel]
            row |= {"class": best.class_name, "strength": best.strength, "classes": best.classes}
        rows.append(row)
    columns = [*_COLUMNS, *(_OF_CLASSES if has_classes else ())]
    return json_answer(
        {
            "columns": [{"key": key, "words": words} for key, words in columns],
            "rows": rows,
            "words": _words(scan, layer.alias),
            "note": _note(model, query, scan),
        }
    )


def _highest(stats: ChannelStats) -> float:
    """The upper end of the last bin of the peaks that is not empty."""
    last = max((i for i, count in enumerate(stats.counts) if count), default=-1)
    return stats.start + stats.width * (last + 1)


def _words(scan: Scan, layer: str) -> list[str]:
    """Which channels are dead, which fire for most classes, and which class has no channel."""
    dead = [each.channel for each in scan.channels(layer) if each.is_dead]
    count = len(scan.layer(layer).channels)
    never = f"{len(dead)} of {count} units never fire"
    words = [never if dead else "each unit fires on some input"]
    if len(scan.classes) > 1:
        most = len(scan.driven_by_most(layer))
        words.append(f"{most} of {count} units are driven by more than half of the classes")
        cared = {each.class_name for each in scan.selective(layer)}
        alone = [name for name in scan.classes if name not in cared]
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        listed = f"{', '.join(alone[:_NAMED])}{more}"
        words.append(
            f"no unit prefers: {listed}" if alone else "each class is preferred by some unit"
        )
    return words


def filter_picture(page: Page, query: Query) -> Answer:
    """The weights of a channel of a convolution."""
    numbers = query.numbers("unit") or (0,)
    model, layer = page.model(query), query.needed("layer")
    channel = numbers[model.forward(layer).channel_axis if len(numbers) > 1 else 0]
    with model.model.lock:
        drawn: Image.Image = filters(model.model, layer, channels=[channel]).image()
    return png(drawn)
