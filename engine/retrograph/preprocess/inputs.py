"""Inputs on disk, one after the other, by name: pictures, folders, archives and arrays."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.pointers import refuse_pointer_file
from retrograph.preprocess.archives import is_archive, members, survey
from retrograph.preprocess.arrays import AnyArray, as_bytes, as_inputs, as_pictures
from retrograph.preprocess.folders import has_classes, pictures_in
from retrograph.preprocess.opening import Opened, open_bytes, open_picture
from retrograph.preprocess.picture import (
    Array,
    check,
    prepare,
    restore,
)
from retrograph.preprocess.recipe import Preprocessing, Shape, infer_layout, spatial
from retrograph.preprocess.sequences import Coding, is_fasta, read_fasta
from retrograph.preprocess.stored import Stored, stored_arrays
from retrograph.preprocess.table import TABLES, Row, rows_of

_ADDRESS = re.compile(r"(?:https?|ftp|s3|gs):/")


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
class BadItem:
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

    def read(self) -> Item | BadItem:
        """The input, or why it cannot be read."""
        try:
            return self.make()
        except InputError as error:
            return BadItem(self.name, error)


def iter_inputs(
    paths: Iterable[str | os.PathLike[str]],
    shape: Shape,
    preprocessing: Preprocessing,
    coding: Coding | None = None,
) -> Iterator[Item | BadItem]:
    """The inputs in files and folders, in order, each read when it is asked for.

    `shape` is that of the model's input, batch first. A path may be

    - a picture, or a folder, searched through for pictures by their suffixes, sorted, those
      what is hidden or a system's own left out;
    - an archive of pictures (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz), which are read
      without being unpacked to disk;
    - a .npy array, or a .npz, of which the first array that fits is taken. For a picture model
      bytes (uint8) are pictures, RGB or grey, with the channels last or first, and are
      preprocessed. Floats are the model's input as they are. Either may have a batch axis
      before, and is then one input for each entry along it;
    - a .csv or .tsv, with one picture a row, as values from 0 to 255, pixel by pixel, row by row
      of the picture, the channels of a pixel (red, green, blue) side by side, possibly all in
      one cell. A first row of column names tells where the label and the pixels are; without
      it, one value more is a label: the last if that is a word, else the first;
    - FASTA (.fa, .fasta, .faa, .fna, also with .gz): sequences of letters, one-hot by `coding`,
      which says that the model takes no pictures.

    What cannot be read is yielded as a BadItem, and the rest follows.
    Raises InputError at once when `preprocessing` does not go with a picture model of `shape`.
    """
    return (pending.read() for pending in iter_pending(paths, shape, preprocessing, coding))


def iter_pending(
    paths: Iterable[str | os.PathLike[str]],
    shape: Shape,
    preprocessing: Preprocessing,
    coding: Coding | None = None,
) -> Iterator[Pending]:
    """The same inputs, in the same order, for the caller to decode."""
    reader = Reader(shape, preprocessing, coding)
    return (pending for path in paths for pending in reader.read(Path(path)))


def count_inputs(paths: Iterable[str | os.PathLike[str]]) -> int | None:
    """How many inputs `iter_inputs` will give; None where only the model tells, or reading all."""
    counts = [_count(Path(path)) for path in paths]
    return None if None in counts else sum(count or 0 for count in counts)


def _count(path: Path) -> int | None:
    try:
        if path.is_dir():
            return sum(1 for _ in pictures_in(path))
        if is_archive(path):
            return survey(path).count
    except InputError:
        return 1  # the one that says so
    return None if path.suffix.lower() in (".npy", ".npz", *TABLES) or is_fasta(path) else 1


class Reader:
    """Reads files of every kind as inputs of one model: see `iter_inputs`."""

    def __init__(
        self, shape: Shape, preprocessing: Preprocessing, coding: Coding | None = None
    ) -> None:
        self.shape = shape
        self.preprocessing = preprocessing
        self.coding = coding
        try:
            if coding is not None:
                raise InputError("the model takes sequences of letters; give FASTA or a .npy array")
            infer_layout(shape)
        except InputError as error:
            self.not_pictures: InputError | None = error
        else:
            self.not_pictures = None
            check(preprocessing, shape)

    def read(self, path: Path) -> Iterator[Pending]:
        """The inputs in a file or folder, not decoded yet."""
        try:
            refuse_pointer_file(path)
            if _ADDRESS.match(str(path)) and not path.exists():
                address = str(path).replace(":/", "://", 1)  # a path has no empty part
                raise InputError(f"{address} is a web address, no file; download it and give that")
            yield from self._reader(path)(path)
        except InputError as error:
            yield _failed(str(path), error)

    def count(self, path: Path) -> int | None:
        """How many inputs `read` will give; None where only reading all tells."""
        if self._reader(path) != self._arrays:
            return count_inputs([path])
        try:
            with self._fitting(path) as (_, _, count):
                return count
        except InputError:
            return 1

    def _reader(self, path: Path) -> Callable[[Path], Iterator[Pending]]:
        if path.is_dir():
            return self._folder
        if is_archive(path):
            return self._archive
        if is_fasta(path):
            return self._sequences
        readers = {".npy": self._arrays, ".npz": self._arrays}
        readers |= dict.fromkeys(TABLES, self._table)
        return readers.get(path.suffix.lower(), self._picture)

    def _picture(self, path: Path, label: str | None = None) -> Iterator[Pending]:
        name = str(path)
        yield Pending(name, lambda: self._from_opened(name, open_picture(path), label))

    def _folder(self, folder: Path) -> Iterator[Pending]:
        classes = has_classes(folder)
        depth = len(folder.parts)
        found = pictures_in(folder)
        first = next(found, None)
        if first is None:
            raise InputError(f"{folder} has no pictures in it; name another folder, or files")
        for path in chain([first], found):
            yield from self._picture(path, path.parts[depth] if classes else None)

    def _archive(self, path: Path) -> Iterator[Pending]:
        known = survey(path)
        if not known.count:
            raise InputError(f"{path} has no pictures in it; name another archive, or files")
        for member, data in members(path):
            name = f"{path}:{member}"
            if isinstance(data, InputError):
                yield _failed(name, data)
            else:
                make = partial(self._from_bytes, name, data, known.class_of(member))
                yield Pending(name, make, len(data))

    def _arrays(self, path: Path) -> Iterator[Pending]:
        with self._fitting(path) as (name, stored, count):
            if count == 1:
                whole = stored.whole()
                yield Pending(name, partial(self._from_stored, name, whole), whole.nbytes)
                return
            for i, row in enumerate(stored.rows()):
                each = f"{name}[{i}]"
                yield Pending(each, partial(self._from_stored, each, row), row.nbytes)

    @contextmanager
    def _fitting(self, path: Path) -> Iterator[tuple[str, Stored, int]]:
        """The first array of a file that fits, its name and how many inputs it holds.

        Raises:
            InputError: none fits.
        """
        reasons = []
        with closing(stored_arrays(path)) as found:
            for name, stored in found:
                try:
                    count = len(self._as_batch(stored.like))
                except InputError as error:
                    reasons.append(f"{name}: {error}")
                    continue
                yield name, stored, count
                return
        match reasons:
            case []:
                raise InputError(f"{path} holds no array; save one in it")
            case [reason]:
                raise InputError(reason)
            case [first, *_]:
                raise InputError(f"none of {len(reasons)} arrays fits; the first, {first}")

    def _table(self, path: Path) -> Iterator[Pending]:
        layout = self.preprocessing.layout
        height, width = (None, None) if self.not_pictures else spatial(self.shape, layout)
        if height is None or width is None:
            raise InputError(
                f"{path}: a .csv is for models of pictures of one fixed size; "
                "give the input as a .npy array"
            )
        size = height, width, self.preprocessing.channels
        for number, row in enumerate(rows_of(path, math.prod(size))):
            name = f"{path}[{number}]"
            yield Pending(name, partial(self._from_row, name, row, size))

    def _sequences(self, path: Path) -> Iterator[Pending]:
        if self.coding is None:
            raise InputError(
                f"{path}: it is not known which channel of the model is which letter; "
                f"give {parameter('alphabet')}, such as dna, protein or ACGT"
            )
        if self.coding.unnamed:
            raise InputError(
                f"{path}: {self.coding.unnamed} of the model's {len(self.coding.alphabet)} "
                "channels are no letters, and FASTA does not tell them; give a .npy array"
            )
        for own, sequence in read_fasta(path):
            name = f"{path}:{own}"
            yield Pending(name, partial(_encoded, name, sequence, self.coding), len(sequence))

    def _as_batch(self, array: AnyArray) -> AnyArray:
        if self.not_pictures:
            return as_inputs(array, self.shape)
        if array.dtype == np.uint8:
            return as_pictures(array, self.shape, self.preprocessing)
        if array.dtype.kind != "f":
            raise InputError(
                f"its values are {array.dtype}; save uint8 for a picture, "
                "float32 for the model's input as it is"
            )
        return as_inputs(array, self.shape)

    def _from_image(self, name: str, image: Image.Image, label: str | None = None) -> Item:
        if self.not_pictures:
            raise InputError(f"{name}: {self.not_pictures}")
        try:
            array, shown = prepare(image, self.preprocessing, self.shape)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        return Item(name, array, shown, label)

    def _from_opened(self, name: str, opened: Opened, label: str | None) -> Item:
        return replace(self._from_image(name, opened.image, label), note=opened.note)

    def _from_bytes(self, name: str, data: bytes, label: str | None) -> Item:
        return self._from_opened(name, open_bytes(name, data), label)

    def _from_stored(self, name: str, row: AnyArray) -> Item:
        return self._from_array(name, self._as_batch(row)[0])

    def _from_array(self, name: str, entry: AnyArray) -> Item:
        if self.not_pictures:
            return Item(name, _finite(name, entry), None)
        if entry.dtype == np.uint8:
            return self._from_image(name, _image(entry))
        values = _finite(name, entry)
        return Item(name, values, Image.fromarray(restore(values, self.preprocessing)))

    def _from_row(self, name: str, row: Row, size: tuple[int, int, int]) -> Item:
        try:
            taken = row.columns.take(row.cells)
        except InputError as error:
            raise InputError(f"{name}: line {row.line} {error}") from None
        try:
            pixels = as_bytes(taken.values)
        except InputError as error:
            raise InputError(f"{name}: line {row.line}: {error}") from None
        item = self._from_image(name, _image(pixels.reshape(size)), taken.label)
        return replace(item, note=taken.note)


def _failed(name: str, error: InputError) -> Pending:
    def make() -> NoReturn:
        raise error

    return Pending(name, make)


def _encoded(name: str, sequence: str, coding: Coding) -> Item:
    try:
        array, note = coding.encode(sequence)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return Item(name, array, None, note=note)


def _image(pixels: AnyArray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _finite(name: str, values: AnyArray) -> Array:
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{name} has NaN, infinite or too large values; mend them")
    return array
