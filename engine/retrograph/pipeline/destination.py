"""Where pictures and arrays are written: checked before any work, named after the inputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrograph.errors import InputError, parameter
from retrograph.output import check_folder, check_free, check_new_folder, safe_name
from retrograph.render.save import check_picture_name


@dataclass(frozen=True)
class Files:
    """The files that one input's explanation is written to; None for what is not written."""

    picture: Path | None
    arrays: Path | None


class Destination:
    """A file or a folder for what is written.

    Args:
        output: a picture's name; a folder, where it is one, has no suffix (a number is none, as of
            run_v1.2) or ends in a slash; the current folder if None.
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
            self.file = self._folder if _suffix(self._folder) else _with_suffix(self._folder)
            check_folder(self.file.parent)
        else:
            check_new_folder(self._folder)
            self.file = self._folder / single if single else None
        if self.file is not None:
            self._check_file(self.file, inputs)

    def _check_file(self, file: Path, inputs: Sequence[str]) -> None:
        check_picture_name(file, "or end a folder's name in /", parameter("out", file))
        for path in inputs:
            if file.exists() and Path(path).exists() and file.samefile(path):
                raise InputError(
                    f"{parameter('out', file)} would replace an input; choose another name"
                )
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
        files = Files(
            picture if drawable else None, arrays if self.arrays or not drawable else None
        )
        if picture in self._promised and not self.force:
            raise InputError(
                f"{name} is given twice; give each input once, or {parameter('force', True)}"
            )
        self._check_free(files)
        self._promised.add(picture)
        return files

    def reserve(self, name: str, stem: str, tag: str) -> None:
        """Leave the name of the files for an input to whoever explains that one."""
        if self.file is None:
            self._named(name, stem, tag)

    def _named(self, name: str, stem: str, tag: str) -> Path:
        stem = safe_name(stem).strip("_") or "input"
        path, number = self._folder / f"{safe_name(f'{stem}.{tag}')}.png", 1
        while self._taken.setdefault(path, name) != name:
            number += 1
            path = self._folder / f"{safe_name(f'{stem}-{number}.{tag}')}.png"
        return path

    def _check_free(self, files: Files) -> None:
        for path in (files.picture, files.arrays):
            if path is not None:
                check_free(path, force=self.force)


def _is_folder(output: str | None, single: str | None) -> bool:
    """Whether a path means a folder: a name without a suffix does, except of a single file."""
    if output is None or output.endswith(("/", os.sep)):
        return True
    path = Path(output)
    return path.is_dir() or (not _suffix(path) and not single)


def _suffix(path: Path) -> str:
    """What a file's name ends in; "" where that is a number."""
    return "" if path.suffix[1:].isdecimal() else path.suffix


def _with_suffix(path: Path) -> Path:
    return path.with_name(f"{path.name}.png")
