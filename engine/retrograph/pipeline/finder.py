"""What finds, in the outputs for an input, the numbers that are explained of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from retrograph.errors import InputError, parameter
from retrograph.heads import Heads
from retrograph.ir.graph import Graph
from retrograph.pipeline.units import class_named
from retrograph.results.objective import Found
from retrograph.results.unit_names import class_name
from retrograph.runtime import Array

Frame = tuple[int, int]
"""Height and width of the model's input."""


@dataclass(frozen=True)
class Finder(ABC):
    """Finds what is explained of an input.

    Attributes:
        labels: the class names, if known.
        heads: the layout of the outputs, for an input of this height and width; () where its size
            does not matter.
        top: how many are explained.
        any_size: the graph as it is, for a layer of it and inputs that have no height and width;
            None where the graph is that of the layout.
    """

    labels: tuple[str, ...]
    heads: Callable[[Sequence[int]], Heads]
    top: int
    any_size: Graph | None = field(default=None, kw_only=True)

    @abstractmethod
    def tensors(self, frame: Sequence[int]) -> tuple[str, ...]:
        """What has to be run first."""

    def graph(self, frame: Sequence[int]) -> Graph:
        """The graph that they are tensors of."""
        return self.heads(frame).reader.graph if self.any_size is None else self.any_size

    @property
    @abstractmethod
    def usual(self) -> tuple[str, str]:
        """The layer that is explained, as far as that is known, and how its units are chosen."""

    @property
    @abstractmethod
    def question(self) -> str:
        """What is asked of every input, in words."""

    @property
    @abstractmethod
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the outputs."""

    @abstractmethod
    def find(self, values: Mapping[str, Array], frame: Sequence[int]) -> Found:
        """What is explained of an input.

        Args:
            values: each of `tensors`, for a batch of one.
            frame: height and width of the input.

        Raises:
            InputError: what is asked for is not there.
        """


def names_of_classes(labels: Sequence[str], count: int) -> tuple[str, ...]:
    """The names of so many classes; () where the labels are not theirs.

    One name more than there are classes is that of the background, which stands first; where one
    lacks it is that.
    """
    if len(labels) == count:
        return tuple(labels)
    if labels and len(labels) + 1 == count:
        return ("background", *labels)
    return tuple(labels[1:]) if len(labels) == count + 1 else ()


def named(label: int, names: Sequence[str]) -> str:
    """A class's name, or its number."""
    return class_name(label, names)


def _by_name(text: str, names: Sequence[str]) -> int:
    """The number of a class by its name.

    Raises:
        InputError: there is no such class; of a difference of two it says how to ask for it.
    """
    try:
        return class_named(text, names, "class_")
    except InputError as error:
        parts = [part.strip() for part in text.split("-")]
        if len(parts) != 2 or not all(parts):
            raise
        raise InputError(
            f"{error.message}; {parameter('class_')} names one class, for the difference of two "
            f"give {parameter('unit', text)}"
        ) from None


def number_of_class(wanted: str | int, names: Sequence[str], count: int) -> int:
    """The number of a class that is named.

    Raises:
        InputError: there is no such class.
    """
    text = str(wanted).strip()
    number = int(text) if text.lstrip("-").isdecimal() else _by_name(text, names)
    if not 0 <= number < count:
        raise InputError(
            f"{parameter('class_', text)} is out of range: there are {count} classes; count from 0"
        )
    return number
