"""What a model is run with: inputs from files, in the batches that the model takes."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from retrograph.errors import InputError, one_line, parameter
from retrograph.pointers import refuse_pointer_file
from retrograph.preprocess import (
    BadInput,
    Coding,
    InputAxes,
    Item,
    Pending,
    Preprocessing,
    Reader,
    count_inputs,
    default_workers,
    prefetch_decode,
)
from retrograph.preprocess.batches import Batcher
from retrograph.preprocess.recipe import Shape
from retrograph.runtime import Array, Spec

Progress: TypeAlias = Callable[[int, int | None], None]
"""Takes how many are done, and of how many, None where that is not known."""


Input: TypeAlias = str | os.PathLike[str] | Image.Image | Array | Mapping[str, Array]
"""A file, a folder, a picture of Pillow's, an array, with or without a batch axis, or, for a model
of several inputs, an array for each by its name."""


@dataclass(frozen=True)
class Source:
    """One input and what its files are named after."""

    item: Item
    stem: str


@dataclass(frozen=True)
class Job:
    """What is run at once.

    Attributes:
        feeds: an array for each of the model's inputs.
        sources: what the leading rows of the explained input hold.
    """

    feeds: dict[str, Array]
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Signature:
    """What the model takes.

    Attributes:
        specs: all its inputs.
        explained: the one that is explained.
        axes: what its axes count.
        wanted: how many inputs a run is to take where the model leaves that open.
        apart: whether an input gives the same whatever the others of its batch are.
    """

    specs: tuple[Spec, ...]
    explained: Spec
    axes: InputAxes
    wanted: int = 1
    apart: bool = True

    @property
    def fixed_batch(self) -> int | None:
        """How many inputs the file makes a run take; None for any number."""
        return self.axes.fixed_batch

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
        if not self.axes.batched:
            return f"{ignored}the model has no batch axis"
        if self.fixed_batch:
            return f"{ignored}the model takes one input at a time"
        return f"{ignored}the model may mix the inputs of a batch, so they are run one by one"


def as_list(inputs: Input | Iterable[Input]) -> list[Input]:
    """One input or several, as a list; numbers in lists are one array."""
    if isinstance(inputs, (str, os.PathLike, Image.Image, Mapping)):
        return [inputs]
    if not hasattr(inputs, "__array__"):
        values = list(inputs)
        if all(isinstance(v, _VALUES) or hasattr(v, "__array__") for v in values):
            return [v if isinstance(v, _VALUES) else np.asarray(v) for v in values]
    return [np.asarray(inputs)]


_VALUES = (str, os.PathLike, Image.Image, Mapping, np.ndarray)


def jobs(
    inputs: Sequence[Input],
    signature: Signature,
    preprocessing: Preprocessing,
    coding: Coding | None = None,
) -> Iterator[Job | BadInput]:
    """What inputs are run as, in order."""
    if len(signature.specs) > 1:
        return named_jobs(inputs, signature, preprocessing)
    found = sources(inputs, signature.axes, preprocessing, coding, signature.batch)
    return batches(found, signature)


def follow_jobs(
    jobs: Iterable[Job | BadInput], inputs: Sequence[Input], progress: Progress | None
) -> Iterator[Job | BadInput]:
    """The same jobs; how many of their inputs are done is told.

    Args:
        jobs: of the inputs.
        inputs: files, folders, pictures and arrays.
        progress: takes how many are done, and of how many where that is known.
    """
    if progress is None:
        yield from jobs
        return
    done, total = 0, _count(inputs)
    progress(done, total)
    for job in jobs:
        yield job
        done += len(job.sources) if isinstance(job, Job) else 1
        progress(done, total)


def _count(inputs: Iterable[Input]) -> int | None:
    """How many inputs there are; None where that is not known."""
    values = [each for each in inputs if not isinstance(each, (str, os.PathLike))]
    if any(not isinstance(value, Image.Image) for value in values):
        return None
    files = count_inputs(each for each in inputs if isinstance(each, (str, os.PathLike)))
    return None if files is None else files + len(values)


def sources(
    inputs: Iterable[Input],
    axes: InputAxes | Shape,
    preprocessing: Preprocessing,
    coding: Coding | None = None,
    batch: int = 1,
) -> Iterator[Source | BadInput]:
    """Inputs one by one, in order; what cannot be read as a BadInput.

    They are decoded ahead by threads: about two batches.
    """
    reader = Reader(axes, preprocessing, coding)
    owners = deque[Path]()

    def pending() -> Iterator[Pending]:
        for number, value in enumerate(inputs):
            path = Path(_name(value, number))
            for each in _read(reader, path, value):
                owners.append(path)
                yield each

    workers = default_workers()
    for found in prefetch_decode(pending(), workers, ahead=2 * batch + workers):
        owner = owners.popleft()
        yield found if isinstance(found, BadInput) else Source(found, _stem(found.name, owner))


def _name(value: Input, number: int) -> str:
    """A path, or, of what is in memory, its place among the inputs."""
    return str(value) if isinstance(value, (str, os.PathLike)) else f"input[{number}]"


def _read(reader: Reader, path: Path, value: Input) -> Iterator[Pending]:
    if isinstance(value, (str, os.PathLike)):
        return reader.read(path)
    if isinstance(value, Mapping):
        value = next(iter(value.values()))
    return reader.read_value(str(path), value)


def _stem(name: str, path: Path) -> str:
    """ "a_dog" of "a/dog.png" in a folder, "digits_x_test_3" of "digits.npz:x_test[3]"."""
    if path.is_dir():
        inner = Path(name).relative_to(path)
        return (
            "_".join((inner if Path(name).is_dir() else inner.with_suffix("")).parts) or path.name
        )
    return path.stem + re.sub(r"\W+", "_", name.removeprefix(str(path)))


def batches(inputs: Iterable[Source | BadInput], signature: Signature) -> Iterator[Job | BadInput]:
    """Inputs of one shape in the batches that the model takes, the bad ones before their batch."""
    batcher = Batcher[Source | BadInput](signature.batch)
    for each in inputs:
        shape = each.item.array.shape if isinstance(each, Source) else None
        for batch in batcher.add(each, shape):
            yield from _split(batch, signature)
    for batch in batcher.rest():
        yield from _split(batch, signature)


def _split(batch: Sequence[Source | BadInput], signature: Signature) -> Iterator[Job | BadInput]:
    yield from (each for each in batch if isinstance(each, BadInput))
    good = [each for each in batch if isinstance(each, Source)]
    if good:
        yield job_of(good, signature)


def job_of(filled: Sequence[Source], signature: Signature) -> Job:
    """A run of some inputs, the last one repeated to fill a batch of a fixed size."""
    array = signature.axes.feed([source.item.array for source in filled])
    return Job({signature.explained.name: array}, tuple(filled))


def named_jobs(
    inputs: Iterable[Input], signature: Signature, preprocessing: Preprocessing
) -> Iterator[Job | BadInput]:
    """For a model of several inputs: .npz files with an array by the name of each, run whole."""
    for number, value in enumerate(inputs):
        try:
            yield _named_job(value, number, signature, preprocessing)
        except InputError as error:
            yield BadInput(_name(value, number), error)


def _named_job(value: Input, number: int, signature: Signature, recipe: Preprocessing) -> Job:
    """The run of one input: of a file, or of arrays in memory."""
    if isinstance(value, Mapping):
        name = _name(value, number)
        return job_of_arrays(name, name, value, signature, recipe)
    path = Path(_name(value, number))
    others = [s for s in signature.specs if s.name != signature.explained.name]
    if path.suffix.lower() != ".npz" or path.is_dir():
        needed = ", ".join(f"'{s.name}' ({s})" for s in others)
        raise InputError(
            f"{path}: the model takes {needed} besides a picture or array; {_mend(signature)}"
        )
    return job_of_arrays(str(path), path.stem, _load(path), signature, recipe)


def job_of_arrays(
    name: str, stem: str, arrays: Mapping[str, Array], signature: Signature, recipe: Preprocessing
) -> Job:
    """A run of arrays, as they are.

    Args:
        name: where they came from.
        stem: what files are named after.
        arrays: by the names of the model's inputs; a batch axis may be left out.
        signature: what the model takes.
        recipe: how pictures become the explained input.

    Raises:
        InputError: an array is missing or does not fit.
    """
    missing = [s.name for s in signature.specs if s.name not in arrays]
    if missing:
        raise InputError(f"{name} has no array {', '.join(map(repr, missing))}; {_mend(signature)}")
    feeds = {s.name: _with_batch(np.asarray(arrays[s.name]), s) for s in signature.specs}
    rows = _finite_rows(name, feeds[signature.explained.name], signature)
    many = len(rows) > 1
    return Job(
        feeds,
        tuple(
            Source(
                Item(f"{name}[{i}]" if many else name, row, signature.axes.shown(row, recipe)),
                f"{stem}_{i}" if many else stem,
            )
            for i, row in enumerate(rows)
        ),
    )


def _mend(signature: Signature) -> str:
    names = ", ".join(s.name for s in signature.specs)
    return f"give an .npz with an array by the name of each input: {names}"


def _finite_rows(name: str, explained: Array, signature: Signature) -> Array:
    """The explained input with a row for each item, float32."""
    spec = signature.explained
    whole = spec.dtype is not None and spec.dtype.kind in "iu"
    if explained.ndim != len(spec.shape) or not explained.size:
        raise InputError(
            f"{name}: '{spec.name}' has the shape {list(explained.shape)}; the model takes {spec}"
        )
    is_number = explained.dtype.kind in ("iu" if whole else "f")
    with np.errstate(over="ignore"):
        rows = signature.axes.rows(explained.astype(np.float32) if is_number else explained)
    if not is_number or not np.isfinite(rows).all():
        raise InputError(
            f"{name}: '{spec.name}' is {explained.dtype} or has NaN or infinite values; save the "
            f"model's input as it is, as finite {spec.dtype or 'float32'}"
        )
    return rows


def _load(path: Path) -> dict[str, Array]:
    refuse_pointer_file(path)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path") from None
    except Exception as error:  # on damaged data numpy and zipfile raise nearly anything
        raise InputError(
            f"{path} holds no arrays that can be read ({one_line(error)}); "
            "save it anew with numpy.savez, without objects"
        ) from None
    foreign = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if foreign:
        raise InputError(
            f"{path}: {foreign[0]!r} is no array; save it anew with numpy.savez, arrays alone"
        )
    return arrays


def _with_batch(array: Array, spec: Spec) -> Array:
    """The array, with the batch axis that may be left out."""
    return array[np.newaxis] if array.ndim == len(spec.shape) - 1 else array
