"""Arrays in .npy and .npz files, row by row: no file is ever in memory as a whole."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from retrograph.preprocess.arrays import AnyArray
from retrograph.preprocess.blame import blaming

_LARGEST_READ = 2**30
"""Bytes that are read at once from an .npz, whose arrays may claim any size."""

_WINDOW = 2**25
"""Bytes of an .npy that are mapped into memory at once: what has been read does not stay there."""

_FAULT = ("holds no arrays that can be read", "save it anew with numpy.save, without objects")


class Stored(Protocol):
    """An array that is not read yet."""

    @property
    def like(self) -> AnyArray:
        """An array of this shape and type that takes no memory; its values mean nothing."""

    def rows(self) -> Iterator[AnyArray]:
        """[1, ...] for each place of the first axis, in order."""

    def whole(self) -> AnyArray:
        """All of it."""


def stored_arrays(path: Path) -> Generator[tuple[str, Stored], None, None]:
    """The arrays of a file by name: the path, for an .npz with the key, "digits.npz:x_test".

    One that cannot be read raises when it is; each has to be read before the next is asked for.

    Raises:
        InputError: the file holds no arrays that can be read.
    """
    with blaming(path, *_FAULT):
        if path.suffix.lower() == ".npy":
            yield str(path), _Mapped(path, np.lib.format.open_memmap(path, mode="r"))
            return
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    with archive.open(member) as file:
                        yield f"{path}:{member.filename[:-4]}", _Zipped(path, file)


class _Mapped:
    """A .npy, mapped into memory."""

    def __init__(self, path: Path, array: AnyArray) -> None:
        self._path, self._array = path, array

    @property
    def like(self) -> AnyArray:
        return self._array

    def rows(self) -> Iterator[AnyArray]:
        count = max(1, _WINDOW // max(1, self._array[:1].nbytes))
        for start in range(0, len(self._array), count):
            with blaming(self._path, *_FAULT):
                mapped = np.lib.format.open_memmap(self._path, mode="r")
            window = mapped[start : start + count]
            yield from (window[i : i + 1] for i in range(len(window)))

    def whole(self) -> AnyArray:
        return self._array


class _Zipped:
    """An array in an .npz, which can only be read from its beginning, once."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"an array in the format {version}")
        shape, self._columns_first, self._dtype = _HEADERS[version](file)
        if self._dtype.hasobject:
            raise ValueError("objects")
        self._path, self._file, self._shape = path, file, tuple(shape)

    @property
    def like(self) -> AnyArray:
        return np.broadcast_to(np.zeros((), self._dtype), self._shape)

    def rows(self) -> Iterator[AnyArray]:
        if self._columns_first:
            whole = self.whole()
            yield from (whole[i : i + 1] for i in range(len(whole)))
            return
        for _ in range(self._shape[0]):
            yield self._read((1, *self._shape[1:]))

    def whole(self) -> AnyArray:
        return self._read(self._shape)

    def _read(self, shape: tuple[int, ...]) -> AnyArray:
        size = math.prod(shape) * self._dtype.itemsize
        with blaming(self._path, *_FAULT):
            if size > _LARGEST_READ:
                raise ValueError(f"{size >> 20} MB at once; save it as .npy")
            data = self._file.read(size)
            if len(data) != size:
                raise ValueError("it ends early")
        values: AnyArray = np.frombuffer(data, self._dtype)
        return values.reshape(shape[::-1]).T if self._columns_first else values.reshape(shape)


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
