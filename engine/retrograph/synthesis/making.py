"""From an ascent's states to inputs that are finished: in batches, watched, measured at the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrograph.preprocess.picture import Pixels
from retrograph.runtime import Array
from retrograph.synthesis.ascent import Ascent, Base, Climbed, State, Units
from retrograph.synthesis.maximum import Maximum, Progress, Watch
from retrograph.synthesis.slope import Slope
from retrograph.synthesis.space import Canvas, Space
from retrograph.synthesis.views import Shaking, Size, Still, resized

MOST = 8
"""How many inputs are made together where the model takes any number."""


@dataclass(frozen=True)
class Measured:
    """What N canvases are to the model.

    Attributes:
        inputs: what it takes.
        activation: [N], of their units.
        probabilities: [N, classes], if it tells classes apart.
    """

    inputs: Array
    activation: Array
    probabilities: Array | None


class Measuring(Protocol):
    """What canvases are to the model, as they are: neither shifted nor zoomed."""

    def measured(self, canvas: Canvas, units: Units) -> Measured:
        """Of canvases [N, *item], one for each unit."""
        ...


@dataclass(frozen=True)
class OfInputs:
    """Of canvases that are the model's input, pictures with their 256 grey levels.

    Attributes:
        slope: gives activations.
        space: of the input.
        window: what the model sees of a picture at once; None where it sees all.
    """

    slope: Slope
    space: Space
    window: Size | None = None

    def measured(self, canvas: Canvas, units: Units) -> Measured:
        """Of canvases; of such as are seen in tiles the sum, and no probabilities."""
        canvas = self.space.rounded(canvas)
        size = canvas.shape[2:]
        still = Still() if self.window in (None, size) else Shaking(0.0, 0.0)
        seen = [
            self.slope.outcome(self.space.to_input(view.of(canvas)), units)
            for view in still.views(self.window or size, size, np.random.default_rng(0))
        ]
        total = np.sum([outcome.activation for outcome in seen], axis=0)
        chances = seen[0].probabilities if len(seen) == 1 else None
        return Measured(self.space.to_input(canvas), total, chances)


@dataclass(frozen=True)
class Making:
    """What inputs are made with.

    Attributes:
        climbed: gives activations and gradients.
        measuring: measures what has come of it.
        space: of the canvases.
        shown: of the model's input; the same where a canvas is that.
        ascent: how it goes.
        base: what it starts from, at each size.
        noise: what is added to that at the start, [1, *first canvas], or one for each unit.
        batch: how many are made together.
        is_class: whether the units are classes.
        seed: of the views.
        snapshots: how many states on the way are kept, from the first step on, evenly spaced, the
            last one not counted.
        watch: told of every step.
        why: from an input of what is climbed and a unit to why there is no gradient, in words.
    """

    climbed: Climbed
    measuring: Measuring
    space: Space
    shown: Space
    ascent: Ascent
    base: Base
    noise: Canvas
    batch: int
    is_class: bool
    seed: int
    snapshots: int
    watch: Watch
    why: Callable[[Array, tuple[int, ...]], str]

    def made(self, units: Units) -> list[Maximum]:
        """An input for each unit, one without units; after an interrupt those that were begun.

        Every unit has the same start and the same views, so that what is made for it does not
        hang on what is made beside it.
        """
        found: list[Maximum] = []
        count = max(1, len(units))
        for first in range(0, count, self.batch):
            group = units[first : first + self.batch]
            found += self._group(group, first, count)
            if not found or not found[-1].finished:
                break
        return found

    def _group(self, group: Units, before: int, count: int) -> list[Maximum]:
        steps = sum(octave.steps for octave in self.ascent.octaves)
        rows = max(1, len(group))
        own = len(self.noise) > 1
        noise = self.noise[before : before + rows] if own else self.noise.repeat(rows, axis=0)
        rng = np.random.default_rng(self.seed)
        states = self.ascent.climb(self.climbed, self.space, self.base, noise, group, rng)

        def watch(state: State) -> None:
            done = before * steps + state.step * rows
            mean = float(state.activation.mean())
            self.watch(Progress(group, state.step, steps, done, count * steps, mean))

        keep = {max(1, round(steps * i / self.snapshots)) for i in range(self.snapshots)}
        followed = _Followed(states, keep, watch)
        return self._finished(followed, group, rows) if followed.states else []

    def _finished(self, followed: _Followed, group: Units, rows: int) -> list[Maximum]:
        last = followed.states[-1]
        size = self.ascent.octaves[-1].canvas
        found = self.measuring.measured(resized(last.canvas, size), group)
        start = self.measuring.measured(self._start(size, rows), group)
        on_the_way = [
            (state.step, self.measuring.measured(resized(state.canvas, size), group).inputs)
            for state in followed.states[:-1]
        ]
        silent = [bool(never.all()) for never in np.stack(followed.flat, axis=1)]
        seen = found.inputs if self.space is self.shown else last.canvas.astype(np.float32)
        return [
            Maximum(
                unit=group[i] if group else (),
                start=start.inputs[i] if self.space is self.shown else None,
                input=found.inputs[i],
                picture=self._picture(found.inputs[i]),
                before=float(start.activation[i]),
                activation=float(found.activation[i]),
                probability=self._of_class(found, i, group),
                probabilities=None if found.probabilities is None else found.probabilities[i],
                steps=last.step,
                finished=followed.finished,
                silent=silent[i],
                why=self.why(seen[i], group[i] if group else ()) if silent[i] else "",
                history=np.stack(followed.history)[:, i],
                snapshots=tuple((step, inputs[i]) for step, inputs in on_the_way),
                code=None if self.space is self.shown else last.canvas[i].astype(np.float32),
            )
            for i in range(rows)
        ]

    def _start(self, size: Size, rows: int) -> Canvas:
        """What the ascent starts from, without noise."""
        start = self.space.clipped(self.base(size))
        return np.broadcast_to(start, (rows, *start.shape[1:]))

    def _picture(self, values: Array) -> Pixels | None:
        return self.shown.picture(values)

    def _of_class(self, found: Measured, row: int, group: Units) -> float | None:
        if found.probabilities is None or not self.is_class:
            return None
        return float(found.probabilities[row, max(group[row])])


class _Followed:
    """An ascent followed to its end, or to an interrupt (Ctrl-C).

    Attributes:
        states: those that are kept, and the last one.
        history, flat: the activations [N] at each step, and where there was no gradient.
        finished: whether it came to its end.
    """

    def __init__(
        self, states: Iterator[State], keep: Collection[int], watch: Callable[[State], None]
    ) -> None:
        self.states: list[State] = []
        self.history: list[Array] = []
        self.flat: list[Array] = []
        self.finished = False
        last: State | None = None
        with suppress(KeyboardInterrupt):
            for last in states:
                self.history.append(last.activation)
                self.flat.append(last.flat)
                if last.step in keep:
                    self.states.append(last)
                watch(last)
            self.finished = True
        if last is not None and (not self.states or self.states[-1] is not last):
            self.states.append(last)
