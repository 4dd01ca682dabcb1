"""What is explained of one input where that is more than a unit by its index: a box, a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from retrograph.runtime import Array

Corners: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Objective:
    """A number that a layer gives: one of its units, or a weighted sum of them.

    Attributes:
        name: what it is, in a few words: "person 0.93, box 0".
        title: the same over a picture, where boxes have no numbers; the name where it is "".
        layer: the tensor.
        shape: of the layer for one item, its batch axis included if it has one.
        place: the unit's place in that, in row-major order; None for a sum.
        weights: of a sum, in that shape; None for a unit.
        where: which number of the layer that is, in words.
        value_name: what that number is called on a picture; as in `where` if "".
        class_name: of a box, where its class has a name.
        details: what else tells which it is, such as "anchor 4251".
        names_value: whether `where` is the name of its value, as in "score 21.48".
        box: x0 y0 x1 y1 in pixels of the model's input, which is drawn; None where there is none.
        mark: what the box or the contour on the pictures is, in words.
        mask: the positions [rows, columns] that are summed, whose contour is drawn; None where
            there are none.
        units: the units of a difference, each in words and by its index in an item of the layer.
        values: of these units, where they are known.
        record: what a program is told besides.
    """

    name: str
    layer: str
    shape: tuple[int, ...]
    place: int | None = None
    weights: Array | None = None
    where: str = ""
    title: str = ""
    value_name: str = ""
    class_name: str = ""
    details: tuple[str, ...] = ()
    names_value: bool = False
    box: Corners | None = None
    mark: str = ""
    mask: Array | None = None
    units: tuple[tuple[str, tuple[int, ...]], ...] = ()
    values: tuple[float, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def explained(self) -> str:
        """Which number of the layer it is, with the details."""
        return ", ".join([self.where, *self.details])

    @property
    def label(self) -> str:
        """What stands at its box: its class, where that has a name, and the score."""
        named = [self.class_name] if self.class_name else []
        scored = [f"{self.record['score']:.3f}"] if "score" in self.record else []
        return " ".join([*named, *scored])

    def unit(self, rank: int) -> tuple[int, ...]:
        """The index of the unit in an item of so many axes."""
        assert self.place is not None
        index = [int(i) for i in np.unravel_index(self.place, self.shape)]
        return tuple(index[len(index) - rank :]) or (0,)


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in the outputs for one input.

    Attributes:
        objectives: what is explained, in order.
        title: what was found, in words: "3 boxes of at least 0.25".
        picture_title: the same under a picture; as `title` if None.
        lines: a line for each thing that was found.
        records: the same for a program: a list for each name.
        others: the boxes that count and are not explained, each with its score.
    """

    objectives: tuple[Objective, ...]
    title: str = ""
    picture_title: str | None = None
    lines: tuple[str, ...] = ()
    records: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    others: tuple[tuple[Corners, float], ...] = ()


NOTHING = Found(())
"""Nothing was looked for."""
