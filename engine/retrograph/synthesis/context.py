"""What is asked of which model, names resolved: the layer, its units, the preprocessing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.inputs import PreprocessingChoice, choose_preprocessing
from retrograph.inputs.loader import Input, as_list
from retrograph.inputs.single_input import OneInput
from retrograph.model import SCORES, Model, Source
from retrograph.pipeline.labels import Labels, label_note, model_labels
from retrograph.pipeline.units import Unit, parse_unit
from retrograph.preprocess import InputAxes, Preprocessing
from retrograph.preprocess.described import recipe_name
from retrograph.render import film, signed
from retrograph.render.colour import Picture
from retrograph.render.planes import plane
from retrograph.results.unit_names import (
    channel_names,
    class_name,
    describe_channel,
    describe_unit,
    has_no_positions,
    names_classes,
)
from retrograph.runtime import Array
from retrograph.synthesis.ascent import Units

UnitChoices: TypeAlias = Unit | Sequence[Unit]
"""A number, an index (a tuple), a class name, a range such as "0-9", "all"; or a list of these."""

NOISE, GREY = "noise", "grey"
"""The words for what an ascent starts from."""

_MOST_UNITS = 10_000
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})")


@dataclass(frozen=True)
class SynthesisContext:
    """What is the same for every input that is made.

    Attributes:
        layer: the layer's alias.
        item: the shape of an item of the layer; None where a dimension is open.
        channel_axis: the axis of an item that counts channels.
        labels: the class names, if known.
        axes: what the axes of the model's input count.
        preprocessing: how a picture, or a frame, becomes the input; None where it is neither.
        notes: what is to be known.
        small_print: what stands under pictures: how the preprocessing is known.
    """

    layer: str
    item: tuple[int | None, ...]
    channel_axis: int
    labels: tuple[str, ...]
    axes: InputAxes
    preprocessing: Preprocessing | None
    notes: tuple[str, ...] = ()
    small_print: tuple[str, ...] = ()

    @property
    def takes_pictures(self) -> bool:
        """Whether the model's input is a picture, or a video."""
        return self.preprocessing is not None

    @property
    def recipe_name(self) -> str | None:
        """What the preprocessing is called; None where the input is no picture."""
        return None if self.preprocessing is None else recipe_name(self.preprocessing)

    @property
    def preprocessing_array(self) -> dict[str, Array]:
        """`preprocessing`, the recipe as JSON in an array of a text; empty where there is none."""
        if self.preprocessing is None:
            return {}
        return {"preprocessing": np.array(self.preprocessing.to_json())}

    def unit_name(self, unit: Sequence[int]) -> str:
        """A unit in words: a class, a channel, or a channel and its position."""
        names = channel_names(self.labels, self.item, self.layer, self.channel_axis)
        if not unit:
            return "whole layer"
        if len(unit) < len(self.item):
            return describe_channel(unit[0], names)
        if self.layer == SCORES and has_no_positions(self.item, self.channel_axis):
            return class_name(unit[self.channel_axis], self.labels)
        is_class = names_classes(self.labels, self.item, self.channel_axis)
        return describe_unit(unit, names, is_class, self.channel_axis)

    def picture(self, values: Array) -> Picture:
        """An input [*input] as a picture; of a video some frames, of other numbers a plane."""
        if self.preprocessing is None:
            return signed(plane(values), percentile=100)
        frames = self.axes.frames_of(values, self.preprocessing)
        return frames[0] if self.axes.takes_pictures else film(frames)


@dataclass(frozen=True)
class SynthesisRequest:
    """What is asked of which model.

    Attributes:
        model: the source model.
        input_name: of the model's inputs the one that is made.
        units: an index, or a channel's number, each; () for the whole layer.
        context: what is the same for all units.
    """

    model: Model
    input_name: str
    units: Units
    context: SynthesisContext

    def with_some_unit(self) -> SynthesisRequest:
        """The same with the only unit of a layer that has a single one, if none is named.

        Raises:
            InputError: none is named, and the layer has several.
        """
        if self.units:
            return self
        item = self.context.item
        if any(dim != 1 for dim in item):
            raise InputError(
                f"nothing is said to grow; give {parameter('unit')}, such as 3, 0-9 or all"
            )
        return replace(self, units=((0,) * len(item),))


