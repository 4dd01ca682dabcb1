"""How far a long audit is: parts of a hundred, each told as far as it is done."""

from __future__ import annotations

from dataclasses import dataclass

from retrograph.inputs.loader import Progress

_WHOLE = 100


def quiet(done: int, total: int | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Part:
    """A part of a task; call it with how many of its steps are done, and of how many.

    Attributes:
        progress: takes how many hundredths of the whole task are done, and 100.
        start, end: of the part, in hundredths of the whole task.
    """

    progress: Progress = quiet
    start: float = 0
    end: float = _WHOLE

    def __call__(self, done: int, total: int | None) -> None:
        share = done / total if total else 1.0
        self.progress(int(self.start + share * (self.end - self.start)), _WHOLE)

    def part(self, start: float, end: float) -> Part:
        """A part of this one, from and to hundredths of it."""
        step = (self.end - self.start) / _WHOLE
        return Part(self.progress, self.start + start * step, self.start + end * step)

    def parts(self, count: int) -> list[Part]:
        """This one in so many equal parts."""
        step = 100 / count if count else 0
        return [self.part(step * i, step * (i + 1)) for i in range(count)]


SILENT = Part()
