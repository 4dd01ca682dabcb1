"""What a model is run with: inputs of files and of memory, in the batches that the model takes."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePath
from typing import TypeAlias

import numpy as np
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.inputs.kinds import InputKind
from retrograph.inputs.named_arrays import named_feeds, named_items, read_named
from retrograph.inputs.named_values import Value, read_values
from retrograph.inputs.reader import Reader, count_inputs
from retrograph.preprocess import BadInput, Item, Pending, default_workers, prefetch_decode
from retrograph.preprocess.batches import Batcher
from retrograph.runtime import Array, Spec

Progress: TypeAlias = Callable[[int, int | None], None]
"""Takes how many are done, and of how many, None where that is not known."""

Input: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | Array | Mapping[str, Value]
"""A file, a folder, the bytes of a picture's file, a picture of Pillow's, an array, with or without
a batch axis, or, for a model of several inputs, a value for each by its name: one of these, or a
number that is held."""


_Sole: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | Array
"""What a model of one input takes."""


def as_list(inputs: Input | Iterable[Input]) -> list[Input]:
    """One input or several, as a list; numbers in lists are one array."""
    if isinstance(inputs, (str, os.PathLike, bytes, Image.Image, Mapping)):
        return [inputs]
    if not hasattr(inputs, "__array__"):
        if not isinstance(inputs, Iterable):
            raise InputError(
                f"{inputs!r:.60} is no input; give a path, a picture of Pillow or an array"
            )
        values = list(inputs)
        if all(isinstance(v, _VALUES) or hasattr(v, "__array__") for v in values):
            return [v if isinstance(v, _VALUES) else np.asarray(v) for v in values]
    return [np.asarray(inputs)]


_VALUES = (str, os.PathLike, bytes, Image.Image, Mapping, np.ndarray)


@dataclass(frozen=True)
class Signature:
    """What the model takes.

    Attributes:
        specs: all its inputs.
        explained: the one that is explained.
        kind: what that is.
        wanted: how many inputs a run is to take where the model leaves that open.
        apart: whether an input gives the same whatever the others of its batch are.
        kinds: those of the model's inputs that are read from files, where it has several.
    """

    specs: tuple[Spec, ...]
    explained: Spec
    kind: InputKind
    wanted: int = 1
    apart: bool = True
    kinds: Mapping[str, InputKind] = field(default_factory=dict)

    @property
    def fixed_batch(self) -> int | None:
        """How many inputs the file makes a run take; None for any number."""
        return self.kind.axes.fixed_batch

    @property
    def batch(self) -> int:
        """How many inputs a run takes."""
        return self.fixed_batch or (self.wanted if self.apart else 1)

    @property
    def note(self) -> str:
        """What is to be known of batches; "" where there is nothing."""
        unused = f"{parameter('batch', self.wanted)} is not used: "
        ignored = unused if self.wanted not in (1, self.batch) else ""
        if len(self.specs) > 1 and self.wanted > 1:
            return f"{unused}the model takes several inputs, and what each .npz holds is run whole"
        if self.fixed_batch not in (None, 1):
            return (
                f"{ignored}the model takes batches of {self.batch}: the last input is repeated to "
                "fill one"
            )
        if not ignored:
            return ""
        if not self.kind.axes.batched:
            return f"{ignored}the model has no batch axis"
        if self.fixed_batch:
            return f"{ignored}the model takes one input at a time"
        return f"{ignored}the model may mix the inputs of a batch, so they are run one by one"


@dataclass(frozen=True)
class Batch:
    """What is run at once.

    Attributes:
        inputs: in the order of the data set; what is bad stands where it was met.
        feeds: an array for each of the model's inputs; the leading rows of the explained one hold
            the good ones of `inputs`, in order. Empty where none is good.
    """

    inputs: Sequence[Item | BadInput]
    feeds: dict[str, Array]

    @property
    def items(self) -> tuple[Item, ...]:
        """The good inputs."""
        return tuple(each for each in self.inputs if isinstance(each, Item))

    @property
    def bad(self) -> tuple[BadInput, ...]:
        """The bad inputs."""
        return tuple(each for each in self.inputs if isinstance(each, BadInput))

    def first(self, count: int) -> Batch:
        """The same run, of which only so many inputs are looked at."""
        return Batch(self.inputs[:count], self.feeds)


def load_batches(
    inputs: Sequence[Input],
    signature: Signature,
    *,
    start: int = 0,
    stop: int | None = None,
    workers: int | None = None,
) -> Iterator[Batch]:
    """What inputs are run as, in order.

    Args:
        inputs: files and folders, see `iter_inputs`, pictures and arrays; of a model of several
            inputs .npz files with an array by the name of each, or mappings with a value, which
            are run whole.
        signature: what the model takes.
        start: the number of the input that is the first.
        stop: the number of the input before which they end; they are all read if None. Of a model
            of several inputs it does not divide what one file holds.
        workers: how many threads decode; as many as there are processors, 8 at most, if None.
    """
    if len(signature.specs) > 1:
        return _named_batches(inputs, signature, start, stop)
    _check_names(inputs, signature.explained.name)
    items = load_items(
        inputs, signature.kind, signature.batch, start=start, stop=stop, workers=workers
    )
    return batch_items(items, signature, start)


def _check_names(inputs: Iterable[Input], name: str) -> None:
    """Raises InputError where values are given for what a model of one input has not."""
    for number, value in enumerate(inputs):
        names = [*value] if isinstance(value, Mapping) else [name]
        other = next((each for each in names if each != name), None)
        if other is not None:
            where = input_name(value, number)
            raise InputError(f"{where}: the model has no input '{other}'; it takes: {name}")
        if not names:
            raise InputError(f"input[{number}] names no input; it takes: {name}")


def load_items(
    inputs: Sequence[Input],
    kind: InputKind,
    batch: int = 1,
    *,
    start: int = 0,
    stop: int | None = None,
    workers: int | None = None,
) -> Iterator[Item | BadInput]:
    """Inputs one by one, in order; what cannot be read as a BadInput.

    They are decoded ahead by threads, about two batches; floats in memory need none. The other
    arguments are those of `load_batches`.
    """
    owners = deque[Path]()

    def pending() -> Iterator[Pending]:
        for owner, each in islice(read_inputs(inputs, kind), start, stop):
            owners.append(owner)
            yield each

    threads = 0 if all(map(is_floats, inputs)) else workers or default_workers()
    for item in prefetch_decode(pending(), threads, ahead=2 * batch + threads):
        owner = owners.popleft()
        yield item if isinstance(item, BadInput) else replace(item, owner=owner)


def is_floats(value: Input) -> bool:
    """Whether it is an array in memory of floats, which are the model's input as they are."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def read_inputs(inputs: Iterable[Input], kind: InputKind) -> Iterator[tuple[Path, Pending]]:
    """Inputs one by one, not decoded yet, each with the file or folder that it is of.

    What is in memory has a name in the place of a path: "input[2]".
    """
    reader = Reader(kind)
    for number, value in enumerate(map(_sole, inputs)):
        path = Path(input_name(value, number))
        for each in _read(reader, path, value):
            yield path, each


