"""What units, channels and classes are called."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrograph.model import SCORES
from retrograph.runtime import Array


def has_no_positions(shape: Sequence[int | None], channel_axis: int = 0) -> bool:
    """Whether each channel of a layer, given the shape of an item, is a single unit."""
    return all(d == 1 for axis, d in enumerate(shape) if axis != channel_axis)


def with_other_axes(numbers: Array, shape: Sequence[int | None], channel_axis: int = 0) -> Array:
    """Numbers of channels alone [..., 1] as units [..., r] of a layer without positions.

    Whatever else chooses units stays: of a layer with positions, or with all r numbers.
    """
    if numbers.shape[-1] != 1 or not has_no_positions(shape, channel_axis):
        return numbers
    units = np.zeros((*numbers.shape[:-1], len(shape)), numbers.dtype)
    units[..., channel_axis] = numbers[..., 0]
    return units


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


def split_unit(index: Sequence[int], channel_axis: int) -> tuple[int, tuple[int, ...]]:
    """The channel of a unit, and its position."""
    position = [int(i) for i in index]
    return position.pop(channel_axis), tuple(position)


def describe_unit(
    index: Sequence[int], names: Sequence[str], is_class: bool, channel_axis: int = 0
) -> str:
    """A unit in words: its class, or its channel, by its name if it has one, and position."""
    channel, position = split_unit(index, channel_axis)
    if is_class:
        return class_name(channel, names)
    if not position:
        return f"unit {channel}"
    return f"{describe_channel(channel, names)} at {_place_words(position)}"


def describe_output(name: str, layer: str) -> str:
    """A unit under a picture: what has no name of the scores is an output."""
    return (
        name.replace("unit ", "output ", 1)
        if layer == SCORES and name.startswith("unit ")
        else name
    )


def _place_words(position: Sequence[int]) -> str:
    """A position in a layer; of a map its row and column by name, as people count X before Y."""
    if len(position) == 2:
        return f"row {position[0]}, column {position[1]}"
    place = ", ".join(map(str, position))
    return f"({place})" if position[1:] else f"position {place}"


def describe_channel(channel: int, names: Sequence[str]) -> str:
    """A channel in words: by its name, if it has one."""
    return class_name(channel, names) if names else f"channel {channel}"


def class_name(index: int, labels: Sequence[str]) -> str:
    """A class's name, its first synonym only, or its number."""
    if index < len(labels) and labels[index]:
        return labels[index].split(",")[0]
    return f"class {index}"
