"""Files in archives, read one after the other in memory: nothing is unpacked to disk.

An archive may be hostile: what one member takes is bounded, and its name is only ever shown.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from retrograph.errors import InputError, one_line
from retrograph.preprocess.blame import blaming
from retrograph.preprocess.folders import is_one_of

LARGEST_MEMBER = 2**27
"""Bytes of a member: more than any picture that is decoded needs."""

_FILES: dict[str, Callable[[Path], Any]] = {
    ".tar": FileIO,
    ".tar.gz": gzip.GzipFile,
    ".tgz": gzip.GzipFile,
    ".tar.bz2": bz2.BZ2File,
    ".tar.xz": lzma.LZMAFile,
}

_FAULT = ("is damaged or no archive that can be read", "pack it anew")

ARCHIVES = (".zip", *_FILES)
"""How the names of archives end."""


@dataclass(frozen=True)
class Survey:
    """What the names in an archive tell.

    Attributes:
        count: how many inputs there are.
        level: which folder of an input's path is its class, from 0; None where there are none.
    """

    count: int
    level: int | None

    def class_of(self, name: str) -> str | None:
        """The class of a member."""
        return None if self.level is None else PurePosixPath(name).parts[self.level]


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ARCHIVES)


def survey(path: Path, suffixes: frozenset[str]) -> Survey:
    """How many files of these suffixes an archive holds, and where their classes stand.

    The classes are the first folders if every file lies in one; a single folder around
    everything does not count where all in it lie in folders again.

    Raises:
        InputError: the archive cannot be read.
    """
    with blaming(path, *_FAULT):
        stamp = path.stat()
        return _survey(path, suffixes, stamp.st_size, stamp.st_mtime_ns)


@lru_cache(maxsize=8)
def _survey(path: Path, suffixes: frozenset[str], size: int, changed: int) -> Survey:
    with _opened(path) as archive:
        names: Iterable[str] = (name for name, _ in archive.files(suffixes))
        count, tops, depth = 0, set[str](), 2
        for parts in (PurePosixPath(name).parts for name in names):
            count += 1
            depth = min(depth, len(parts) - 1)
            if len(tops) < 2:
                tops.add(parts[0])
    wrapped = depth == 2 and len(tops) == 1
    return Survey(count, None if depth == 0 else int(wrapped))


def members(path: Path, suffixes: frozenset[str]) -> Iterator[tuple[str, bytes | InputError]]:
    """The files of these suffixes in an archive, as bytes or why they cannot be read.

    Those of a .zip are sorted as a folder's would be, those of a .tar as they stand.

    Raises:
        InputError: the archive cannot be read.
    """
    with blaming(path, *_FAULT), _opened(path) as archive:
        for name, member in archive.files(suffixes):
            try:
                yield name, _whole(archive, member)
            except InputError as error:
                yield name, InputError(f"{path}:{name} {error}")
            except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
                yield (
                    name,
                    InputError(f"{path}:{name} cannot be read ({one_line(error)}); pack it anew"),
                )


def _whole(archive: _Zip | _Tar, member: Any) -> bytes:
    """What is in a member.

    Raises:
        InputError: it is too large.
    """
    with archive.file(member) as file:
        data = file.read(LARGEST_MEMBER + 1)
    if len(data) > LARGEST_MEMBER:
        raise InputError(
            f"has over {LARGEST_MEMBER >> 20} MB, too many to be safe; unpack the archive"
        )
    return data


class _Zip:
    def __init__(self, path: Path) -> None:
        self._file = zipfile.ZipFile(path)
        self.close = self._file.close

    def files(self, suffixes: frozenset[str]) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        listed = self._file.infolist()
        taken = [i for i in listed if not i.is_dir() and is_one_of(i.filename, suffixes)]
        for member in sorted(taken, key=lambda i: PurePosixPath(i.filename).parts):
            yield member.filename, member

    def file(self, member: zipfile.ZipInfo) -> IO[bytes]:
        return self._file.open(member)


class _Tar:
    def __init__(self, path: Path) -> None:
        suffix = next(s for s in _FILES if path.name.lower().endswith(s))
        self._raw: IO[bytes] = _FILES[suffix](path)
        try:
            self._file = tarfile.TarFile(fileobj=cast(IO[bytes], _Bounded(self._raw)))
        except BaseException:
            self._raw.close()
            raise

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def files(self, suffixes: frozenset[str]) -> Iterator[tuple[str, tarfile.TarInfo]]:
        while (member := self._file.next()) is not None:
            cast(Any, self._file).members.clear()  # it would keep them all
            if member.isreg() and is_one_of(member.name, suffixes):
                yield member.name, member

    def file(self, member: tarfile.TarInfo) -> IO[bytes]:
        file = self._file.extractfile(member)
        assert file is not None
        return file


class _Bounded:
    """A file that is never read in pieces too large to be safe, whatever a header says."""

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell = file.seek, file.tell
        self._read = file.read

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_MEMBER + 1:
            raise tarfile.ReadError("a header asks for too much")
        return self._read(size)


@contextmanager
def _opened(path: Path) -> Iterator[_Zip | _Tar]:
    archive = (_Zip if path.name.lower().endswith(".zip") else _Tar)(path)
    try:
        yield archive
    finally:
        archive.close()