def count_all(inputs: Iterable[Input], kind: InputKind) -> int | None:
    """How many inputs `read_inputs` will give; None where only reading them tells."""
    reader = Reader(kind)
    counts = [
        reader.count(Path(value))
        if isinstance(value, (str, os.PathLike))
        else sum(1 for _ in _read(reader, Path(input_name(value, number)), value))
        for number, value in enumerate(map(_sole, inputs))
    ]
    return None if None in counts else sum(count or 0 for count in counts)


def input_name(value: Input, number: int) -> str:
    """A path, or, of what is in memory, its place among the inputs."""
    return str(value) if isinstance(value, (str, os.PathLike)) else f"input[{number}]"


def _read(reader: Reader, path: Path, value: _Sole) -> Iterator[Pending]:
    if isinstance(value, (str, os.PathLike)):
        return reader.read(path)
    return reader.read_value(str(path), value)


def _sole(value: Input) -> _Sole:
    """What a model of one input takes: of values by name the first."""
    if not isinstance(value, Mapping):
        return value
    first = next(iter(value.values()))
    return np.asarray(first) if isinstance(first, (int, float)) else first


def names_and_stems(
    inputs: Sequence[Input], kind: InputKind, count: int
) -> Iterator[tuple[str, str]]:
    """The names of the first inputs, so many, each with what files about it are named after."""
    for owner, each in islice(read_inputs(inputs, kind), count):
        yield each.name, _stem(each.name, owner)


