"""Inputs on disk, one after the other, by name: pictures, folders, archives, arrays, ..."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath

from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs.kinds import InputKind
from retrograph.pointers import refuse_pointer_file
from retrograph.preprocess import BadInput, Item, Pending, PictureFile
from retrograph.preprocess.archives import is_archive, members, survey
from retrograph.preprocess.arrays import AnyArray
from retrograph.preprocess.folders import files_in, has_classes
from retrograph.preprocess.formats import picture_suffixes
from retrograph.preprocess.sequences import is_fasta
from retrograph.preprocess.sounds import SOUND_SUFFIXES
from retrograph.preprocess.stored import Stored, stored_arrays
from retrograph.preprocess.table import TABLES

_ADDRESS = re.compile(r"(?:https?|ftp|s3|gs):/")


def iter_inputs(
    paths: Iterable[str | os.PathLike[str]],
    kind: InputKind,
) -> Iterator[Item | BadInput]:
    """The inputs in files and folders, in order, each read when it is asked for.

    `kind` is that of the model's input. A path may be

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
    - for a model of waveforms a sound (.wav, .flac, .ogg, .mp3 and others), or a folder or archive
      of sounds;
    - FASTA (.fa, .fasta, .faa, .fna, also with .gz): sequences of letters, one-hot, for a model of
      such.

    What cannot be read is yielded as a BadInput, and the rest follows.
    """
    return (pending.read() for pending in iter_pending(paths, kind))


def iter_pending(paths: Iterable[str | os.PathLike[str]], kind: InputKind) -> Iterator[Pending]:
    """The same inputs, in the same order, for the caller to decode."""
    reader = Reader(kind)
    return (pending for path in paths for pending in reader.read(Path(path)))


def count_inputs(
    paths: Iterable[str | os.PathLike[str]], suffixes: frozenset[str] | None = None
) -> int | None:
    """How many inputs `iter_inputs` will give; None where only the model tells, or reading all.

    Args:
        paths: files and folders.
        suffixes: by which the inputs in folders and archives are known; those of pictures if None.
    """
    known = picture_suffixes() if suffixes is None else suffixes
    counts = [_count(Path(path), known) for path in paths]
    return None if None in counts else sum(count or 0 for count in counts)


def _count(path: Path, suffixes: frozenset[str]) -> int | None:
    try:
        if path.is_dir():
            unreadable: list[Path] = []
            files = files_in(path, suffixes, lambda folder, _: unreadable.append(folder))
            return sum(1 for _ in files) + len(unreadable)
        if is_archive(path):
            return survey(path, suffixes).count
    except InputError:
        return 1  # the one that says so
    return None if path.suffix.lower() in (".npy", ".npz", *TABLES) or is_fasta(path) else 1


def _with_bad(good: Iterable[Pending], bad: list[Pending]) -> Iterator[Pending]:
    """What can be read, and before each what has come to `bad` since the one before it."""
    for pending in good:
        yield from bad
        bad.clear()
        yield pending
    yield from bad


class Reader:
    """Reads files of every sort as inputs of one kind: see `iter_inputs`."""

    def __init__(self, kind: InputKind) -> None:
        self.kind = kind

    def read(self, path: Path) -> Iterator[Pending]:
        """The inputs in a file or folder, not decoded yet."""
        try:
            refuse_pointer_file(path)
            if _ADDRESS.match(str(path)) and not path.exists():
                address = str(path).replace(":/", "://", 1)  # a path has no empty part
                raise InputError(f"{address} is a web address, no file; download it and give that")
            yield from self._reader(path)(path)
        except InputError as error:
            yield Pending.failed(str(path), error)

    def read_value(self, name: str, value: bytes | Image.Image | AnyArray) -> Iterator[Pending]:
        """The inputs in a picture or an array in memory, as `read` gives those of its file."""
        if isinstance(value, (bytes, Image.Image)):
            yield from self.kind.read_pictures([PictureFile(name, PurePosixPath(name), value)])
            return
        try:
            batch = self.kind.as_batch(value)
        except InputError as error:
            yield Pending.failed(name, InputError(f"{name}: {error.message}"))
            return
        for i, row in enumerate(batch):
            each = name if len(batch) == 1 else f"{name}[{i}]"
            yield Pending(each, partial(self.kind.from_row, each, row))

    def from_memory(self, value: bytes | Image.Image | AnyArray, name: str) -> Item:
        """One input: a picture, or an array as a .npy file would hold it.

        Raises:
            InputError: it does not fit the model, or is several inputs.
        """
        pending = [*self.read_value(name, value)]
        if len(pending) > 1:
            raise InputError(f"{name} is a batch of {len(pending)}; give one input")
        return pending[0].make()

    def count(self, path: Path) -> int | None:
        """How many inputs `read` will give; None where only reading all tells."""
        if self._reader(path) == self._arrays:
            try:
                with self._fitting(path) as (_, _, count):
                    return count
            except InputError:
                return 1
        if not self.kind.is_file_each and (path.is_dir() or is_archive(path)):
            return None
        return count_inputs([path], self.kind.file_suffixes)

    def _reader(self, path: Path) -> Callable[[Path], Iterator[Pending]]:
        if path.is_dir():
            return self._folder
        if is_archive(path):
            return self._archive
        if is_fasta(path):
            return self.kind.read_letters
        readers = {".npy": self._arrays, ".npz": self._arrays}
        readers |= dict.fromkeys(TABLES, self.kind.read_table)
        readers |= dict.fromkeys(SOUND_SUFFIXES, self._sound)
        return readers.get(path.suffix.lower(), self._picture)

    def _picture(self, path: Path) -> Iterator[Pending]:
        return self.kind.read_pictures([PictureFile(str(path), PurePosixPath(path.name), path)])

    def _sound(self, path: Path) -> Iterator[Pending]:
        return self.kind.read_sounds([PictureFile(str(path), PurePosixPath(path.name), path)])

    def _folder(self, folder: Path) -> Iterator[Pending]:
        suffixes = self.kind.file_suffixes
        level = 0 if has_classes(folder, suffixes) else None
        bad: list[Pending] = []
        paths = files_in(
            folder, suffixes, lambda path, error: bad.append(Pending.failed(str(path), error))
        )
        first = next(paths, None)
        if first is None and not bad:
            raise InputError(
                f"{folder} has no {self.kind.files} in it; name another folder, or files"
            )
        above = len(folder.parts)
        files = (
            PictureFile(
                name=str(path),
                place=PurePosixPath(*path.parts[above:]),
                source=path,
                root=f"{folder}/",
                level=level,
            )
            for path in chain(filter(None, [first]), paths)
        )
        yield from _with_bad(self.kind.read_files(files), bad)

    def _archive(self, path: Path) -> Iterator[Pending]:
        known = survey(path, self.kind.file_suffixes)
        if not known.count:
            raise InputError(
                f"{path} has no {self.kind.files} in it; name another archive, or files"
            )
        bad: list[Pending] = []
        yield from _with_bad(self.kind.read_files(self._members(path, known.level, bad)), bad)

    def _members(self, path: Path, level: int | None, bad: list[Pending]) -> Iterator[PictureFile]:
        """The files in an archive; those that cannot be read come to `bad`."""
        for member, data in members(path, self.kind.file_suffixes):
            name = f"{path}:{member}"
            if isinstance(data, InputError):
                bad.append(Pending.failed(name, data))
            else:
                yield PictureFile(name, PurePosixPath(member), data, f"{path}:", level)

    def _arrays(self, path: Path) -> Iterator[Pending]:
        with self._fitting(path) as (name, stored, count):
            if count == 1:
                array = stored.whole()
                yield Pending(name, partial(self._from_stored, name, array), array.nbytes)
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
        with closing(stored_arrays(path)) as arrays:
            for name, stored in arrays:
                try:
                    count = len(self.kind.as_batch(stored.like))
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

    def _from_stored(self, name: str, row: AnyArray) -> Item:
        return self.kind.from_row(name, self.kind.as_batch(row)[0])
