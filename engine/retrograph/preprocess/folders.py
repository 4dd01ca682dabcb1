"""The files of a folder that are inputs, by their names' order, without a list of them all.

What systems and tools put beside them is no data: what is hidden, previews, recycle bins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from retrograph.errors import InputError

_SYSTEM = frozenset(
    {
        "__macosx",
        "@eadir",
        "@recycle",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "lost+found",
        "system volume information",
    }
)
"""Names of what macOS, Windows, Linux and network disks keep for themselves, in lower case."""


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is no data: begins with a dot, or is a system's."""
    return (name.startswith(".") and name not in (".", "..")) or name.lower() in _SYSTEM


def is_one_of(path: str, suffixes: frozenset[str]) -> bool:
    """Whether a path within a folder or archive has one of the suffixes, and nothing is hidden."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix in suffixes and not any(map(is_hidden, path.split("/")))


def files_in(
    folder: Path,
    suffixes: frozenset[str],
    unreadable: Callable[[Path, InputError], None] | None = None,
) -> Iterator[Path]:
    """The files in a folder and those below it that have one of the suffixes, sorted.

    Files and folders that are hidden are left out, and folders that are links.

    Args:
        folder: the uppermost one.
        suffixes: in lower case.
        unreadable: takes each folder that cannot be read, with the reason; the others follow.

    Raises:
        InputError: a folder cannot be read, and `unreadable` is None.
    """
    try:
        entries = _entries(folder)
    except InputError as error:
        if unreadable is None:
            raise
        unreadable(folder, error)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and not is_hidden(entry.name):
            yield from files_in(folder / entry.name, suffixes, unreadable)
        elif _is_one_of(entry, suffixes):
            yield folder / entry.name


def has_classes(folder: Path, suffixes: frozenset[str]) -> bool:
    """Whether every file lies in a folder of its own class: none lies in the folder itself."""
    return not any(_is_one_of(entry, suffixes) for entry in _entries(folder))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be read ({error.strerror}); check its rights"
        ) from None


def _is_one_of(entry: os.DirEntry[str], suffixes: frozenset[str]) -> bool:
    """Whether it is a file of a suffix, or a link to one that is not there: its reader says so."""
    if not is_one_of(entry.name, suffixes):
        return False
    return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
