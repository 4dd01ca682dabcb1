"""The feature maps of a layer for an input: thumbnails, numbers, what a place sees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.pipeline.activations import Activations
from retrograph.receptive_field import Field
from retrograph.render import colour
from retrograph.runtime import Array
from retrograph.serve.facts import png
from retrograph.serve.query import Answer, Query, json_answer

if TYPE_CHECKING:
    from retrograph.serve.page import Page

_PAGE: Final = 64
_MOST: Final = 512
_SIDE: Final = 64
"""The longest side of a thumbnail, in pixels."""
_LEAST: Final = 8
_NUMBERS: Final = 2**16


def maps(page: Page, query: Query) -> Answer:
    """The channels of a layer, the strongest first or by number; as a picture their maps."""
    activations = page.model(query).activations(query.question(), page.input(query))
    peaks, places = activations.peaks()
    order = query.choice("order", ("activation", "number"))
    ranked = np.argsort(-peaks, kind="stable") if order == "activation" else np.arange(len(peaks))
    start, count = query.count("start", 0, 2**30), query.count("count", _PAGE, _MOST)
    channels = ranked[start : start + count]
    tiles = thumbnails(activations.values[channels], scale_of(activations.values))
    columns = max(1, math.isqrt(max(0, len(channels) - 1)) + 1)
    if query.choice("format", ("json", "png")) == "png":
        return png(sprite(tiles, columns))
    height, width = tiles.shape[1:3]
    return json_answer(
        {
            "units": [_unit_record(activations, int(c), peaks, places) for c in channels],
            "total": len(peaks),
            "shape": [len(peaks), *activations.positions],
            "channel_axis": activations.channel_axis,
            "tile": [width, height],
            "columns": columns,
        }
    )


def _unit_record(
    activations: Activations, channel: int, peaks: Array, places: Array
) -> dict[str, Any]:
    place = tuple(int(i) for i in places[channel])
    return {
        "unit": channel,
        "max": float(peaks[channel]),
        "mean": float(activations.values[channel].mean()),
        "place": [*place],
        "index": [*activations.unit(channel, place)],
    }


def values(page: Page, query: Query) -> Answer:
    """The map of a channel as numbers; of a large one what each of its parts has at most."""
    activations = page.model(query).activations(query.question(), page.input(query))
    channel = _channel(query, activations)
    numbers = activations.values[channel]
    step = math.ceil((numbers.size / _NUMBERS) ** (1 / max(1, numbers.ndim)))
    if step > 1:
        for axis, size in enumerate(numbers.shape):
            numbers = np.maximum.reduceat(numbers, np.arange(0, size, step), axis=axis)
    return json_answer(
        {
            "shape": [*activations.positions],
            "step": max(1, step),
            "values": numbers.astype(np.float64).round(6).tolist(),
        }
    )


def _channel(query: Query, activations: Activations) -> int:
    """The channel of the asked unit, which may be the whole index of one."""
    numbers = query.numbers("unit") or (0,)
    channel = numbers[activations.channel_axis if len(numbers) > 1 else 0]
    if channel >= len(activations.values):
        raise InputError(
            f"{parameter('unit', channel)} is out of range: the layer has "
            f"{len(activations.values)} channels; count from 0"
        )
    return channel


def field(page: Page, query: Query) -> Answer:
    """What a place of a layer sees of the input, in its pixels; without one how that moves."""
    model, ask = page.model(query), _without_at(query).question()
    forward = model.forward(ask.question.layer)
    seen = forward.field
    if seen is None:
        return json_answer({"size": None, "stride": None, "offset": None, "box": None})
    place = query.numbers("at")
    if place is None:
        return json_answer(
            {
                "size": [*reversed(seen.size)],
                "stride": [float(s) for s in reversed(seen.stride)],
                "offset": [float(f) for f in reversed(seen.first)],
            }
        )
    axis, rank = forward.channel_axis, forward.rank
    index = place if len(place) == rank else (*place[:axis], 0, *place[axis:])
    if len(index) != rank:
        raise InputError(
            f"{parameter('at')} has {len(place)} numbers; give one for each position of the layer"
        )
    session = model.usual_session(ask)
    sizes = input_sizes(seen, model.batch(ask, session, page.input(query)).feeds[seen.source])
    return json_answer({"box": box(seen, index, sizes)})


def at(page: Page, query: Query) -> Answer:
    """The place in a layer that sees a pixel of the input best, and its strongest unit there."""
    model, ask, shown = page.model(query), _without_at(query).question(), page.input(query)
    activations = model.activations(ask, shown)
    pixel = [query.count(name, 0, 2**24) for name in ("x", "y")]
    sizes: tuple[int, ...] = ()
    if activations.field is not None:
        session = model.usual_session(ask)
        feed = model.batch(ask, session, shown).feeds[activations.field.source]
        sizes = input_sizes(activations.field, feed)
    wanted = tuple(reversed(pixel[: len(sizes)])) if len(sizes) < 3 else (0, *reversed(pixel))
    place = activations.place_seeing(tuple(map(float, wanted)))
    column = activations.values.reshape(len(activations.values), -1)[
        :, np.ravel_multi_index(place, activations.positions) if place else 0
    ]
    channel = int(column.argmax())
    index = activations.unit(channel, place)
    seen = None if activations.field is None else box(activations.field, index, sizes)
    return json_answer(
        {
            "place": [*map(int, place)],
            "unit": channel,
            "index": [*map(int, index)],
            "activation": float(column[channel]),
            "box": seen,
        }
    )


def _without_at(query: Query) -> Query:
    return Query({name: value for name, value in query.values.items() if name != "at"})


def input_sizes(field: Field, feed: Array) -> tuple[int, ...]:
    """The sizes of an input along the axes of a field."""
    return tuple(feed.shape[axis] for axis in field.axes)


def box(field: Field, index: tuple[int, ...], sizes: tuple[int, ...]) -> list[int]:
    """What a unit sees: x0, y0, x1, y1 in pixels; of one axis x0, x1; of three the last two."""
    spans = field.window(index, sizes)[-2:]
    starts, stops = zip(*reversed(spans), strict=True)
    return [*map(int, starts), *map(int, stops)]


def scale_of(values: Array) -> float:
    """The activation at which colours end, one for all channels of a layer."""
    return colour.scale_of(values.astype(np.float64)) or 1.0


def thumbnails(values: Array, scale: float) -> Array:
    """Maps [n, *positions] as small pictures, uint8 [n, H, W, 3].

    Positive numbers are bright in magma's colours, negative ones in the same with red and blue
    exchanged; of volumes each column's number farthest from 0 is drawn.
    """
    flat = _planes(values)
    factor = max(1, math.ceil(max(flat.shape[1:]) / _SIDE))
    if factor > 1:
        for axis in (1, 2):
            flat = np.maximum.reduceat(flat, np.arange(0, flat.shape[axis], factor), axis=axis)
    height, width = flat.shape[1:]
    grow = max(1, math.ceil(_LEAST / max(height, width)))
    flat = flat.repeat(max(grow, math.ceil(_LEAST / height)), axis=1)
    flat = flat.repeat(max(grow, math.ceil(_LEAST / width)), axis=2)
    unit = np.clip(flat / scale, -1, 1)
    colours = colour.magma(np.abs(unit))
    drawn = np.where(unit[..., np.newaxis] < 0, colours[..., ::-1], colours)
    return colour.to_bytes(drawn)


def _planes(values: Array) -> Array:
    """[n, H, W] of maps with any number of positions."""
    count = len(values)
    if values.ndim == 1:
        return values.reshape(count, 1, 1)
    if values.ndim == 2:
        return values.reshape(count, 1, -1)
    while values.ndim > 3:
        values = values.max(axis=1)
    return values


def sprite(tiles: Array, columns: int) -> Image.Image:
    """Small pictures in rows, in one."""
    count, height, width, _ = tiles.shape
    rows = max(1, -(-count // columns))
    sheet = np.zeros((rows * columns, height, width, 3), np.uint8)
    sheet[:count] = tiles
    grid = sheet.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(grid.reshape(rows * height, columns * width, 3))
