"""Gradient ascent on the input: the loop that all ways of making pictures share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from retrograph.runtime import Array
from retrograph.synthesis.octaves import Octave
from retrograph.synthesis.regularisers import Regulariser
from retrograph.synthesis.smoothing import Smoothing
from retrograph.synthesis.space import Canvas, Space
from retrograph.synthesis.views import Shaking, Size, Views, resized

Units = Sequence[tuple[int, ...]]
Climbed = Callable[[Array, Units], tuple[Array, Array]]
"""From inputs [N, *input] and units to activations [N] and gradients [N, *input]."""
Base = Callable[[Size], Canvas]
"""What the ascent starts from, [1 or N, C, H, W] of a height and width."""


@dataclass(frozen=True)
class Step:
    """How far a step goes: the gradient with momentum, brought to a length of its own.

    Attributes:
        rate: the root mean square of a step's change, in the measure of a canvas (1: from black to
            white), so that it holds for any model.
        momentum: the share of the last direction that is kept.
        fall: the rate at an octave's end, as a share of that at its start.
    """

    rate: float = 0.03
    momentum: float = 0.9
    fall: float = 0.3

    def length(self, part: float) -> float:
        """The rate after a part, 0 to 1, of an octave."""
        return self.rate * (1 - (1 - self.fall) * part)


@dataclass(frozen=True)
class State:
    """How far an ascent has come.

    Attributes:
        step: how many steps were done.
        canvas: [N, *item].
        activation: [N], as it was before the step, of what the model saw.
        flat: [N], whether there was no gradient, so that the step did nothing.
    """

    step: int
    canvas: Canvas
    activation: Array
    flat: Array


@dataclass(frozen=True)
class Ascent:
    """How a picture is climbed to.

    Attributes:
        octaves: what sizes the canvas goes through.
        step: how far each step goes.
        smoothing: what a picture's gradient goes through first; None for none.
        shaking: how the model's view of a picture changes from step to step.
        regularisers: applied after each step, in order.
    """

    octaves: Sequence[Octave]
    step: Step = field(default_factory=Step)
    smoothing: Smoothing | None = None
    shaking: Views = field(default_factory=Shaking)
    regularisers: Sequence[Regulariser] = ()

    def climb(
        self,
        climbed: Climbed,
        space: Space,
        base: Base,
        noise: Canvas,
        units: Units,
        rng: np.random.Generator,
    ) -> Iterator[State]:
        """The states after each step, from the first octave's start on.

        Args:
            climbed: gives activations and gradients.
            space: of the model's input.
            base: what the ascent starts from, at each octave's size.
            noise: what is added to it at the start, of the first octave's size.
            units: one for each of the N canvases.
            rng: chooses the views.
        """
        change, done = noise, 0
        for octave in self.octaves:
            start = base(octave.canvas)
            canvas = space.clipped(start + resized(change, octave.canvas))
            direction = np.zeros_like(canvas)
            for number in range(octave.steps):
                activation, gradient = self._slope(climbed, space, canvas, octave, units, rng)
                smooth = self.smoothing.applied(gradient) if self.smoothing else gradient
                kept = self.step.momentum
                direction = kept * direction + (1 - kept) * of_unit_size(smooth)
                length = self.step.length(number / octave.steps)
                done += 1
                canvas = canvas + length * of_unit_size(direction)
                for regulariser in self.regularisers:
                    canvas = regulariser(canvas, gradient, done)
                canvas = space.clipped(canvas)
                flat = np.abs(gradient).max(axis=tuple(range(1, gradient.ndim))) == 0
                yield State(done, canvas, activation, flat)
            change = canvas - start

    def _slope(
        self,
        climbed: Climbed,
        space: Space,
        canvas: Canvas,
        octave: Octave,
        units: Units,
        rng: np.random.Generator,
    ) -> tuple[Array, Canvas]:
        """Activation and gradient by the canvas, summed over the views of it."""
        total, gradient = np.zeros(len(canvas)), np.zeros_like(canvas)
        for view in self.shaking.views(octave.window, octave.canvas, rng):
            activation, by_input = climbed(space.to_input(view.of(canvas)), units)
            gradient += view.back(space.gradient(by_input))
            total += activation
        return total, gradient


def of_unit_size(gradient: Canvas) -> Canvas:
    """Each of N gradients with a root mean square of 1; one that is 0 stays so."""
    axes = tuple(range(1, gradient.ndim))
    size = np.sqrt((gradient**2).mean(axis=axes, keepdims=True))
    found: Canvas = gradient / np.where(size > 0, size, 1.0)
    return found
