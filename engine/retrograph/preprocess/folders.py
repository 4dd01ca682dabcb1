"""The pictures of a folder, in the order of their names, without a list of them all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from retrograph.errors import InputError
from retrograph.preprocess.picture import picture_suffixes


def pictures_in(folder: Path) -> Iterator[Path]:
    """The pictures in a folder and those below it, known by their suffixes, sorted.

    Those whose names begin with a dot are left out, and folders that are links.

    Raises:
        InputError: a folder cannot be read.
    """
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from pictures_in(folder / entry.name)
        elif _is_picture(entry):
            yield folder / entry.name


def has_classes(folder: Path) -> bool:
    """Whether every picture lies in a folder of its own class: none lies in the folder itself."""
    return not any(_is_picture(entry) for entry in _entries(folder))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be read ({error.strerror}); check its rights"
        ) from None


def _is_picture(entry: os.DirEntry[str]) -> bool:
    suffix = os.path.splitext(entry.name)[1].lower()
    return suffix in picture_suffixes() and not entry.name.startswith(".") and entry.is_file()
