"""What finds what people ask of a head of the outputs: boxes, or a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from retrograph.errors import InputError, parameter
from retrograph.heads import BoxHead, Heads, MapHead
from retrograph.pipeline.aim import ANYTHING, Aim
from retrograph.pipeline.finder import Finder

H = TypeVar("H", BoxHead, MapHead)


@dataclass(frozen=True)
class HeadFinder(Finder, Generic[H]):
    """Finds what is asked of the outputs that a head is made of.

    Attributes:
        aim: what is asked.
        absence, whose: the words for no such head, as in "no boxes are", "their".
    """

    aim: Aim = ANYTHING

    absence: ClassVar[str]
    whose: ClassVar[str]

    def known_head(self, heads: Heads) -> H | None:
        """The head as its layout is given, or else as it was found; None where neither is."""
        raise NotImplementedError

    def head(self, heads: Heads) -> H:
        """The head.

        Raises:
            InputError: there is none.
        """
        head = self.known_head(heads)
        if head is None:
            raise InputError(
                f"{self.absence} found in the model's outputs (see `retrograph heads`); give "
                f"{self.whose} layout with "
                f"{parameter('head', 'FILE')}, or choose a layer and a unit"
            )
        return head

    def tensors(self, frame: Sequence[int]) -> tuple[str, ...]:
        """The outputs that the head is in."""
        return self.head(self.heads(frame)).tensors

    @property
    def of_class(self) -> str:
        """The class that is asked for, in words; "" where none is."""
        return "" if self.aim.class_ is None else f" of class {self.aim.class_}"


def place_text(numbers: Sequence[float]) -> str:
    """A place as it is asked for: "120,80"."""
    return ",".join(f"{number:g}" for number in numbers)
