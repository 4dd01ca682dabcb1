"""Searches the smallest change of an input that turns its class into another.

Each step takes the model for linear where it stands and goes to the boundary that it would then
have, drawn to the original picture, so that the change does not grow with the number of steps:
Croce, Hein: Minimally distorted adversarial examples with a fast adaptive boundary attack, 2020,
after Moosavi-Dezfooli, Fawzi, Frossard: DeepFool, 2016. What is found is shortened by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.inputs.single_input import OneInput
from retrograph.keywords import checked_keywords
from retrograph.model import Source
from retrograph.pipeline.labels import Labels
from retrograph.pipeline.units import Unit
from retrograph.preprocess import Preprocessing
from retrograph.preprocess.picture import Pixels
from retrograph.runtime import Array
from retrograph.synthesis.class_margins import ClassMargins
from retrograph.synthesis.context import SynthesisContext, as_pictures, resolve
from retrograph.synthesis.maximum import Progress, ignore_progress
from retrograph.synthesis.perturbation import Norms, Perturbation
from retrograph.synthesis.settings import check_ranges, with_settings
from retrograph.synthesis.slope import probabilities
from retrograph.synthesis.space import Canvas, Space, space_of
from retrograph.synthesis.starts import read_model_input


@dataclass(frozen=True)
class PerturbationSettings:
    """How a change is searched for.

    Attributes:
        steps: the most that are done.
        margin: by how much, in units of the scores, the wanted class is to be ahead of the next.
        overshoot: by how much the first step aims beyond the boundary, and each later one by less,
            as a share of by how much the wanted class is behind at the start.

    Raises:
        InputError: the number of steps cannot be.
    """

    steps: int = 50
    margin: float = 0.0
    overshoot: float = 0.05

    def __post_init__(self) -> None:
        check_ranges(self, {"steps": (1, 1_000_000)})


@checked_keywords
def perturb(
    model: Source,
    picture: OneInput,
    unit: Unit,
    *,
    labels: Labels | None = None,
    preprocessing: Preprocessing | str | None = None,
    settings: PerturbationSettings | Mapping[str, Any] | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Perturbation:
    """The smallest change found, by its L2 norm, that gives an input a wanted class.

    The changed input keeps to the values that a picture may have. An interrupt (Ctrl-C) ends the
    search, and the best that was found is returned.

    Args:
        model: a source model that scores classes.
        picture: a path, a picture of Pillow, or an array [*input] or uint8.
        unit: the wanted class: its number or its name.
        settings: how it is searched for, or some of its numbers by their names.
        progress: called with the numbers of steps done and of all steps.
        labels, preprocessing, device, threads: in `SHARED`.

    Returns:
        The change [*input] (1 from black to white), the changed input, scores before and after.

    Raises:
        InputError: the model tells no classes apart, there is no such class, or the picture has
            it already.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """
    pictures = as_pictures(picture)
    request = resolve(model, unit, labels=labels, preprocessing=preprocessing, pictures=pictures)
    if len(request.units) != 1:
        raise InputError(
            f"a perturbation is towards one class; give it as {parameter('unit', 3)} or by its name"
        )
    chosen = with_settings(PerturbationSettings(), settings)
    original = read_model_input(picture, request)
    margins = ClassMargins(request.model, device, threads)
    search = _Search(margins, request.context, original, max(request.units[0]), chosen)
    search.run(progress or ignore_progress)
    return search.result()


class _Search:
    """The nearest point found that has the wanted class."""

    def __init__(
        self,
        margins: ClassMargins,
        context: SynthesisContext,
        original: Array,
        unit: int,
        settings: PerturbationSettings,
    ) -> None:
        self.context, self.original = context, original
        self.margins, self.unit, self.settings = margins, unit, settings
        self.space = _space_of(original, context)
        self.start = self.space.from_input(original[np.newaxis])
        self.before = margins.scores(self.space.to_input(self.start))
        self.best: Canvas | None = None
        self.steps = 0
        if self.margin(self.before) > settings.margin:
            raise InputError(f"the picture has class {unit} already; choose another class")

    def margin(self, scores: Array) -> float:
        """By how much the wanted class is ahead of the next."""
        return float(scores[self.unit] - np.delete(scores, self.unit).max())

    def run(self, progress: Progress) -> None:
        """Search, until the steps are done, the slope ends, or it is interrupted."""
        canvas, scores = self.start, self.before
        with suppress(KeyboardInterrupt):
            while self.steps < self.settings.steps:
                self.steps += 1
                moved = self._next(canvas, scores)
                if moved is None:
                    return
                canvas, scores = moved, self.margins.scores(self.space.to_input(moved))
                progress(self.steps, self.settings.steps)
                if self.margin(scores) > self.settings.margin:
                    self._keep(self._shortened(canvas))
                    canvas = self.start + _BACK * (canvas - self.start)
                    scores = self.margins.scores(self.space.to_input(canvas))

    def _next(self, canvas: Canvas, scores: Array) -> Canvas | None:
        """A point on the boundary as it is estimated at a point; None where that is flat.

        Of its points a mean of the one nearest to where the search is and the one nearest to the
        start, the latter with the less weight the farther it is, and with none until the class is
        reached.
        """
        others = scores.copy()
        others[self.unit] = -np.inf
        other = int(others.argmax())
        by_input = self.margins.gradient(self.space.to_input(canvas), self.unit, other)
        gradient = self.space.gradient(by_input)
        size = float((gradient**2).sum())
        if size == 0 or not np.isfinite(size):
            return None
        rest = self._aim() - float(scores[self.unit] - scores[other])
        from_start = rest - float((gradient * (self.start - canvas)).sum())
        drawn = 0.0 if self.best is None else _TO_START
        share = min(abs(rest) / (abs(rest) + abs(from_start) or 1), drawn)
        here, there = (
            x + r / size * gradient for x, r in ((canvas, rest), (self.start, from_start))
        )
        return self.space.clipped((1 - share) * here + share * there)

    def _aim(self) -> float:
        """By how much a step aims to be ahead: beyond the boundary by less and less."""
        settings = self.settings
        left = 1 - (self.steps - 1) / settings.steps
        behind = settings.margin - self.margin(self.before)
        return settings.margin + settings.overshoot * left * behind

    def _keep(self, canvas: Canvas) -> None:
        if self.best is None or _l2(canvas - self.start) < _l2(self.best - self.start):
            self.best = canvas

    def _shortened(self, canvas: Canvas) -> Canvas:
        """The shortest part of a change that still gives the class, by bisection."""
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            part = (low + high) / 2
            if self._has_class(self.start + part * (canvas - self.start)):
                high = part
            else:
                low = part
        return self.start + high * (canvas - self.start)

    def _has_class(self, canvas: Canvas) -> bool:
        return self.margin(self.margins.scores(self.space.to_input(canvas))) > self.settings.margin

    def result(self) -> Perturbation:
        """What was found; the start where nothing was."""
        canvas = self.start if self.best is None else self.best
        x = self.space.to_input(canvas)
        scores = self.margins.scores(x)
        change = canvas - self.start
        recipe = self.space.recipe
        saved = None if recipe is None else self._saved(change)
        return Perturbation(
            context=self.context,
            was=int(self.before.argmax()),
            unit=self.unit,
            succeeded=self.best is not None,
            original=self.original,
            input=x[0],
            change=self.space.arranged(change)[0].astype(np.float32),
            norms=self._norms(change),
            before=self._probabilities(self.before),
            after=self._probabilities(scores),
            scores_before=self.before,
            scores_after=scores,
            picture=None if saved is None else self._picture(saved),
            picture_norms=None if saved is None else self._norms(saved - self.start),
            steps=self.steps,
        )

    def _saved(self, change: Canvas) -> Canvas | None:
        """What has the class when it is rounded to 256 grey levels: a change in the same direction,
        as little larger as it takes; None where that does not help."""
        if self.best is None:
            return None
        for factor in _GROWN:
            canvas = self.space.rounded(self.start + factor * change)
            if self._has_class(canvas):
                return canvas
        return None

    def _picture(self, canvas: Canvas) -> Pixels:
        picture = self.space.picture(self.space.to_input(canvas)[0])
        assert picture is not None
        return picture

    def _probabilities(self, scores: Array) -> Array | None:
        """Of classes that exclude each other, as a Softmax would give them."""
        chances = probabilities(scores[np.newaxis]) if self.margins.exclusive else None
        return None if chances is None else chances[0]

    def _norms(self, change: Canvas) -> Norms:
        """Of a change; a picture's own norm is that from black."""
        black = self.start + (0.5 if self.space.recipe is not None else 0.0)
        return Norms(_l2(change), float(np.abs(change).max()), _l2(change) / (_l2(black) or 1))


def _space_of(original: Array, context: SynthesisContext) -> Space:
    """The space of inputs of the size of one."""
    axes = context.axes.with_item(original.shape)
    if context.preprocessing is None:
        return Space(original.shape, None, axes)
    return space_of(axes, context.preprocessing, None, None)


_HALVINGS = 12
_BACK = 0.9
"""What is left of a change that has succeeded, for the search to go on from."""
_TO_START = 0.1
"""The greatest weight of the point that is nearest to the start, as in the paper."""
_GROWN = 1.05 ** np.arange(60)


def _l2(values: Canvas) -> float:
    return float(np.sqrt((values**2).sum()))
