"""Runs ascents for many units in batches, and evaluates the inputs that come of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from retrograph.preprocess.picture import Pixels
from retrograph.runtime import Array
from retrograph.synthesis.ascent import Ascent, Base, Climbed, State, Units
from retrograph.synthesis.maximum import Maximum, OnStep, Progress, ignore_progress
from retrograph.synthesis.settings import CodeSettings, Settings
from retrograph.synthesis.slope import Slope
from retrograph.synthesis.space import Canvas, Space
from retrograph.synthesis.views import Shaking, Size, Still, resized

LARGEST_BATCH = 8
"""How many inputs are made together where the model takes any number."""


@dataclass(frozen=True)
class Evaluation:
    """What N canvases are to the model.

    Attributes:
        inputs: what it takes.
        activation: [N], of their units.
        probabilities: [N, classes], if it tells classes apart.
    """

    inputs: Array
    activation: Array
    probabilities: Array | None


class Evaluator(Protocol):
    """What canvases are to the model, as they are: neither shifted nor zoomed."""

    def evaluate(self, canvas: Canvas, units: Units) -> Evaluation:
        """Of canvases [N, *item], one for each unit."""
        ...


@dataclass(frozen=True)
class InputEvaluator:
    """Of canvases that are the model's input, pictures with their 256 grey levels.

    Attributes:
        slope: gives activations.
        space: of the input.
        window: what the model sees of a picture at once; None where it sees all.
    """

    slope: Slope
    space: Space
    window: Size | None = None

    def evaluate(self, canvas: Canvas, units: Units) -> Evaluation:
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
        return Evaluation(self.space.to_input(canvas), total, chances)


@dataclass(frozen=True)
class RunOptions:
    """What all kinds of ascents are told.

    Attributes:
        settings: how the ascent goes, or some of its numbers by their names; as usual if None.
        seed: of all random numbers.
        snapshots: how many states on the way are kept, from the first step on, evenly spaced, the
            last one not counted.
        device, threads: as in `Explainer`.
        progress: told of each step.
        on_step: the same, with what has come of the first unit; what it raises ends the ascent.
    """

    settings: Settings | CodeSettings | Mapping[str, Any] | None = None
    seed: int = 0
    snapshots: int = 0
    device: str = "auto"
    threads: int | None = None
    progress: Progress = ignore_progress
    on_step: OnStep | None = None


@dataclass(frozen=True)
class Synthesizer:
    """Makes an input for each of some units.

    Attributes:
        slope: the model's activations, gradients and outcomes.
        climbed: gives the activations and gradients of the ascent.
        evaluator: evaluates what has come of it.
        space: of the canvases.
        input_space: of the model's input; the same where a canvas is that.
        ascent: how it goes.
        base: what it starts from, at each size.
        noise: what is added to that at the start, [1, *first canvas], or one for each unit.
        run: seed, snapshots and progress.
        has_classes: whether the units may be classes.
    """

    slope: Slope
    climbed: Climbed
    evaluator: Evaluator
    space: Space
    input_space: Space
    ascent: Ascent
    base: Base
    noise: Canvas
    run: RunOptions
    has_classes: bool = True

    def synthesize(self, units: Units) -> list[Maximum]:
        """An input for each unit, one without units; after an interrupt those that were begun.

        Every unit has the same start and the same views, so that what is made for it does not
        hang on what is made beside it.
        """
        maxima: list[Maximum] = []
        count, size = max(1, len(units)), self.slope.batch or LARGEST_BATCH
        for first in range(0, count, size):
            batch = self._ascend(units[first : first + size], first, count)
            maxima += batch
            if not batch or not batch[-1].finished:
                break
        return maxima

    def _ascend(self, units: Units, before: int, count: int) -> list[Maximum]:
        """Inputs for the units of one batch, of `count` in all, of which `before` are done."""
        steps = sum(octave.steps for octave in self.ascent.octaves)
        rows = max(1, len(units))
        has_own_noise = len(self.noise) > 1
        noise = (
            self.noise[before : before + rows] if has_own_noise else self.noise.repeat(rows, axis=0)
        )
        rng = np.random.default_rng(self.run.seed)
        states = self.ascent.climb(self.climbed, self.space, self.base, noise, units, rng)

        def tell(state: State) -> None:
            self.run.progress(before * steps + state.step * rows, count * steps)
            if self.run.on_step is not None:
                self.run.on_step(
                    state.step, float(state.activation[0]), partial(self._seen, state.canvas)
                )

        wanted = self.run.snapshots
        snapshot_steps = {max(1, round(steps * i / wanted)) for i in range(wanted)}
        trace = _Trace(states, snapshot_steps, tell)
        return self._maxima(trace, units, rows) if trace.states else []

    def _maxima(self, trace: _Trace, units: Units, rows: int) -> list[Maximum]:
        last, is_input = trace.states[-1], self.space is self.input_space
        size = self.ascent.octaves[-1].canvas
        reached = self.evaluator.evaluate(resized(last.canvas, size), units)
        start = self.evaluator.evaluate(self._start(size, rows), units)
        on_the_way = [
            (state.step, self.evaluator.evaluate(resized(state.canvas, size), units).inputs)
            for state in trace.states[:-1]
        ]
        silent = [bool(flat.all()) for flat in np.stack(trace.flat, axis=1)]
        seen = reached.inputs if is_input else last.canvas.astype(np.float32)
        return [
            Maximum(
                unit=unit,
                start=start.inputs[i] if is_input else None,
                input=reached.inputs[i],
                picture=self._picture(reached.inputs[i]),
                before=float(start.activation[i]),
                activation=float(reached.activation[i]),
                probability=self._class_probability(reached, i, unit),
                probabilities=None if reached.probabilities is None else reached.probabilities[i],
                steps=last.step,
                finished=trace.finished,
                silent=silent[i],
                why=self.slope.why(seen[i], unit) if silent[i] else "",
                history=np.stack(trace.history)[:, i],
                snapshots=tuple((step, inputs[i]) for step, inputs in on_the_way),
                code=None if is_input else last.canvas[i].astype(np.float32),
            )
            for i, unit in enumerate(units or [()])
        ]

    def _start(self, size: Size, rows: int) -> Canvas:
        """What the ascent starts from, without noise."""
        start = self.space.clipped(self.base(size))
        return np.broadcast_to(start, (rows, *start.shape[1:]))

    def _seen(self, canvas: Canvas) -> Pixels | None:
        """The first of some canvases as a picture; None where it is none, or a code."""
        if self.space is not self.input_space:
            return None
        return self._picture(self.space.to_input(canvas)[0])

    def _picture(self, values: Array) -> Pixels | None:
        return self.input_space.picture(values)

    def _class_probability(
        self, evaluation: Evaluation, row: int, unit: tuple[int, ...]
    ) -> float | None:
        if evaluation.probabilities is None or not (self.has_classes and self.slope.is_class):
            return None
        return float(evaluation.probabilities[row, max(unit)])


class _Trace:
    """The states of an ascent that was run to its end, or to an interrupt (Ctrl-C).

    Attributes:
        states: those of the wanted steps, and the last one.
        history, flat: the activations [N] at each step, and where there was no gradient.
        finished: whether it came to its end.
    """

    def __init__(
        self, states: Iterator[State], wanted: Collection[int], tell: Callable[[State], None]
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
                if last.step in wanted:
                    self.states.append(last)
                tell(last)
            self.finished = True
        if last is not None and (not self.states or self.states[-1] is not last):
            self.states.append(last)
