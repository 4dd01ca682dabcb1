"""Units by the names that people give them: top, a channel, an index, a class."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrograph.errors import InputError

_SYNSET = re.compile(r"^n\d{8}\s+")


@dataclass(frozen=True)
class Choice:
    """What `--unit` asks for.

    Attributes:
        select: top, channel or unit.
        index: for channel and unit the numbers that choose it; None for top.
    """

    select: str
    index: tuple[int, ...] | None = None


def parse_unit(text: str, shape: Sequence[int | None], labels: Sequence[str], layer: str) -> Choice:
    """The unit that a text means in a layer.

    Args:
        text: top; a number (a class, or the channel of a feature map, whose most active position
            is taken); numbers with commas (the index of one unit); or a class name.
        shape: of one item of the layer; None where a dimension is open.
        labels: the class names, if known.
        layer: the layer's name, for messages.

    Raises:
        InputError: there is no such unit.
    """
    if text == "top":
        return Choice("top")
    if re.fullmatch(r"\d+(\s*,\s*\d+)*", text):
        return _by_number(tuple(int(part) for part in text.split(",")), shape, layer)
    return Choice("unit", _full(_class_named(text, labels), shape))


def _by_number(index: tuple[int, ...], shape: Sequence[int | None], layer: str) -> Choice:
    size = " x ".join("?" if d is None else str(d) for d in shape)
    if len(index) not in (1, len(shape)):
        raise InputError(
            f"--unit {','.join(map(str, index))} has {len(index)} numbers; a unit of '{layer}' "
            f"({size}) has {len(shape)}, a channel 1"
        )
    for place, count in zip(index, shape, strict=False):
        if count is not None and place >= count:
            raise InputError(
                f"--unit {','.join(map(str, index))} is out of range: '{layer}' is {size}, "
                "counted from 0"
            )
    if len(index) == len(shape):
        return Choice("unit", index)
    if all(d == 1 for d in shape[1:]):
        return Choice("unit", _full(index[0], shape))
    return Choice("channel", index)


def _full(index: int, shape: Sequence[int | None]) -> tuple[int, ...]:
    return (index, *[0] * (len(shape) - 1))


def _class_named(text: str, labels: Sequence[str]) -> int:
    if not labels:
        raise InputError(f"--unit '{text}' is no number; give class names with --labels FILE")
    wanted = text.casefold()
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
    near = difflib.get_close_matches(text, labels, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "see the file of labels"
    raise InputError(f"no class '{text}'; {hint}")


def read_labels(path: str) -> tuple[str, ...]:
    """Class names, a line each; WordNet numbers before them are left out.

    Raises:
        InputError: the file cannot be read as text.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(
            f"{path}: the labels cannot be read ({reason}); give a text file with a name a line"
        ) from None
    while lines and not lines[-1].strip():
        lines.pop()
    return tuple(_SYNSET.sub("", line.strip()) for line in lines)


def describe_unit(index: Sequence[int], labels: Sequence[str], is_class: bool) -> str:
    """A unit in words: its class, or its channel and position."""
    if (len(index) > 1 and any(index[1:])) or not is_class:
        if len(index) == 1:
            return f"unit {index[0]}"
        place = ", ".join(map(str, index[1:]))
        return f"channel {index[0]} at ({place})"
    return class_name(index[0], labels)


def class_name(index: int, labels: Sequence[str]) -> str:
    """A class's name, its first synonym only, or its number."""
    if index < len(labels) and labels[index]:
        return labels[index].split(",")[0]
    return f"class {index}"
