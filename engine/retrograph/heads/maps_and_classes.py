"""Heads without boxes: scores at each position of a map, and scores of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from retrograph.heads.table import Array, Table


@dataclass(frozen=True)
class MapHead:
    """Scores of classes, or numbers, at each position.

    Attributes:
        kind: how the output is laid out, in words.
        output: of the model.
        table: the tensor of the scores before what squashes them: axes value, row and column.
        squash: what squashes them, such as Softmax; "" where nothing does.
        notes: what is to be known of it.
    """

    name: ClassVar[str] = "map"

    kind: str
    output: str
    table: Table
    squash: str = ""
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """How many channels the map has."""
        return self.table.width

    @property
    def tensors(self) -> tuple[str, ...]:
        """What has to be run to read it."""
        return (self.table.tensor,)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        axes, shape = self.table.axes, self.table.shape
        return shape[axes.index("row")], shape[axes.index("column")]

    def planes(self, item: Array) -> Array:
        """An item of the tensor as [C, rows, columns]."""
        order = [self.table.axes.index(name) for name in ("value", "row", "column")]
        planes: Array = item.reshape(self.table.shape).transpose(order)
        return planes

    def weights(self, planes: Array) -> Array:
        """Weights [C, rows, columns] in the axes of an item of the tensor."""
        order = [("value", "row", "column").index(name) for name in self.table.axes]
        return np.ascontiguousarray(planes.transpose(order))

    def mask(self, item: Array, label: int) -> Array:
        """Where [rows, columns] a class is predicted: where its score is the highest.

        Of a map of one channel, where that is above 0.
        """
        planes = self.planes(item)
        mask: Array = planes[0] > 0 if len(planes) == 1 else planes.argmax(0) == label
        return mask

    def to_dict(self) -> dict[str, Any]:
        """The layout as JSON has it; `from_dict` takes it back."""
        return {
            "head": self.name,
            "kind": self.kind,
            "output": self.output,
            "scores": self.table.to_dict(),
            "squash": self.squash,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> MapHead:
        """The head of a record.

        Raises:
            InputError: something is missing or does not go together.
        """
        table = Table.from_dict(record.get("scores", {}))
        return cls(
            kind=str(record.get("kind", "as given")),
            output=str(record.get("output", table.tensor)),
            table=table,
            squash=str(record.get("squash", "")),
        )


@dataclass(frozen=True)
class ClassHead:
    """Scores of classes, one of each for an item.

    Attributes:
        output: of the model.
        layer: the tensor of the scores before what squashes them.
        classes: how many there are.
        squash: what squashes them; "" where nothing does.
        notes: what is to be known of it.
    """

    name: ClassVar[str] = "classes"

    output: str
    layer: str
    classes: int
    squash: str = ""
    notes: tuple[str, ...] = ()
    kind: str = "a score for each class"

    @property
    def tensors(self) -> tuple[str, ...]:
        """What has to be run to read it."""
        return (self.layer,)

    def to_dict(self) -> dict[str, Any]:
        """The layout as JSON has it."""
        return {
            "head": self.name,
            "kind": self.kind,
            "output": self.output,
            "layer": self.layer,
            "classes": self.classes,
            "squash": self.squash,
        }
