"""The filters of a convolution as a result: drawn as a page, saved, recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.filter_views.page import COLOUR, ScaleOf, ShownFilters, kind_of, page
from retrograph.filter_views.weights import FilterWeights, read_weights
from retrograph.keywords import checked_keywords, chosen
from retrograph.model import Model, Source
from retrograph.preprocess import Preprocessing, named_preprocessing
from retrograph.results import Result
from retrograph.runtime import Array

_RED_FIRST: Final = "assumed: the order of the channels, red first"
"""The note on filters in colour where no preprocessing says what the model takes."""
SCALES_OF: tuple[ScaleOf, ...] = get_args(ScaleOf)


@dataclass(frozen=True, repr=False)
class Filters(Result, ShownFilters):
    """The filters of a convolution as pictures.

    Attributes:
        file: the picture that was written; None where none was.

    The others are those of `ShownFilters`.

    Example:
        >>> filters = retrograph.filters("net.onnx", "conv2", channels=range(32))
        >>> filters.save("conv2.png")
        >>> filters.arrays()["weights"]        # [M, C, *K], as the convolution uses them
    """

    made_by = "filters()"

    file: str | None = None

    def image(self, style: str | None = None) -> Image.Image:
        """The page: a tile for each filter, or a row of tiles, and what is to be known of them.

        Args:
            style: leave it out; filters are drawn in one way.

        Raises:
            InputError: a style is given.
        """
        self.refuse_style(style)
        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """What is drawn, as plain values: what `retrograph filters --json` prints.

        Returns:
            layer, tensor, operator, shape, groups, drawn_as, notes, largest, file, shown and
            shown_inputs (the numbers of the filters and of the input channels).
        """
        source = self.source
        return {
            "layer": source.alias,
            "tensor": source.tensor,
            "operator": source.op,
            "shape": list(source.weights.shape),
            "groups": source.groups,
            "drawn_as": self.kind.name,
            "notes": list(self.notes),
            "largest": self.largest,
            "file": self.file,
            "shown": list(self.channels),
            "shown_inputs": list(self.inputs),
        }

    def summary(self) -> str:
        """The layer, its operator and the shape of its weights."""
        return f"{self.source.alias} ({self.source.op} {self.size}) of {self.model}"

    @property
    def size(self) -> str:
        """The shape of the weights, such as 16x3x5x5."""
        return "x".join(map(str, self.source.weights.shape))

    def arrays(self) -> dict[str, Array]:
        """What an .npz holds.

        Returns:
            weights, [M, C, *K] as the convolution uses them, C the input channels of a group;
            shown, the same with scales of the input undone; channels and inputs, the numbers of
            the filters and of the input channels that are drawn.
        """
        return {
            "weights": self.source.weights,
            "shown": self.values,
            "channels": np.array(self.channels),
            "inputs": np.array(self.inputs),
        }


@checked_keywords
def filters(
    model: Source,
    layer: str | None = None,
    *,
    channels: Sequence[int] | None = None,
    inputs: Sequence[int] | None = None,
    scale_of: ScaleOf = "each",
    preprocessing: Preprocessing | str | None = None,
) -> Filters:
    """The weights of a convolution as pictures, scales of the input before it undone.

    Args:
        model: a path to an .onnx file, or a model in memory.
        layer: the convolution, by alias, tensor or node; the first one if None.
        channels: the numbers of the filters that are shown; the first ones if None.
        inputs: the numbers of the input channels that are shown; the first ones if None.
        scale_of: "each", a scale of colours for each filter, or "all", one for all of them.
        preprocessing: how a picture becomes the input, whose std is undone, or a preset's name;
            as the model's file says if None.

    Returns:
        Weights [M, C, *K] of M filters over C input channels, which draw themselves.

    Raises:
        InputError: there is no such convolution, filter, input channel or preset, or the graph
            computes the weights.
    """
    chosen("scale_of", scale_of, SCALES_OF)
    recipe = named_preprocessing(preprocessing)
    opened = model if isinstance(model, Model) else Model(model)
    source = read_weights(opened, layer)
    recipe = _fitted(recipe or opened.preprocessing(opened.inputs[0].name), opened, source)
    std = (1.0,) if recipe is None else recipe.std
    kind = kind_of(source)
    filter_count, input_count = source.weights.shape[:2]
    alias, order = source.alias, "rgb" if recipe is None else recipe.order
    undone = _undone(source, std, order if kind is COLOUR else "rgb")
    assumed = [_RED_FIRST] if kind is COLOUR and recipe is None else []
    return Filters(
        model=opened.name,
        source=source,
        values=source.scaled(1 / np.array(std)),
        kind=kind,
        channels=_numbers(channels, filter_count, kind.most_filters, "filter", alias),
        inputs=_numbers(inputs, input_count, kind.most_inputs, "input channel", alias),
        scale_of=scale_of,
        order=order,
        notes=(*undone, *assumed, *source.notes),
    )


def _fitted(
    recipe: Preprocessing | None, model: Model, source: FilterWeights
) -> Preprocessing | None:
    """How the picture becomes the input that the filters see; None where that is not known."""
    if recipe is None or not source.on_input:
        return None
    frame = model.axes(model.inputs[0].name).frame
    try:
        return None if frame is None else recipe.for_shape(frame)
    except InputError:
        return None  # not a picture, or not of that recipe


def _undone(source: FilterWeights, std: Sequence[float], order: str) -> list[str]:
    """The note on what the drawn filters leave out of the way from the picture, if anything."""
    scales = list(source.undone)
    if any(value != 1 for value in std):
        scales.append(f"the preprocessing's std ({', '.join(f'{s:.4g}' for s in std)})")
    if order == "bgr":
        scales.append("the order of the channels, blue first")
    return [f"undone: {', '.join(scales)}"] if scales else []


def _numbers(
    wanted: Sequence[int] | None, count: int, most: int, what: str, layer: str
) -> tuple[int, ...]:
    """The numbers that are shown of so many; the first ones, `most` at most, if None.

    Raises:
        InputError: none is wanted, or one that is not there.
    """
    if wanted is None:
        return tuple(range(min(count, most)))
    numbers = tuple(int(number) for number in wanted)
    if not numbers:
        raise InputError(f"no {what} is named; name some, or leave it to the first ones")
    missing = [number for number in numbers if not 0 <= number < count]
    if missing:
        raise InputError(
            f"{what} {missing[-1]} is out of range: '{layer}' has {count}; count from 0"
        )
    return numbers
