"""The inputs of a page: files and folders that were named at the start, and what was added."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar, cast

from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs import InputKind
from retrograph.inputs.loader import Batch, Signature, batch_of, load_batches, load_items
from retrograph.inputs.reader import Reader
from retrograph.preprocess import BadInput, Item
from retrograph.preprocess.formats import picture_suffixes
from retrograph.preprocess.opening import open_picture
from retrograph.serving.refusals import Refused

T = TypeVar("T")

MOST: Final = 20_000
"""So many inputs a page lists."""
_MEASURED: Final = 500
"""So many inputs have their width and height listed."""


@dataclass(frozen=True)
class PageInput:
    """An input of a page.

    Attributes:
        id: by which it is asked for.
        name: what it is called.
        path: the file, or what it is in: a folder, an archive, an array.
        start: its number in there.
        is_added: whether the page has sent it.
    """

    id: str
    name: str
    path: Path
    start: int = 0
    is_added: bool = False

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height, where it is a file of a picture."""
        if self.start or self.path.suffix.lower() not in picture_suffixes():
            return None
        try:
            with Image.open(self.path) as image:
                return image.size
        except Exception:  # on a damaged file Pillow raises nearly anything; reading it tells
            return None

    def picture(self) -> Image.Image | None:
        """The picture in its file, upright; None where it is in no file of its own.

        Raises:
            InputError: it cannot be read.
        """
        return None if self.picture_size is None else open_picture(self.path).image

    def batch(self, signature: Signature) -> Batch:
        """The run of a model with this input.

        Raises:
            InputError: it cannot be read, or does not fit the model.
        """
        if len(signature.specs) > 1:
            batch = _first(load_batches([self.path], signature, start=self.start))
            for bad in () if batch is None else batch.bad:
                raise bad.error
            return batch or self._gone()
        return batch_of([self.item(signature.kind)], signature)

    def item(self, kind: InputKind) -> Item:
        """It, read as an input of a kind.

        Raises:
            InputError: it cannot be read, or is of another kind.
        """
        item = _first(load_items([self.path], kind, start=self.start, workers=1))
        if item is None:
            self._gone()
        if isinstance(item, BadInput):
            raise item.error
        return item

    def _gone(self) -> NoReturn:
        raise InputError(f"{self.name} is not there any more; check the path")


def _first(values: Iterator[T]) -> T | None:
    """The first of some values, which are read no further; None where there is none."""
    with closing(cast("Generator[T]", values)) as each:
        return next(each, None)


class PageInputs:
    """The inputs of a page, in order.

    Args:
        paths: files and folders.
        kind: of the input of the first model, which says what in a folder or an array is an input;
            None where each path is one.

    Attributes:
        paths: those that were named, and those that were added.
        is_cut: whether there are more than `MOST`.

    Raises:
        InputError: a file is not there.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], kind: InputKind | None) -> None:
        self.paths = [Path(path) for path in paths]
        missing = next((path for path in self.paths if not path.exists()), None)
        if missing is not None:
            raise InputError(f"{missing} is not there; check the path")
        every = islice(self._listed(kind), MOST + 1)
        self._inputs = {each.id: each for each in every}
        self.is_cut = len(self._inputs) > MOST
        if self.is_cut:
            self._inputs.popitem()
        self._added = 0

    def _listed(self, kind: InputKind | None) -> Iterator[PageInput]:
        number = 0
        for path in self.paths:
            for start, name in enumerate(_names(path, kind)):
                own = Path(name)
                is_file = path.is_dir() and own.is_file()
                source, offset = (own, 0) if is_file else (path, start)
                yield PageInput(str(number), name, source, offset)
                number += 1

    def __len__(self) -> int:
        return len(self._inputs)

    def __iter__(self) -> Iterator[PageInput]:
        return iter([*self._inputs.values()])

    def find(self, id: str) -> PageInput:
        """The input of an id.

        Raises:
            Refused: there is none.
        """
        if id not in self._inputs:
            raise Refused(404, f"there is no input '{id:.40}'; see the list of inputs")
        return self._inputs[id]

    def add(self, name: str, path: Path) -> PageInput:
        """One more input, in a file."""
        self._added += 1
        added = PageInput(f"u{self._added}", name, path, is_added=True)
        self._inputs[added.id] = added
        self.paths.append(path)
        return added

    def records(self, kind: str) -> list[dict[str, Any]]:
        """All of them, for a program."""
        return [
            record(each, kind, is_measured=number < _MEASURED) for number, each in enumerate(self)
        ]


def record(each: PageInput, kind: str, *, is_measured: bool = True) -> dict[str, Any]:
    """An input, for a program: its id, name, kind, and of a picture width and height."""
    width, height = (each.picture_size if is_measured else None) or (None, None)
    return {"id": each.id, "name": each.name, "kind": kind, "width": width, "height": height}


def _names(path: Path, kind: InputKind | None) -> Iterator[str]:
    """The names of the inputs in a file or folder; what is in an array is not kept."""
    if kind is None:
        yield str(path)
        return
    for pending in Reader(kind).read(path):
        yield pending.name
