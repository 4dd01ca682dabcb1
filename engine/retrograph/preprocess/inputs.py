"""Inputs on disk, one after the other, by name: pictures, folders, archives and arrays."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NoReturn

import numpy as np
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.pointers import refuse_pointer_file
from retrograph.preprocess.archives import is_archive, members, survey
from retrograph.preprocess.arrays import AnyArray, as_bytes, as_inputs, as_pictures
from retrograph.preprocess.axes import InputAxes, axes_by_size
from retrograph.preprocess.folders import has_classes, pictures_in
from retrograph.preprocess.items import BadInput, Item, Pending
from retrograph.preprocess.opening import Opened, open_bytes, open_picture, open_pillow
from retrograph.preprocess.picture import Array, check, prepare
from retrograph.preprocess.recipe import USE_NPY, Preprocessing, Shape, describe, spatial
from retrograph.preprocess.sequences import Coding, is_fasta, read_fasta
from retrograph.preprocess.stored import Stored, stored_arrays
from retrograph.preprocess.table import TABLES, Row, rows_of
from retrograph.preprocess.videos import (
    Frames,
    Source,
    as_videos,
    prepare_frames,
    read_video,
    videos_of,
)

_ADDRESS = re.compile(r"(?:https?|ftp|s3|gs):/")


def iter_inputs(
    paths: Iterable[str | os.PathLike[str]],
    axes: InputAxes | Shape,
    preprocessing: Preprocessing,
    coding: Coding | None = None,
) -> Iterator[Item | BadInput]:
    """The inputs in files and folders, in order, each read when it is asked for.

    `axes` are those of the model's input; of a shape, batch first, the sizes tell what they count.
    A path may be

    - a picture, or a folder, searched through for pictures by their suffixes, sorted, those
      what is hidden or a system's own left out;
    - an archive of pictures (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz), which are read
      without being unpacked to disk;
    - a .npy array, or a .npz, of which the first array that fits is taken. For a picture model
      bytes (uint8) are pictures, RGB or grey, with the channels last or first, and are
      preprocessed. Floats are the model's input as they are. Either may have a batch axis
      before, and is then one input for each entry along it;
    - for a model of videos an animated GIF or WebP, a folder or archive of them and of folders of
      pictures, each folder a video; of an array the frames before height and width;
    - a .csv or .tsv, with one picture a row, as values from 0 to 255, pixel by pixel, row by row
      of the picture, the channels of a pixel (red, green, blue) side by side, possibly all in
      one cell. A first row of column names tells where the label and the pixels are; without
      it, one value more is a label: the last if that is a word, else the first;
    - FASTA (.fa, .fasta, .faa, .fna, also with .gz): sequences of letters, one-hot by `coding`,
      which says that the model takes no pictures.

    What cannot be read is yielded as a BadInput, and the rest follows.
    Raises InputError at once when `preprocessing` does not go with a model of pictures.
    """
    return (pending.read() for pending in iter_pending(paths, axes, preprocessing, coding))


def iter_pending(
    paths: Iterable[str | os.PathLike[str]],
    axes: InputAxes | Shape,
    preprocessing: Preprocessing,
    coding: Coding | None = None,
) -> Iterator[Pending]:
    """The same inputs, in the same order, for the caller to decode."""
    reader = Reader(axes, preprocessing, coding)
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
        self,
        axes: InputAxes | Shape,
        preprocessing: Preprocessing,
        coding: Coding | None = None,
    ) -> None:
        self.axes = axes if isinstance(axes, InputAxes) else axes_by_size(axes)
        self.preprocessing = preprocessing
        self.coding = coding
        self.frame = None if coding is not None else self.axes.frame
        if self.frame is not None:
            check(preprocessing, self.frame)

    @property
    def _takes_videos(self) -> bool:
        return self.frame is not None and self.axes.takes_videos

    @property
    def _no_picture(self) -> InputError:
        """Why the model takes no pictures."""
        if self.coding is not None:
            return InputError("the model takes sequences of letters; give FASTA or a .npy array")
        shape = describe(self.axes.shape)
        return InputError(f"the model's input {shape} is no picture; {USE_NPY}")

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

    def read_value(self, name: str, value: Image.Image | AnyArray) -> Iterator[Pending]:
        """The inputs in a picture or an array in memory, as `read` gives those of its file."""
        if isinstance(value, Image.Image):
            yield Pending(name, lambda: self._from_opened(name, open_pillow(name, value), None))
            return
        try:
            batch = self._as_batch(value)
        except InputError as error:
            yield _failed(name, InputError(f"{name}: {error.message}"))
            return
        for i in range(len(batch)):
            each = name if len(batch) == 1 else f"{name}[{i}]"
            yield Pending(each, partial(self._from_stored, each, batch[i : i + 1]))

    def count(self, path: Path) -> int | None:
        """How many inputs `read` will give; None where only reading all tells."""
        if self._takes_videos and (path.is_dir() or is_archive(path)):
            return None
        if self._reader(path) != self._arrays:
            return count_inputs([path])
        try:
            with self._fitting(path) as (_, _, count):
                return count
        except InputError:
            return 1

    def from_memory(self, value: Image.Image | AnyArray, name: str) -> Item:
        """One input: a picture of Pillow, or an array as a .npy file would hold it.

        Raises InputError when it does not fit the model, or is several inputs.
        """
        if isinstance(value, Image.Image):
            return self._from_image(name, value)
        batch = self._as_batch(value)
        if len(batch) > 1:
            raise InputError(f"{name} is a batch of {len(batch)}; give one input")
        return self._from_array(name, batch[0])

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
        if self._takes_videos:
            yield self._video(Frames(name, (path,)), label)
            return
        yield Pending(name, lambda: self._from_opened(name, open_picture(path), label))

    def _video(self, frames: Frames, label: str | None) -> Pending:
        held = sum(len(s[1]) for s in frames.sources if isinstance(s, tuple))
        return Pending(frames.name, partial(self._from_frames, frames, label), held)

    def _folder_of_videos(self, folder: Path, paths: Iterable[Path]) -> Iterator[Pending]:
        inner = ((PurePosixPath(path.relative_to(folder).as_posix()), path) for path in paths)
        files = sorted(inner, key=lambda file: file[0].parent.parts)
        videos = [*videos_of(files, str(folder), "/")]
        classes = all(video.folders for video in videos)
        for video in videos:
            yield self._video(video, video.folders[0] if classes else None)

    def _folder(self, folder: Path) -> Iterator[Pending]:
        classes = has_classes(folder)
        depth = len(folder.parts)
        found = pictures_in(folder)
        first = next(found, None)
        if first is None:
            raise InputError(f"{folder} has no pictures in it; name another folder, or files")
        if self._takes_videos:
            yield from self._folder_of_videos(folder, chain([first], found))
            return
        for path in chain([first], found):
            yield from self._picture(path, path.parts[depth] if classes else None)

    def _archive(self, path: Path) -> Iterator[Pending]:
        known = survey(path)
        if not known.count:
            raise InputError(f"{path} has no pictures in it; name another archive, or files")
        if self._takes_videos:
            yield from self._archive_of_videos(path, known.level)
            return
        for member, data in members(path):
            name = f"{path}:{member}"
            if isinstance(data, InputError):
                yield _failed(name, data)
            else:
                make = partial(self._from_bytes, name, data, known.class_of(member))
                yield Pending(name, make, len(data))

    def _archive_of_videos(self, path: Path, level: int | None) -> Iterator[Pending]:
        """Those whose pictures lie one after the other in the archive."""
        good: list[tuple[PurePosixPath, Source]] = []
        for member, data in members(path):
            inner = PurePosixPath(member)
            if isinstance(data, InputError):
                yield _failed(f"{path}:{member}", data)
                continue
            if good and good[-1][0].parent != inner.parent:
                yield from self._archived(good, path, level)
                good = []
            good.append((inner, (f"{path}:{member}", data)))
        yield from self._archived(good, path, level)

    def _archived(
        self, files: Sequence[tuple[PurePosixPath, Source]], path: Path, level: int | None
    ) -> Iterator[Pending]:
        for video in videos_of(files, str(path), ":"):
            labelled = level is not None and len(video.folders) > level
            yield self._video(video, video.folders[level or 0] if labelled else None)

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
        takes_any = self.frame is None or self._takes_videos
        shape = () if takes_any else self.frame or ()
        height, width = spatial(shape, self.preprocessing.layout) if shape else (None, None)
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
        shape, item = self.axes.shape, self.axes.item
        if self.frame is None:
            return as_inputs(array, shape, item)
        if array.dtype == np.uint8 and self.axes.takes_videos:
            return as_videos(array, self.axes, self.preprocessing)
        if array.dtype == np.uint8:
            return as_pictures(array, self.frame, self.preprocessing)
        if array.dtype.kind != "f":
            raise InputError(
                f"its values are {array.dtype}; save uint8 for a picture, "
                "float32 for the model's input as it is"
            )
        return as_inputs(array, shape, item)

    def _from_frames(self, frames: Frames, label: str | None) -> Item:
        array, note = read_video(frames, self.axes, self.preprocessing)
        return Item(frames.name, array, None, label, note)

    def _from_image(self, name: str, image: Image.Image, label: str | None = None) -> Item:
        if self.frame is None:
            raise InputError(f"{name}: {self._no_picture}")
        try:
            array, shown = prepare(image, self.preprocessing, self.frame)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        return Item(name, self.axes.to_item(array[np.newaxis]), shown, label)

    def _from_opened(self, name: str, opened: Opened, label: str | None) -> Item:
        return replace(self._from_image(name, opened.image, label), note=opened.note)

    def _from_bytes(self, name: str, data: bytes, label: str | None) -> Item:
        return self._from_opened(name, open_bytes(name, data), label)

    def _from_stored(self, name: str, row: AnyArray) -> Item:
        return self._from_array(name, self._as_batch(row)[0])

    def _from_array(self, name: str, entry: AnyArray) -> Item:
        if self.frame is None:
            return Item(name, _finite(name, entry), None)
        if entry.dtype == np.uint8 and self.axes.takes_videos:
            array, note = prepare_frames(name, entry, self.axes, self.preprocessing)
            return Item(name, array, None, note=note)
        if entry.dtype == np.uint8:
            return self._from_image(name, _image(entry))
        values = _finite(name, entry)
        return Item(name, values, self.axes.shown(values, self.preprocessing))

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
