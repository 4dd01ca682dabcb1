"""Files that are written: whole or not at all, under safe names, and checked before any work."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from retrograph.errors import InputError, parameter

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

LONGEST_NAME = 200
"""The bytes that a name of ours has at most: file systems take 255, of which some are for suffixes,
numbers and what is unfinished."""

_NPZ_LEVEL: Final = 1
"""Of zlib: NumPy's own takes more than twice as long for files a fifteenth smaller."""
_TRIED: Final = 2**11
"""Half of how many bytes of an array are compressed to see how much smaller they get."""
_FEW: Final = 2**12
"""So many bytes are worth it."""
_WORTH: Final = 0.85
"""The share of their size that what is compressed has left at most."""


class DiskFull(InputError):
    """There is no room for a file, so that what follows cannot be written either."""


def safe_name(text: str) -> str:
    """The text with everything but letters, digits, "_", "." and "-" as "_", at most 200 bytes.

    Of a longer one the beginning is kept, and eight digits that tell it from others.
    """
    name = re.sub(r"[^\w.-]+", "_", text)
    data = name.encode()
    if len(data) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: LONGEST_NAME - 9].decode(errors='ignore')}-{digest}"


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file, the whole of it or nothing; a file that is there is replaced.

    Raises:
        InputError: it cannot be written; DiskFull where there is no room.
    """
    write_together({path: data})


def write_together(contents: Mapping[Path, bytes | memoryview]) -> None:
    """Write files whole, none of them put in place before all are written.

    Files that are there are replaced.

    Raises:
        InputError: one cannot be written; DiskFull where there is no room.
    """
    parts = {path: _part_of(path) for path in contents}
    try:
        for path, data in contents.items():
            with _writing(path):
                parts[path].write_bytes(data)
        for path, part in parts.items():
            with _writing(path):
                part.replace(path)
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink()


def _part_of(path: Path) -> Path:
    """Where a file is written before it is whole."""
    return path.with_name(f".{safe_name(path.name)}.{os.getpid()}-{get_ident()}.part")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritten(path, error) from None


def unwritten(path: Path, error: OSError) -> InputError:
    """That a file or folder cannot be written; a DiskFull where there is no room."""
    what = f"{path} cannot be written ({error.strerror})"
    if error.errno in _FULL:
        return DiskFull(f"{what}; make room, or choose another folder")
    return InputError(f"{what}; check the folder and its rights")


def save_arrays(arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write an .npz, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    write_whole(path, npz_bytes(arrays))


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of an .npz.

    Arrays that hardly get smaller by it, such as the noise of float32, are not compressed.
    """
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array))
            data = member.getvalue()
            archive.writestr(ZipInfo(f"{name}.npy"), data, _compression(data), _NPZ_LEVEL)
    return buffer.getvalue()


def _compression(data: bytes) -> int:
    """Zip's way of storing some bytes, by what becomes of those in their middle, if many."""
    if len(data) < _FEW:
        return ZIP_STORED
    middle = len(data) // 2
    part = data[max(0, middle - _TRIED) : middle + _TRIED]
    return ZIP_DEFLATED if len(zlib.compress(part, _NPZ_LEVEL)) < _WORTH * len(part) else ZIP_STORED


def check_free(path: Path, *, force: bool) -> None:
    """Raises InputError where a file is in the way."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file")
    if path.exists() and not force:
        raise InputError(
            f"{path} exists; give {parameter('force', True)} to replace it, or another name"
        )


def check_folder(folder: Path) -> None:
    """Raises InputError where files cannot be written in a folder."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; make it first, or choose another one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder} cannot be written in; change its rights or choose another one")


def check_new_folder(folder: Path) -> None:
    """Raises InputError where files cannot be written in a folder, or it cannot be made."""
    existing = folder.absolute()
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise InputError(f"{folder} cannot be made: {existing} is a file; choose another folder")
    check_folder(existing)


def make_folder(folder: Path) -> None:
    """Make the folder, with its parents, where it is not there.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}); choose another one"
        ) from None
