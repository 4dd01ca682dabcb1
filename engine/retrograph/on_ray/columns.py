"""The rows of a data set of Ray Data as inputs of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retrograph.errors import InputError
from retrograph.inputs import InputKind
from retrograph.inputs.loader import Input
from retrograph.inputs.reader import Reader
from retrograph.preprocess import BadInput, Item
from retrograph.preprocess.arrays import AnyArray

_PICTURES = ("image", "bytes", "data", "jpg", "jpeg", "png", "webp", "npy")
_NAMES = ("path", "name", "__key__")

_SAMPLE = 8

UNNAMED = "row"
"""What an input is called whose data set has no names."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a data set hold what.

    Attributes:
        input: a picture's file as bytes, or an array.
        name: what the input is called; None where nothing says so.
        label: its class; None for none.
    """

    input: str
    name: str | None = None
    label: str | None = None

    @classmethod
    def of(cls, names: list[str], column: str | None, label: str | None) -> Columns:
        """The columns of a data set.

        Args:
            names: of all its columns.
            column: the one of the inputs; the first of the usual names if None.
            label: the one of the classes, if there is one.

        Raises:
            InputError: there is no such column.
        """
        for wanted in filter(None, (column, label)):
            if wanted not in names:
                raise InputError(f"no column '{wanted}'; the data set has: {', '.join(names)}")
        usual = column or next((name for name in _PICTURES if name in names), None)
        if usual is None:
            raise InputError(
                f"which column holds the inputs? name it: column=..., one of: {', '.join(names)}"
            )
        return cls(usual, next((name for name in _NAMES if name in names), None), label)

    def items(self, block: Mapping[str, Any], kind: InputKind) -> Iterator[Item | BadInput]:
        """The rows of a block, read."""
        reader = Reader(kind)
        for row, cell in enumerate(block[self.input]):
            name = UNNAMED if self.name is None else str(block[self.name][row])
            label = None if self.label is None else str(block[self.label][row])
            try:
                yield replace(reader.from_memory(cell_value(cell), name), label=label)
            except InputError as error:
                yield BadInput(name, error)


def first_inputs(
    dataset: Any, column: str | None, label: str | None
) -> tuple[Columns, list[Input]]:
    """The columns of a data set, and its first inputs, by which their preprocessing is chosen.

    Raises:
        InputError: there is no such column, or no row.
    """
    rows = dataset.take(_SAMPLE)
    if not rows:
        raise InputError("the data set has no rows; give some")
    columns = Columns.of([*rows[0]], column, label)
    return columns, [cell_value(row[columns.input]) for row in rows]


def cell_value(cell: Any) -> bytes | AnyArray:
    """What a cell holds as an input: of the images of Hugging Face's data sets the file."""
    if isinstance(cell, Mapping):
        cell = cell["bytes"]
    return cell if isinstance(cell, bytes) else np.asarray(cell)