def resolve(
    model: Source,
    unit: UnitChoices | None,
    layer: str | None = None,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    *,
    wrt: str | None = None,
    pictures: Sequence[Input] = (),
) -> SynthesisRequest:
    """The model, the layer, the units and the preprocessing that somebody names.

    Args:
        model: a source model.
        unit: see `UnitChoices`; no unit if None.
        layer: an alias or a tensor's name; the class scores if None.
        labels: a file of class names, or the names; those that the model's file carries if None.
        preprocessing: a preset's name, or a recipe; if None as the model's file says, else as the
            pictures show, else 0-1.
        wrt: the input that is made; the first that the layer depends on if None.
        pictures: that the presets are tried on where nothing says the preprocessing.

    Raises:
        InputError: there is no such layer, unit, input or preset, or it does not fit the model.
    """
    model = model if isinstance(model, Model) else Model(model)
    names = model_labels(model, labels)
    request = model.request(method="gradient", layer=layer, wrt=wrt)
    facts = model.route_facts(request)
    alias = model.alias(request.target)
    units = parse_units(unit, facts.item, names, alias, facts.channel_axis)
    input_name = request.sources[0]
    known = choose_preprocessing(model, input_name, preprocessing, pictures)
    told = [
        _range_note(unit),
        label_note(model, labels, names),
        *_preprocessing_notes(known, names),
    ]
    context = SynthesisContext(
        layer=alias,
        item=facts.item,
        channel_axis=facts.channel_axis,
        labels=names,
        axes=model.axes(input_name),
        preprocessing=None if known is None else known.recipe,
        notes=(*request.notes, *filter(None, told)),
        small_print=() if known is None else (known.picture_line,),
    )
    return SynthesisRequest(model, input_name, units, context)


def _range_note(unit: UnitChoices | None) -> str:
    """That a range is no difference, where a unit is written as `explain` writes differences."""
    written = (_RANGE.fullmatch(each) for each in _as_list(unit) if isinstance(each, str))
    first = next(filter(None, written), None)
    if first is None:
        return ""
    return (
        f"{parameter('unit', first[0])} is the range of the {int(first[2]) - int(first[1]) + 1} "
        "units from one to the other, and no difference as in explain"
    )


def as_pictures(start: OneInput) -> list[Input]:
    """What synthesis begins with, as inputs that presets can be tried on; none for a word."""
    if isinstance(start, str) and start in (NOISE, GREY):
        return []
    return as_list(
        start if isinstance(start, (str, os.PathLike, Image.Image)) else np.asarray(start)
    )


def _preprocessing_notes(
    known: PreprocessingChoice | None, labels: Sequence[str]
) -> tuple[str, ...]:
    """How the preprocessing was found, where nobody gave it, and what looks wrong with it."""
    if known is None:
        return ()
    if known.source == "assumed" and not known.trials:
        return (_UNSCALED,)
    told = [] if known.source in ("given", "stored") else [known.note(labels)]
    return (*told, *filter(None, [known.warning(labels)]))


_UNSCALED = (
    f"no {parameter('preprocessing')} given and none stored, and without a picture none is looked "
    f"for: the model is taken to see pictures as 0-1; give {parameter('preprocessing')}, which "
    "`retrograph preprocess MODEL PICTURES` finds"
)


def parse_units(
    unit: UnitChoices | None,
    item: Sequence[int | None],
    labels: Sequence[str],
    layer: str,
    channel_axis: int = 0,
) -> Units:
    """The units that somebody names, each once.

    Args:
        unit: see `UnitChoices`.
        item: the shape of an item of the layer.
        labels: the class names, if known.
        layer: the layer's alias.
        channel_axis: the axis of an item that counts channels.

    Raises:
        InputError: there is no such unit, or it is of another kind than the first.
    """
    units: list[tuple[int, ...]] = []
    for each in _as_list(unit):
        for one in _expand_range(each, item[channel_axis], layer):
            index = parse_unit(one, item, labels, layer, channel_axis).index
            if index is None:
                raise InputError(
                    f"{parameter('unit', 'top')} is the most active unit of a picture, and there "
                    "is none yet; give numbers, class names or all"
                )
            units.append(index)
    if len({len(index) for index in units}) > 1:
        raise InputError(
            f"{parameter('unit')} names channels and single units; give all of one kind"
        )
    return tuple(dict.fromkeys(units))


def _as_list(unit: UnitChoices | None) -> Sequence[Unit]:
    """The choices one by one; a tuple or an array is the index of one unit."""
    if unit is None:
        return []
    single = isinstance(unit, (str, tuple, np.ndarray)) or not isinstance(unit, Sequence)
    return [unit] if single else unit  # type: ignore[list-item, return-value]


def _expand_range(unit: Unit, channels: int | None, layer: str) -> Sequence[Unit]:
    if isinstance(unit, str) and unit == "all":
        if channels is None:
            raise InputError(
                f"'{layer}' has an open number of channels; give {parameter('unit')} numbers"
            )
        return range(channels)
    match = _RANGE.fullmatch(unit) if isinstance(unit, str) else None
    if match is None:
        return [unit]
    first, last = int(match[1]), int(match[2])
    if last < first or last - first >= _MOST_UNITS:
        raise InputError(
            f"{parameter('unit', unit)} is no range; write the lower number first, as 0-9"
        )
    return range(first, last + 1)
