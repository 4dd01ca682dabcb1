"""Inputs that meet in a queue and run together, in a thread of its own."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import monotonic, perf_counter
from typing import TypeAlias

from retrograph.errors import RetrographError
from retrograph.pipeline.together import ReadInput, explain_together
from retrograph.results.attribution import Attribution
from retrograph.serving.refusals import Refused

Ran: TypeAlias = Callable[[int, float], None]
"""Takes how many inputs a run explained, and in how many seconds."""

_LOG = logging.getLogger("retrograph.serving")


@dataclass(eq=False)
class _Waiting:
    """An input that waits for its run."""

    read: ReadInput
    answer: Future[Attribution] = field(default_factory=Future)
    since: float = field(default_factory=monotonic)


class BatchQueue:
    """Runs inputs that any thread submits, together where graph, shape and way of choosing agree.

    While one run goes on, what comes meanwhile gathers for the next; an input that finds nothing
    running waits `delay` for others. Runs follow each other by the age of their oldest input.

    Args:
        delay: seconds that an input waits for others.
        ran: is told of each run.
    """

    def __init__(self, delay: float, ran: Ran) -> None:
        self._delay, self._ran = delay, ran
        self._changed = Condition()
        self._groups: dict[Hashable, deque[_Waiting]] = {}
        self._thread: Thread | None = None
        self._is_closing = False

    def submit(self, read: ReadInput) -> Future[Attribution]:
        """What will hold the attributions, or the error; to cancel it takes it out of the queue.

        Raises:
            Refused: the queue is closed.
        """
        waiting = _Waiting(read)
        with self._changed:
            if self._is_closing:
                raise Refused(503, "the service is stopping; ask another one", retry=1)
            self._groups.setdefault(read.run_key or object(), deque()).append(waiting)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="retrograph-runs", daemon=True)
                self._thread.start()
            self._changed.notify()
        return waiting.answer

    def close(self) -> None:
        """Run what is waiting, then end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while (group := self._next()) is not None:
            wanted = [each for each in group if each.answer.set_running_or_notify_cancel()]
            if wanted:
                self._run(wanted)

    def _next(self) -> list[_Waiting] | None:
        """What runs next, as soon as it is due; None where the queue is closed and empty."""
        with self._changed:
            while True:
                if not self._groups:
                    if self._is_closing:
                        return None
                    self._changed.wait()
                    continue
                key = min(self._groups, key=self._due)
                wait = self._due(key) - monotonic()
                if wait <= 0 or self._is_closing:
                    return self._taken(key)
                self._changed.wait(wait)

    def _due(self, key: Hashable) -> float:
        """When a group is run: at once where no other input can join it."""
        group = self._groups[key]
        first = group[0]
        is_full = first.read.run_key is None or len(group) >= first.read.most_together
        return first.since if is_full else first.since + self._delay

    def _taken(self, key: Hashable) -> list[_Waiting]:
        """A run's inputs, taken out of the queue."""
        group = self._groups[key]
        most = group[0].read.most_together
        taken = [group.popleft() for _ in range(min(most, len(group)))]
        if not group:
            del self._groups[key]
        return taken

    def _run(self, group: list[_Waiting]) -> None:
        start = perf_counter()
        try:
            outcomes = explain_together([each.read for each in group])
        except Exception as error:  # a mistake of the program: whoever waits is told
            _LOG.exception("a run failed")
            for each in group:
                each.answer.set_exception(error)
            return
        self._ran(len(group), perf_counter() - start)
        for each, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, RetrographError):
                each.answer.set_exception(outcome)
            else:
                each.answer.set_result(outcome)
