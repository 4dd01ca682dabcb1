"""One input of a data set: read, waiting to be read, or bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.picture import Array


@dataclass(frozen=True)
class Item:
    """One input, ready for the model.

    Attributes:
        name: where it came from: the path, and for one of many in a file its number from 0 or
            its name there, "digits.npz:x_test[3]", "cifar.csv[3]", "cifar.zip:cat/0001.png".
        array: float32, of the model's input shape without the batch axis.
        shown: the RGB picture that the model sees; None where the input is not a picture.
        label: its class: what a row of a .csv says, or the folder that it lies in where all
            pictures of a folder or an archive lie in folders; None if there is none.
        note: what is to be known of how it was read; "" where there is nothing.
    """

    name: str
    array: Array
    shown: Image.Image | None
    label: str | None = None
    note: str = ""


@dataclass(frozen=True)
class BadInput:
    """An input that could not be read; the error tells the user which, why, and how to mend it."""

    name: str
    error: InputError


@dataclass(frozen=True)
class Pending:
    """An input that is not decoded yet, which any thread may do.

    Attributes:
        name: that of the item.
        make: decodes it, once; raises InputError where that fails.
        held: how many bytes wait in memory to be decoded.
    """

    name: str
    make: Callable[[], Item]
    held: int = 0

    def read(self) -> Item | BadInput:
        """The input, or why it cannot be read."""
        try:
            return self.make()
        except InputError as error:
            return BadInput(self.name, error)
