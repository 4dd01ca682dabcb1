"""Where pictures and arrays are written: checked before any work, named after the inputs."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrograph.errors import InputError
from retrograph.render.save import KINDS
from retrograph.runtime import Array


@dataclass(frozen=True)
class Files:
    """The files that one input's explanation is written to; None for what is not written."""

    picture: Path | None
    arrays: Path | None


class Destination:
    """A file or a folder for what is written.

    Args:
        output: what -o says: a picture's name; a folder, where it is one, has no suffix or ends
            in a slash; the current folder if None.
        inputs: the paths of the inputs and of the model, none of which is ever replaced.
        single: the name of the one picture that all goes into, where a folder is given; None
            where each input has its own.
        arrays: whether arrays are kept beside pictures.
        force: whether files may be replaced.

    Raises:
        InputError: the output cannot be there.
    """

    def __init__(
        self,
        output: str | None,
        inputs: Sequence[str],
        *,
        single: str | None,
        arrays: bool,
        force: bool,
    ) -> None:
        self.arrays, self.force = arrays, force
        self.file: Path | None = None
        self._folder = Path(output or ".")
        self._taken: dict[Path, str] = {}
        self._promised: set[Path] = set()
        if not _is_folder(output, single):
            self.file = self._folder if self._folder.suffix else _with_suffix(self._folder)
            check_folder(self.file.parent)
        else:
            check_new_folder(self._folder)
            self.file = self._folder / single if single else None
        if self.file is not None:
            self._check_file(self.file, inputs)

    def _check_file(self, file: Path, inputs: Sequence[str]) -> None:
        if file.suffix.lower() not in KINDS:
            raise InputError(
                f"-o {file} has no suffix of a picture; choose one of {', '.join(KINDS)}, "
                "or end a folder's name in /"
            )
        for path in inputs:
            if file.exists() and Path(path).exists() and file.samefile(path):
                raise InputError(f"-o {file} would replace an input; choose another name")
        self._check_free(Files(file, file.with_suffix(".npz") if self.arrays else None))

    def files(self, name: str, stem: str, tag: str, *, drawable: bool) -> Files:
        """The files for an input: its stem, then a tag that tells layer and methods.

        What cannot be drawn is kept as arrays. Of two inputs of the same stem (`name` tells them
        apart) the second one's files get a number.

        Raises:
            InputError: a file is there already, or was promised, and may not be replaced.
        """
        picture = self.file or self._named(name, stem, tag)
        arrays = picture.with_name(f"{picture.stem}.npz")
        found = Files(
            picture if drawable else None, arrays if self.arrays or not drawable else None
        )
        if picture in self._promised and not self.force:
            raise InputError(f"{name} is given twice; give each input once, or --force")
        self._check_free(found)
        self._promised.add(picture)
        return found

    def _named(self, name: str, stem: str, tag: str) -> Path:
        stem = re.sub(r"[^\w.-]+", "_", stem).strip("_") or "input"
        path, number = self._folder / f"{stem}.{tag}.png", 1
        while self._taken.setdefault(path, name) != name:
            number += 1
            path = self._folder / f"{stem}-{number}.{tag}.png"
        return path

    def _check_free(self, files: Files) -> None:
        for path in (files.picture, files.arrays):
            if path is not None:
                check_free(path, force=self.force)


def _is_folder(output: str | None, single: str | None) -> bool:
    """Whether -o means a folder; a name without a suffix does, but where all goes into one file."""
    if output is None or output.endswith(("/", os.sep)):
        return True
    path = Path(output)
    return path.is_dir() or (not path.suffix and not single)


def _with_suffix(path: Path) -> Path:
    return path.with_name(f"{path.name}.png")


def check_free(path: Path, *, force: bool) -> None:
    """Raises InputError where a file is in the way."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file")
    if path.exists() and not force:
        raise InputError(f"{path} exists; give --force to replace it, or another name")


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
    """The folder with its parents.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be made ({error.strerror}); choose another one"
        ) from None


def save_arrays(arrays: Mapping[str, Array], path: Path) -> None:
    """Write an .npz, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(buffer.getvalue())
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); check the folder and its rights"
        ) from None
    finally:
        part.unlink(missing_ok=True)
