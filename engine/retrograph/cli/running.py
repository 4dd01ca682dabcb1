"""Many inputs one after the other: a bar of progress, and bad ones that do not stop the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from retrograph.cli.feeds import Job
from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import complain
from retrograph.errors import InputError
from retrograph.preprocess import BadItem, count_inputs

T = TypeVar("T")


class Mistakes:
    """Bad inputs: reported and counted, so that the others go on."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Report the mistake that the block meets, and go on after it."""
        try:
            yield
        except InputError as error:
            complain(error.spelled(as_option))
            self.count += 1

    def sieve(self, found: Iterable[T | BadItem]) -> Iterator[T]:
        """The good ones."""
        for each in found:
            if not isinstance(each, BadItem):
                yield each
                continue
            with self.reported():
                raise each.error


def with_progress(
    jobs: Iterable[Job | BadItem], paths: Sequence[str], out: Console
) -> Iterator[Job | BadItem]:
    """The same, with a bar on a terminal."""
    columns = (
        TextColumn("explaining"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    hidden = not out.is_terminal
    with Progress(*columns, console=out, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=count_inputs(paths))
        for job in jobs:
            yield job
            progress.advance(task, len(job.sources) if isinstance(job, Job) else 1)
