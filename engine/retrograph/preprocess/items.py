"""One input of a data set: read, waiting to be read, or bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.opening import Opened, open_bytes, open_picture, open_pillow
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
        stem: what files about it are named after; "" where its name tells.
        owner: the file or folder that was given, which it is of; None where that is not known.
        sample_rate: of a sound, samples a second in the array; None for what is none.
    """

    name: str
    array: Array
    shown: Image.Image | None
    label: str | None = None
    note: str = ""
    stem: str = ""
    owner: Path | None = None
    sample_rate: int | None = None


@dataclass(frozen=True)
class BadInput:
    """An input that could not be read; the error tells the user which, why, and how to mend it."""

    name: str
    error: InputError


@dataclass(frozen=True)
class PictureFile:
    """A file of a picture, or of several, which may lie in a folder or an archive.

    Attributes:
        name: the path, behind that of the archive.
        place: the path in the folder or archive; the file's own name if it is given by itself.
        source: the file, its bytes in an archive, or a picture in memory.
        root: what a folder in the folder or archive is called after: "clips/", "clips.zip:".
        level: which folder of `place` is the class, from 0; None where there are none.
    """

    name: str
    place: PurePosixPath
    source: Path | bytes | Image.Image
    root: str = ""
    level: int | None = None

    @property
    def label(self) -> str | None:
        """Its class."""
        return None if self.level is None else self.place.parts[self.level]

    @property
    def held(self) -> int:
        """How many bytes of it are in memory."""
        return len(self.source) if isinstance(self.source, bytes) else 0

    def open(self) -> Opened:
        """The picture.

        Raises:
            InputError: it cannot be read.
        """
        if isinstance(self.source, Path):
            return open_picture(self.source)
        if isinstance(self.source, Image.Image):
            return open_pillow(self.name, self.source)
        return open_bytes(self.name, self.source)


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

    @classmethod
    def failed(cls, name: str, error: InputError) -> Pending:
        """One that cannot be read."""

        def make() -> NoReturn:
            raise error

        return cls(name, make)

    def read(self) -> Item | BadInput:
        """The input, or why it cannot be read."""
        try:
            return self.make()
        except InputError as error:
            return BadInput(self.name, error)
