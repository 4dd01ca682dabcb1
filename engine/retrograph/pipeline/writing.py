"""Explanations into files: some are drawn while the next ones are run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import Final, TypeVar

from retrograph.errors import InputError, parameter
from retrograph.inputs.loader import Batch, stem_of
from retrograph.output import DiskFull, make_folder, npz_bytes, save_arrays, write_together
from retrograph.pipeline.destination import Destination, Files
from retrograph.pipeline.session import ExplainSession
from retrograph.prefetch import prefetch_map
from retrograph.preprocess import BadInput, default_workers
from retrograph.render import encoded_picture, save_picture
from retrograph.results.explanation import Explanation
from retrograph.results.sheet import Sheet

T = TypeVar("T")
R = TypeVar("R")

_TRIED: Final = 3
"""So many runs are timed."""
_SHORT: Final = 0.004
"""Seconds."""


@dataclass(frozen=True)
class _Placed:
    """What is run at once, and where its explanations go.

    Attributes:
        batch: the inputs.
        files: of the good ones, by their places among them; of those whose names can be written.
        refused: the others.
    """

    batch: Batch
    files: dict[int, Files]
    refused: tuple[BadInput, ...]


def write_explanations(
    batches: Iterable[Batch], session: ExplainSession, destination: Destination, runs: int = 1
) -> Iterator[Explanation | BadInput]:
    """Each input explained and written into files of its own.

    Args:
        batches: in their order.
        session: explains them.
        destination: a folder; a file where there is one input.
        runs: how many runs are under way at a time.

    Returns:
        The explanations with their files, in order; what cannot be explained or written as a
        BadInput.

    Raises:
        InputError: the destination is a file, and there are several inputs; DiskFull where there
            is no room for a file.
    """
    checked = _single(batches, destination) if destination.file else batches
    placed = (_placed(batch, session, destination) for batch in checked)
    explain, pool = partial(_explained, session=session), default_workers()
    explained = chain.from_iterable(_answers(placed, explain, runs))
    return prefetch_map(explained, _written, workers=pool, ahead=2 * pool)


def _answers(placed: Iterator[T], explain: Callable[[T], R], runs: int) -> Iterator[R]:
    """What comes of each batch, in order; short runs go on one after another.

    To hand them to other threads and back takes longer than it gains.
    """
    shortest = math.inf
    for each in islice(placed, _TRIED if runs > 1 else 0):
        start = perf_counter()
        answer = explain(each)
        shortest = min(shortest, perf_counter() - start)
        yield answer
    beside = runs if runs > 1 and shortest > _SHORT else 0
    yield from prefetch_map(placed, explain, workers=beside, ahead=runs)


def _placed(batch: Batch, session: ExplainSession, destination: Destination) -> _Placed:
    """A batch whose files' names are checked before it is explained."""
    files: dict[int, Files] = {}
    refused = []
    for row, item in enumerate(batch.items):
        drawable = session.context.kind.can_draw(item.array)
        try:
            files[row] = destination.files(
                item.name, stem_of(item), session.context.tag, drawable=drawable
            )
        except InputError as error:
            refused.append(BadInput(item.name, error))
    return _Placed(batch, files, tuple(refused))


def _explained(
    placed: _Placed, session: ExplainSession
) -> list[tuple[Explanation, Files] | BadInput]:
    """The explanations of a batch, each with its files."""
    found: list[tuple[Explanation, Files] | BadInput] = [*placed.batch.bad, *placed.refused]
    for row, each in enumerate(session.explained(placed.batch) if placed.files else ()):
        if isinstance(each, BadInput):
            found.append(each)
        elif row in placed.files:
            found.append((each, placed.files[row]))
    return found


def _written(explained: tuple[Explanation, Files] | BadInput) -> Explanation | BadInput:
    if isinstance(explained, BadInput):
        return explained
    explanation, files = explained
    try:
        return write_explanation(explanation, files)
    except DiskFull:
        raise
    except InputError as error:
        return BadInput(explanation.name, error)


def write_explanation(explanation: Explanation, files: Files) -> Explanation:
    """Write the picture, and the arrays where they are wanted, together.

    Files that are there are replaced.

    Returns:
        The explanation with its file.

    Raises:
        InputError: a file cannot be written, or an attribution cannot be drawn.
    """
    contents: dict[Path, bytes | memoryview] = {}
    if files.arrays is not None:
        contents[files.arrays] = npz_bytes(explanation.arrays())
    if files.picture is not None:
        contents[files.picture] = encoded_picture(explanation.page(), files.picture)
    for path in contents:
        make_folder(path.parent)
    write_together(contents)
    return replace(explanation, file=str(files.picture or files.arrays))


def _single(batches: Iterable[Batch], destination: Destination) -> Iterator[Batch]:
    """The same batches, with a single good input, where a file's name is given."""
    first: list[Batch] = []
    for batch in batches:
        first.append(batch)
        names = [item.name for met in first for item in met.items]
        if len(names) > 1:
            raise InputError(
                f"{parameter('out', destination.file)}: there are several inputs, "
                f"{names[0]} and {names[1]} are the first; name a folder"
            )
    return iter(first)


def write_sheet(
    batches: Iterable[Batch],
    session: ExplainSession,
    destination: Destination,
    grid: tuple[int, int],
    bad: Callable[[BadInput], None],
) -> Sheet | None:
    """The strongest units of all inputs on one sheet, written.

    Args:
        batches: in their order.
        session: explains them.
        destination: a file.
        grid: rows and columns.
        bad: takes each input that cannot be explained.

    Returns:
        The sheet; None where no input could be explained.

    Raises:
        InputError: an input is no picture, or the sheet cannot be written.
    """
    explanations = _good(session.explain_all(_pictures(batches)), bad)
    first = next(explanations, None)
    if first is None:
        return None
    sheet = Sheet.strongest(chain([first], explanations), grid)
    files = destination.files("", "", session.context.tag, drawable=True)
    assert files.picture is not None
    make_folder(files.picture.parent)
    save_picture(sheet.image(), files.picture, force=destination.force)
    if files.arrays is not None:
        save_arrays(sheet.arrays(), files.arrays)
    return sheet


def _good(results: Iterable[T | BadInput], bad: Callable[[BadInput], None]) -> Iterator[T]:
    for each in results:
        if isinstance(each, BadInput):
            bad(each)
        else:
            yield each


def _pictures(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches, of pictures alone."""
    for batch in batches:
        if any(item.shown is None for item in batch.items):
            raise InputError(
                f"{batch.items[0].name} is no picture, and {parameter('sheet')} is for pictures; "
                "leave it out"
            )
        yield batch
