"""Explanations into files: one is drawn while the next is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from retrograph.errors import InputError, parameter
from retrograph.output import make_folder, save_arrays
from retrograph.pipeline.destination import Destination, Files
from retrograph.pipeline.loader import Job
from retrograph.pipeline.session import ExplainSession
from retrograph.prefetch import prefetch_map
from retrograph.preprocess import BadInput
from retrograph.render import save_picture
from retrograph.results.explanation import Explanation
from retrograph.results.figure import has_figure
from retrograph.results.sheet import Sheet

T = TypeVar("T")


def write_explanations(
    jobs: Iterable[Job | BadInput], session: ExplainSession, destination: Destination
) -> Iterator[Explanation | BadInput]:
    """Each input explained and written into files of its own.

    Args:
        jobs: in their order.
        session: explains them.
        destination: a folder; a file where there is one input.

    Returns:
        The explanations with their files, in order; what cannot be explained or written as a
        BadInput.

    Raises:
        InputError: the destination is a file, and there are several inputs.
    """
    checked = _single(jobs, destination) if destination.file else jobs
    return prefetch_map(_explained(checked, session, destination), _written, workers=1, ahead=2)


def _explained(
    jobs: Iterable[Job | BadInput], session: ExplainSession, destination: Destination
) -> Iterator[tuple[Explanation, Files] | BadInput]:
    """Each input and the files for it, whose names are checked before it is explained."""
    tag = session.context.tag
    for job in jobs:
        if isinstance(job, BadInput):
            yield job
            continue
        places: dict[int, Files] = {}
        for row, source in enumerate(job.sources):
            name, drawable = source.item.name, has_figure(source.item.array)
            try:
                places[row] = destination.files(name, source.stem, tag, drawable=drawable)
            except InputError as error:
                yield BadInput(name, error)
        for row, each in enumerate(session.explained(job) if places else ()):
            if isinstance(each, BadInput):
                yield each
            elif row in places:
                yield each, places[row]


def _written(explained: tuple[Explanation, Files] | BadInput) -> Explanation | BadInput:
    if isinstance(explained, BadInput):
        return explained
    explanation, files = explained
    try:
        return write_explanation(explanation, files)
    except InputError as error:
        return BadInput(explanation.name, error)


def write_explanation(explanation: Explanation, files: Files) -> Explanation:
    """Write the picture, and the arrays where they are wanted; files that are there are replaced.

    Returns:
        The explanation with its file.

    Raises:
        InputError: a file cannot be written, or an attribution cannot be drawn.
    """
    for path in (files.arrays, files.picture):
        if path is not None:
            make_folder(path.parent)
    if files.arrays is not None:
        save_arrays(explanation.arrays(), files.arrays)
    if files.picture is not None:
        save_picture(explanation.image(), files.picture, force=True)
    return replace(explanation, file=str(files.picture or files.arrays))


def _single(jobs: Iterable[Job | BadInput], destination: Destination) -> Iterator[Job | BadInput]:
    """The same jobs, which may be only one of one input where a file's name is given."""
    first: list[Job | BadInput] = []
    for job in jobs:
        first.append(job)
        if sum(len(each.sources) for each in first if isinstance(each, Job)) > 1:
            raise InputError(
                f"{parameter('out', destination.file)}: there are several inputs; name a folder"
            )
    return iter(first)


def write_sheet(
    jobs: Iterable[Job | BadInput],
    session: ExplainSession,
    destination: Destination,
    grid: tuple[int, int],
    bad: Callable[[BadInput], None],
) -> Sheet | None:
    """The strongest units of all inputs on one sheet, written.

    Args:
        jobs: in their order.
        session: explains them.
        destination: a file.
        grid: rows and columns.
        bad: takes each input that cannot be explained.

    Returns:
        The sheet; None where no input could be explained.

    Raises:
        InputError: an input is no picture, or the sheet cannot be written.
    """
    explanations = _good(session.explain_all(_pictures(_good(jobs, bad))), bad)
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


def _pictures(jobs: Iterable[Job]) -> Iterator[Job]:
    for job in jobs:
        name = job.sources[0].item.name
        if any(source.item.shown is None for source in job.sources):
            raise InputError(
                f"{name} is no picture, and {parameter('sheet')} is for pictures; leave it out"
            )
        yield job
