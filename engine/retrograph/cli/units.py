"""Units by the names that people give them: top, a channel, an index, a class."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrograph.errors import InputError
from retrograph.labels import parse_labels
from retrograph.model import SCORES
from retrograph.pointers import refuse_pointer_file

_LARGEST = 2**24
"""Bytes; ImageNet's 21,000 classes take 1 MB."""


@dataclass(frozen=True)
class Choice:
    """What `--unit` asks for.

    Attributes:
        select: top, channel or unit.
        index: for channel and unit the numbers that choose it; None for top.
    """

    select: str
    index: tuple[int, ...] | None = None


def parse_unit(
    text: str,
    shape: Sequence[int | None],
    labels: Sequence[str],
    layer: str,
    channel_axis: int = 0,
) -> Choice:
    """The unit that a text means in a layer.

    Args:
        text: top; a number (a class, or the channel of a feature map, whose most active position
            is taken); numbers with commas (the index of one unit); or a class name.
        shape: of one item of the layer; None where a dimension is open.
        labels: the class names, if known.
        layer: the layer's name, for messages.
        channel_axis: the axis of an item that counts channels.

    Raises:
        InputError: there is no such unit.
    """
    if text == "top":
        return Choice("top")
    if re.fullmatch(r"-?\d{1,18}(\s*,\s*-?\d{1,18})*", text):
        return _by_number(tuple(int(p) for p in text.split(",")), shape, layer, channel_axis)
    index = _class_named(text, labels)
    if names_classes(labels, shape, channel_axis):
        return Choice("unit", _full(index, shape, channel_axis))
    if channel_names(labels, shape, layer, channel_axis):
        return Choice("channel", (index,))
    if layer == SCORES and len(labels) in shape:
        example = [index if d == len(labels) else 0 for d in shape]
        raise InputError(
            f"--unit '{text}' is class {index} of {len(labels)}, of which '{layer}' "
            f"({_size(shape)}) has several sets; give the numbers of one unit, such as "
            f"{','.join(map(str, example))}"
        )
    raise InputError(
        f"--unit '{text}' is a class, and '{layer}' ({_size(shape)}) is no layer of the "
        f"{len(labels)} classes; give a channel's number"
    )


def has_no_positions(shape: Sequence[int | None], channel_axis: int = 0) -> bool:
    """Whether each channel of a layer, given the shape of an item, is a single unit."""
    return all(d == 1 for axis, d in enumerate(shape) if axis != channel_axis)


def names_classes(
    labels: Sequence[str], shape: Sequence[int | None], channel_axis: int = 0
) -> bool:
    """Whether the units of a layer, given the shape of an item, are the classes of the labels."""
    alone = has_no_positions(shape, channel_axis)
    return bool(labels) and alone and shape[channel_axis] == len(labels)


def channel_names(
    labels: Sequence[str], shape: Sequence[int | None], layer: str, channel_axis: int = 0
) -> Sequence[str]:
    """The names of a layer's channels: the labels, where it scores these classes, else none.

    Scores at positions, as of a segmentation, have a channel for each class.
    """
    scores = layer == SCORES and shape[channel_axis] == len(labels)
    return labels if scores or names_classes(labels, shape, channel_axis) else ()


def _size(shape: Sequence[int | None]) -> str:
    return " x ".join("?" if d is None else str(d) for d in shape)


def _by_number(
    index: tuple[int, ...], shape: Sequence[int | None], layer: str, channel_axis: int
) -> Choice:
    size, text = _size(shape), ",".join(map(str, index))
    if len(index) not in (1, len(shape)):
        raise InputError(
            f"--unit {text} has {len(index)} numbers; a unit of '{layer}' "
            f"({size}) has {len(shape)}, a channel 1"
        )
    whose = f", of which axis {channel_axis} counts channels" if channel_axis else ""
    counts = shape if len(index) == len(shape) else shape[channel_axis : channel_axis + 1]
    for place, count in zip(index, counts, strict=True):
        if place < 0 or (count is not None and place >= count):
            raise InputError(
                f"--unit {text} is out of range: '{layer}' has {size} units{whose}; count from 0"
            )
    if len(index) == len(shape):
        return Choice("unit", index)
    if has_no_positions(shape, channel_axis):
        return Choice("unit", _full(index[0], shape, channel_axis))
    return Choice("channel", index)


def _full(index: int, shape: Sequence[int | None], channel_axis: int) -> tuple[int, ...]:
    return tuple(index if axis == channel_axis else 0 for axis in range(len(shape)))


def _class_named(text: str, labels: Sequence[str]) -> int:
    if not labels:
        raise InputError(
            f"--unit '{text}' is neither top nor numbers such as 17 or 17,4,5; "
            "for the name of a class give --labels FILE"
        )
    wanted = text.strip().casefold()
    for matches in (
        lambda label: label.casefold() == wanted,
        lambda label: wanted in [part.strip().casefold() for part in label.split(",")],
        lambda label: wanted in label.casefold(),
    ):
        found = [i for i, label in enumerate(labels) if matches(label)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{i} {labels[i]}" for i in found[:5])
            raise InputError(f"--unit '{text}' may mean: {names}; give the number")
    synonyms = {part.strip().casefold(): label for label in labels for part in label.split(",")}
    near = dict.fromkeys(synonyms[n] for n in difflib.get_close_matches(wanted, synonyms, n=3))
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "see the file of labels"
    raise InputError(f"no class '{text}'; {hint}")


def read_labels(path: str) -> tuple[str, ...]:
    """Class names: see `parse_labels`.

    Raises:
        InputError: the file cannot be read as text, or does not name each class.
    """
    try:
        refuse_pointer_file(path)
        if Path(path).stat().st_size > _LARGEST:
            raise InputError(
                f"{path}: is too large for labels; give a text file with a name a line"
            )
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(
            f"{path}: the labels cannot be read ({reason}); give a text file with a name a line"
        ) from None
    try:
        return parse_labels(text, is_yaml=path.lower().endswith((".yaml", ".yml")))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def check_labels(labels: Sequence[str], classes: int | None, path: str) -> None:
    """Raises InputError where the labels are not as many as the classes: names would be wrong."""
    if classes is not None and classes != len(labels):
        raise InputError(
            f"{path}: names {len(labels)} classes and the model has {classes}; "
            "give a file with a line for each, in order"
        )


def describe_unit(
    index: Sequence[int], names: Sequence[str], is_class: bool, channel_axis: int = 0
) -> str:
    """A unit in words: its class, or its channel, by its name if it has one, and position."""
    channel, places = parted(index, channel_axis)
    if is_class:
        return class_name(channel, names)
    if not places:
        return f"unit {channel}"
    place = ", ".join(map(str, places))
    return f"{describe_channel(channel, names)} at " + (f"({place})" if places[1:] else place)


def describe_channel(channel: int, names: Sequence[str]) -> str:
    """A channel in words: by its name, if it has one."""
    return class_name(channel, names) if names else f"channel {channel}"


def parted(index: Sequence[int], channel_axis: int) -> tuple[int, tuple[int, ...]]:
    """The channel of a unit and its position."""
    places = [int(i) for i in index]
    return places.pop(channel_axis), tuple(places)


def class_name(index: int, labels: Sequence[str]) -> str:
    """A class's name, its first synonym only, or its number."""
    if index < len(labels) and labels[index]:
        return labels[index].split(",")[0]
    return f"class {index}"
