"""What a service takes, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from retrograph.errors import InputError, parameter
from retrograph.keywords import check_counts
from retrograph.serving.refusals import Refused

_SECONDS = ("receiving", "answering")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a service takes, and no more.

    Attributes:
        body: bytes of a request's body, and of the arrays that are packed in it.
        held: bytes of all bodies and inputs that are in memory at once.
        pixels: of a picture, before it is scaled.
        values: numbers of an input whose size the model leaves open.
        waiting: requests that are received and not answered yet.
        receiving: seconds in which a body has to arrive.
        answering: seconds in which a request is answered once it has arrived.

    Raises:
        InputError: one is no number above 0.
    """

    body: int = 16 * 2**20
    held: int = 256 * 2**20
    pixels: int = 2**25
    values: int = 2**22
    waiting: int = 128
    receiving: float = 10.0
    answering: float = 30.0

    def __post_init__(self) -> None:
        numbers = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in _SECONDS:
            seconds = numbers.pop(name)
            if not isinstance(seconds, (int, float)) or not 0 < seconds < 1e9:
                raise InputError(f"{parameter(name)} is {seconds!r:.60}; give a number of seconds")
        check_counts(**numbers)


class Budget:
    """Counts what is in memory, or under way, and refuses what would be too much.

    Args:
        most: of what is counted.
        what: is counted, for messages.
    """

    def __init__(self, most: int, what: str) -> None:
        self.used = 0
        self._most, self._what = most, what

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A part of it, given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.used -= share.taken

    def take(self, count: int) -> None:
        """Count some more.

        Raises:
            Refused: it would be too much.
        """
        if self.used + count > self._most:
            raise Refused(
                503, f"the service is busy: it holds {self._most} {self._what}; ask again", retry=1
            )
        self.used += count


@dataclass(eq=False)
class Share:
    """What one request has taken of a budget."""

    budget: Budget
    taken: int = 0

    def take(self, count: int) -> None:
        """Take some more.

        Raises:
            Refused: it would be too much.
        """
        self.budget.take(count)
        self.taken += count
