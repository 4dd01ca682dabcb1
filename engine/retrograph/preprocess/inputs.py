"""Inputs on disk: pictures, folders of them, and arrays, one after the other, by name."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.arrays import AnyArray, as_bytes, as_inputs, as_pictures
from retrograph.preprocess.picture import (
    Array,
    check,
    load_picture,
    one_line,
    picture_suffixes,
    prepare,
    restore,
)
from retrograph.preprocess.recipe import Preprocessing, Shape, infer_layout, spatial


@dataclass(frozen=True)
class Item:
    """One input, ready for the model.

    Attributes:
        name: where it came from: the path, and for one of many in a file its number from 0,
            "digits.npz:x_test[3]" or "cifar.csv[3]".
        array: float32, of the model's input shape without the batch axis.
        shown: the RGB picture that the model sees; None where the input is not a picture.
        label: the class that a row of a .csv gives, else None.
    """

    name: str
    array: Array
    shown: Image.Image | None
    label: str | None = None


@dataclass(frozen=True)
class BadItem:
    """An input that could not be read; the error tells the user which, why, and how to mend it."""

    name: str
    error: InputError


def iter_inputs(
    paths: Iterable[str | os.PathLike[str]], shape: Shape, preprocessing: Preprocessing
) -> Iterator[Item | BadItem]:
    """The inputs in files and folders, in order, each read when it is asked for.

    `shape` is that of the model's input, batch first. A path may be

    - a picture, or a folder, searched through for pictures by their suffixes, sorted, those
      whose names begin with a dot left out;
    - a .npy array, or a .npz, of which the first array that fits is taken. For a picture model
      bytes (uint8) are pictures, RGB or grey, with the channels last or first, and are
      preprocessed. Floats are the model's input as they are. Either may have a batch axis
      before, and is then one input for each entry along it;
    - a .csv, with one picture a row, as values from 0 to 255, pixel by pixel, row by row of the
      picture, the channels of a pixel (red, green, blue) side by side; before them possibly a
      label. A first row of column names is skipped.

    What cannot be read is yielded as a BadItem, and the rest follows.
    Raises InputError at once when `preprocessing` does not go with a picture model of `shape`.
    """
    reader = _Reader(shape, preprocessing)
    return (item for path in paths for item in reader.read(Path(path)))


def count_inputs(paths: Iterable[str | os.PathLike[str]]) -> int | None:
    """How many inputs `iter_inputs` will give; None where only reading a file tells."""
    total = 0
    for path in map(Path, paths):
        if path.suffix.lower() in _HOLDS_MANY:
            return None
        total += len(_pictures_in(path)) if path.is_dir() else 1
    return total


_HOLDS_MANY = {".npy", ".npz", ".csv"}


def _pictures_in(folder: Path) -> list[Path]:
    suffixes = picture_suffixes()
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
    )


class _Reader:
    """Reads files of every kind as inputs of one model."""

    def __init__(self, shape: Shape, preprocessing: Preprocessing) -> None:
        self.shape = shape
        self.preprocessing = preprocessing
        try:
            infer_layout(shape)
        except InputError as error:
            self.not_pictures: InputError | None = error
        else:
            self.not_pictures = None
            check(preprocessing, shape)

    def read(self, path: Path) -> Iterator[Item | BadItem]:
        readers = {".npy": self._arrays, ".npz": self._arrays, ".csv": self._table}
        reader = self._folder if path.is_dir() else readers.get(path.suffix.lower(), self._picture)
        try:
            yield from reader(path)
        except InputError as error:
            yield BadItem(str(path), error)

    def _picture(self, path: Path) -> Iterator[Item | BadItem]:
        name = str(path)
        yield _attempt(name, lambda: self._from_image(name, load_picture(path)))

    def _folder(self, folder: Path) -> Iterator[Item | BadItem]:
        found = _pictures_in(folder)
        if not found:
            raise InputError(f"{folder} has no pictures in it; name another folder, or files")
        for path in found:
            yield from self._picture(path)

    def _arrays(self, path: Path) -> Iterator[Item | BadItem]:
        reasons = []
        for name, array in _load(path):
            try:
                batch = self._as_batch(array)
            except InputError as error:
                reasons.append(f"{name}: {error}")
                continue
            names = [name] if len(batch) == 1 else [f"{name}[{i}]" for i in range(len(batch))]
            for each, entry in zip(names, batch, strict=True):
                yield _attempt(each, partial(self._from_array, each, entry))
            return
        match reasons:
            case []:
                raise InputError(f"{path} holds no array; save one in it")
            case [reason]:
                raise InputError(reason)
            case [first, *_]:
                raise InputError(f"none of {len(reasons)} arrays fits; the first, {first}")

    def _table(self, path: Path) -> Iterator[Item | BadItem]:
        layout = self.preprocessing.layout
        height, width = (None, None) if self.not_pictures else spatial(self.shape, layout)
        if height is None or width is None:
            raise InputError(
                f"{path}: a .csv is for models of pictures of one fixed size; "
                "give the input as a .npy array"
            )
        size = height, width, self.preprocessing.channels
        for number, (line, row) in enumerate(_rows(path)):
            name = f"{path}[{number}]"
            yield _attempt(name, partial(self._from_row, name, line, row, size))

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

    def _from_array(self, name: str, entry: AnyArray) -> Item:
        if self.not_pictures:
            return Item(name, _finite(name, entry), None)
        if entry.dtype == np.uint8:
            return self._from_image(name, _image(entry))
        values = _finite(name, entry)
        return Item(name, values, Image.fromarray(restore(values, self.preprocessing)))

    def _from_row(
        self, name: str, line: int, row: Sequence[str], size: tuple[int, int, int]
    ) -> Item:
        count = int(np.prod(size))
        label = row[0].strip() if len(row) == count + 1 else None
        values = row if label is None else row[1:]
        if len(values) != count:
            raise InputError(
                f"{name}: line {line} has {len(row)} values; "
                f"write {count}, possibly after a label, or check the model's input size"
            )
        try:
            pixels = as_bytes(values)
        except InputError as error:
            raise InputError(f"{name}: line {line}: {error}") from None
        return self._from_image(name, _image(pixels.reshape(size)), label)


def _attempt(name: str, make: Callable[[], Item]) -> Item | BadItem:
    try:
        return make()
    except InputError as error:
        return BadItem(name, error)


def _image(pixels: AnyArray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _finite(name: str, values: AnyArray) -> Array:
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{name} has NaN, infinite or too large values; mend them")
    return array


def _load(path: Path) -> Iterator[tuple[str, AnyArray]]:
    try:
        if path.suffix.lower() == ".npy":
            yield str(path), np.lib.format.open_memmap(path, mode="r")
            return
        # Opened here: where numpy fails on a damaged archive, it leaves its own file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            for key in data.files:
                yield f"{path}:{key}", data[key]
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except Exception as error:  # on damaged data numpy and zipfile raise nearly anything
        raise InputError(
            f"{path} holds no arrays that can be read ({one_line(error)}); "
            "save it anew with numpy.save, without objects"
        ) from None


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if row and not (reader.line_num == 1 and _is_header(row)):
                    yield reader.line_num, row
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read as a .csv ({one_line(error)}); save it anew as UTF-8 text"
        ) from None


def _is_header(row: Sequence[str]) -> bool:
    try:
        float(row[-1])
    except ValueError:
        return True
    return False
