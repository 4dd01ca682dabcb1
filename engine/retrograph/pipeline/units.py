"""Units by the names that people give them: top, a channel, an index, a class."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from retrograph.contract import Contract
from retrograph.errors import InputError, parameter
from retrograph.model import SCORES
from retrograph.results.unit_names import (
    channel_names,
    has_no_positions,
    names_classes,
    with_other_axes,
)

Unit: TypeAlias = str | int | Sequence[int] | Sequence[str | int]
"""A unit as it is named: "top", a class or channel by number or name, or an index; or several."""


_TOLD = 10
"""Of the classes of a model, how many a message names at most."""

_NO_NUMBER = {"unit": "neither top nor numbers such as 17 or 17,4,5", "class_": "no number"}


@dataclass(frozen=True)
class UnitChoice:
    """How a unit that is named is chosen.

    Attributes:
        select: top, channel or unit.
        index: for channel and unit the numbers that choose it; None for top.
    """

    select: str
    index: tuple[int, ...] | None = None


def parse_unit(
    unit: Unit | None,
    shape: Sequence[int | None],
    labels: Sequence[str],
    layer: str,
    channel_axis: int = 0,
    name: str = "unit",
) -> UnitChoice:
    """How a unit of a layer is chosen that somebody names.

    Args:
        unit: "top" or None; a number (a class, or the channel of a feature map, whose most active
            position is taken); several (the index of one unit), which a text has with commas; or
            the name of a class.
        shape: of one item of the layer; None where a dimension is open.
        labels: the class names, if known.
        layer: the layer's alias, for messages.
        channel_axis: the axis of an item that counts channels.
        name: the parameter that it was given as, for messages.

    Raises:
        InputError: there is no such unit.
    """
    if unit is not None and not isinstance(unit, str):
        return _by_number(whole_numbers(unit), shape, layer, channel_axis, name)
    if unit is None or unit == "top":
        return UnitChoice("top")
    if re.fullmatch(r"-?\d{1,18}(\s*,\s*-?\d{1,18})*", unit):
        return _by_number(tuple(int(p) for p in unit.split(",")), shape, layer, channel_axis, name)
    index = class_named(unit, labels, name)
    if names_classes(labels, shape, channel_axis):
        return UnitChoice("unit", _full(index, shape, channel_axis))
    if channel_names(labels, shape, layer, channel_axis):
        return UnitChoice("channel", (index,))
    if layer == SCORES and len(labels) in shape:
        example = [index if d == len(labels) else 0 for d in shape]
        raise InputError(
            f"{_named(unit, name)} is class {index} of {len(labels)}, of which '{layer}' "
            f"({_size(shape)}) has several sets; give the numbers of one unit, such as "
            f"{','.join(map(str, example))}"
        )
    raise InputError(
        f"{_named(unit, name)} is a class, and '{layer}' ({_size(shape)}) is no layer of the "
        f"{len(labels)} classes; give a channel's number"
    )


def whole_numbers(unit: ArrayLike) -> tuple[int, ...]:
    """The index that is one number or several.

    Raises:
        InputError: they are no whole numbers.
    """
    try:
        return tuple(operator.index(n) for n in np.ravel(np.asarray(unit)))
    except (TypeError, ValueError):
        raise InputError(
            f"{parameter('unit', repr(unit))} is no unit; give a whole number, several, or a text"
        ) from None


def _named(unit: str, name: str) -> str:
    return parameter(name, f"'{unit}'")


def _size(shape: Sequence[int | None]) -> str:
    return " x ".join("?" if d is None else str(d) for d in shape)


def _by_number(
    index: tuple[int, ...], shape: Sequence[int | None], layer: str, channel_axis: int, name: str
) -> UnitChoice:
    size, text = _size(shape), ",".join(map(str, index))
    if len(index) not in (1, len(shape)):
        raise InputError(
            f"{parameter(name, text)} has {len(index)} numbers; a unit of '{layer}' "
            f"({size}) has {len(shape)}, a channel 1"
        )
    whose = f", of which axis {channel_axis} counts channels" if channel_axis else ""
    counts = shape if len(index) == len(shape) else shape[channel_axis : channel_axis + 1]
    for place, count in zip(index, counts, strict=True):
        if place < 0 or (count is not None and place >= count):
            raise InputError(
                f"{parameter(name, text)} is out of range: '{layer}' has {size} units{whose}; "
                "count from 0"
            )
    if len(index) == len(shape):
        return UnitChoice("unit", index)
    if has_no_positions(shape, channel_axis):
        return UnitChoice("unit", _full(index[0], shape, channel_axis))
    return UnitChoice("channel", index)


def _full(channel: int, shape: Sequence[int | None], channel_axis: int) -> tuple[int, ...]:
    return whole_numbers(with_other_axes(np.array([channel]), shape, channel_axis))


def class_named(text: str, labels: Sequence[str], name: str = "unit") -> int:
    """The number of the class of this name, or of one of its synonyms, a word or a part of it.

    Args:
        text: the name.
        labels: of all classes.
        name: the parameter that it was given as, for messages.

    Raises:
        InputError: no class is called so, or several are.
    """
    if not labels:
        raise InputError(
            f"{_named(text, name)} is {_NO_NUMBER[name]}; "
            f"for the name of a class give {parameter('labels', 'FILE')}"
        )
    wanted = text.strip().casefold()
    for matches in (
        lambda label: label.casefold() == wanted,
        lambda label: wanted in [part.strip().casefold() for part in label.split(",")],
        lambda label: re.search(rf"\b{re.escape(wanted)}\b", label.casefold()),
        lambda label: wanted in label.casefold(),
    ):
        classes = [i for i, label in enumerate(labels) if matches(label)]
        if len(classes) == 1:
            return classes[0]
        if classes:
            names = ", ".join(f"{i} {labels[i]}" for i in classes[:5])
            message = f"{_named(text, name)} may mean: {names}; give the number"
            raise InputError(message, about=name)
    synonyms = {part.strip().casefold(): label for label in labels for part in label.split(",")}
    near = dict.fromkeys(synonyms[n] for n in difflib.get_close_matches(wanted, synonyms, n=3))
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else _told(labels)
    raise InputError(f"no class '{text}'; {hint}", about=name)


def _told(labels: Sequence[str]) -> str:
    """The names of all classes, or of the first few."""
    more = f", and {len(labels) - _TOLD:,} more" if len(labels) > _TOLD else ""
    return f"give one of: {', '.join(map(repr, labels[:_TOLD]))}{more}"


def how_to_name(contract: Contract) -> str:
    """What to give so that a built graph is asked for a unit as it was built for."""
    if contract.select == "top":
        return f"leave {parameter('unit')} out"
    if contract.select == "channel" or has_no_positions(contract.shape, contract.channel_axis):
        return f"give {parameter('unit', 'NUMBER')}"
    others = len(contract.shape) - 1
    letters = ["N"] * (others - 3) + [*"ZYX"[-others:]]
    letters.insert(contract.channel_axis, "C")
    return f"give {parameter('unit', ','.join(letters))}"
