"""What a command shows while many things are done: one bar, and mistakes that stop no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.text import Text

from retrograph.cli.spelling import as_option
from retrograph.cli.terminal import complain
from retrograph.errors import InputError
from retrograph.preprocess import BadInput

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")


class Bar:
    """What commands move; this one is drawn nowhere."""

    def advance(self, count: int = 1) -> None:
        """So many more are done."""

    def to(self, done: int, total: int | None = None, detail: str = "") -> None:
        """So many are done in all: what the library's functions call as `progress`.

        Args:
            done: how many.
            total: of how many; as it was if None.
            detail: a word on the last one.
        """

    @property
    def rate(self) -> float | None:
        """How many are done a second; None where that is not known."""
        return None


class _DrawnBar(Bar):
    """A bar on a terminal."""

    def __init__(self, progress: Progress, doing: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(doing, total=total, detail="")

    def advance(self, count: int = 1) -> None:
        self._progress.advance(self._task, count)

    def to(self, done: int, total: int | None = None, detail: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total, detail=detail)

    @property
    def rate(self) -> float | None:
        return self._progress.tasks[0].speed


@contextmanager
def progress_bar(out: Console, doing: str, total: int | None = None) -> Iterator[Bar]:
    """A bar with the count, the time and the time that is left; gone at the end.

    Args:
        out: where it is drawn, if that is a terminal.
        doing: a word before the bar, such as "explaining".
        total: how many there are; None where that is not known.
    """
    if not out.is_terminal:
        yield Bar()
        return
    from rich import progress as bars  # start-up: of use on a terminal alone

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[detail]}"),
        bars.TimeElapsedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=out, transient=True) as progress:
        yield _DrawnBar(progress, doing, total)


@contextmanager
def waiting(out: Console, doing: str) -> Iterator[Callable[[str], None]]:
    """Words beside something that turns, which what is yielded changes; gone at the end.

    Args:
        out: where they stand, if that is a terminal.
        doing: the words, such as "building".
    """
    if not out.is_terminal:
        yield lambda words: None
        return
    with out.status(Text(doing)) as status:
        yield lambda words: status.update(Text(words))


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

    def sieve(self, results: Iterable[T | BadInput]) -> Iterator[T]:
        """The good ones."""
        for each in results:
            if isinstance(each, BadInput):
                self.report(each)
            else:
                yield each

    def report(self, bad: BadInput) -> None:
        """Report a bad input."""
        with self.reported():
            raise bad.error