def stem_of(item: Item) -> str:
    """What files about an input are named after."""
    return item.stem if item.owner is None else _stem(item.name, item.owner)


def _stem(name: str, path: Path) -> str:
    """ "a_dog" of "a/dog.png" in a folder, "digits_x_test_3" of "digits.npz:x_test[3]"."""
    if os.path.isdir(path):
        folder = "" if str(path) == "." else f"{path}{os.sep}"
        *parents, last = name.removeprefix(folder).split(os.sep)
        if name == str(path):
            return path.name
        return "_".join([*parents, last if os.path.isdir(name) else PurePath(last).stem])
    return path.stem + re.sub(r"\W+", "_", name.removeprefix(str(path)))


def batch_items(
    items: Iterable[Item | BadInput], signature: Signature, first: int = 0
) -> Iterator[Batch]:
    """Inputs of one shape together, in their order, from the one of that number: see `Batcher`."""
    batcher = Batcher[Item | BadInput](signature.batch, first)
    for each in items:
        for batch in batcher.add(each, each.array.shape if isinstance(each, Item) else None):
            yield batch_of(batch, signature)
    for batch in batcher.rest():
        yield batch_of(batch, signature)


def batch_of(inputs: Sequence[Item | BadInput], signature: Signature) -> Batch:
    """A run of some inputs, the last good one repeated to fill a batch of a fixed size."""
    arrays = [each.array for each in inputs if isinstance(each, Item)]
    name, axes = signature.explained.name, signature.kind.axes
    return Batch(inputs, {name: axes.feed(arrays)} if arrays else {})


def follow_batches(
    batches: Iterable[Batch],
    inputs: Sequence[Input],
    progress: Progress | None,
    suffixes: frozenset[str] | None = None,
) -> Iterator[Batch]:
    """The same batches; how many of their inputs are done is told.

    Args:
        batches: of the inputs.
        inputs: files, folders, pictures and arrays.
        progress: takes how many are done, and of how many where that is known.
        suffixes: by which the inputs in folders and archives are known; those of pictures if None.
    """
    if progress is None:
        yield from batches
        return
    done, total = 0, _count(inputs, suffixes)
    progress(done, total)
    for batch in batches:
        yield batch
        done += len(batch.inputs)
        progress(done, total)


def _count(inputs: Iterable[Input], suffixes: frozenset[str] | None) -> int | None:
    """How many inputs there are; None where that is not known."""
    values = [each for each in inputs if not isinstance(each, (str, os.PathLike))]
    if any(not isinstance(value, (bytes, Image.Image)) for value in values):
        return None
    paths = [each for each in inputs if isinstance(each, (str, os.PathLike))]
    files = count_inputs(paths, suffixes)
    return None if files is None else files + len(values)


def _named_batches(
    inputs: Iterable[Input], signature: Signature, start: int, stop: int | None
) -> Iterator[Batch]:
    """For a model of several inputs: what each holds, from one number of an input to another."""
    number = 0
    for place, value in enumerate(inputs):
        if stop is not None and number >= stop:
            return
        try:
            batch = _named_batch(value, input_name(value, place), signature)
        except InputError as error:
            batch = Batch([BadInput(input_name(value, place), error)], {})
        if number >= start:
            yield batch
        number += len(batch.inputs)


def _named_batch(value: Input, name: str, signature: Signature) -> Batch:
    """The run of one input: of a file, or of values by name."""
    specs, explained, kind = signature.specs, signature.explained, signature.kind
    if not isinstance(value, Mapping):
        feeds = named_feeds(name, read_named(Path(name), specs, explained), specs)
        stem = Path(name).stem
        return Batch(named_items(name, stem, feeds[explained.name], explained, kind), feeds)
    arrays, read = read_values(name, value, specs, signature.kinds)
    feeds = named_feeds(name, arrays, specs)
    if explained.name in read:
        item = read[explained.name]
        return Batch((replace(item, stem=Path(item.name).stem),), feeds)
    return Batch(named_items(name, name, feeds[explained.name], explained, kind), feeds)
