"""Arrays in .npy and .npz files, row by row: no file is ever in memory as a whole."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Any, Protocol

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
            yield str(path), _Mapped(path, _mapped(path))
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
                mapped = _mapped(self._path)
            window = mapped[start : start + count]
            yield from (window[i : i + 1] for i in range(len(window)))

    def whole(self) -> AnyArray:
        return self._array


class _Zipped:
    """An array in an .npz, which can only be read from its beginning, once."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._shape, self._columns_first, self._dtype = _header(file)
        self._path, self._file = path, file
        self._like: AnyArray = np.broadcast_to(np.zeros((), self._dtype), self._shape)

    @property
    def like(self) -> AnyArray:
        return self._like

    def rows(self) -> Iterator[AnyArray]:
        if self._columns_first:
            array = self.whole()
            yield from (array[i : i + 1] for i in range(len(array)))
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


def _mapped(path: Path) -> AnyArray:
    """An array in memory as far as it is looked at. Raises ValueError where it is not all there."""
    with path.open("rb") as file:
        shape, _, dtype = _header(file)
        if file.tell() + math.prod(shape) * dtype.itemsize > file.seek(0, 2):
            raise ValueError("it ends early")
    return np.lib.format.open_memmap(path, mode="r")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, whether columns come first, and the type. Raises ValueError for what is none."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an array in the format {version}")
    shape, columns_first, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise ValueError("objects")
    if any(size < 0 for size in shape):
        raise ValueError(f"the shape {shape}")
    return tuple(shape), columns_first, dtype


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
