"""The smallest change of a picture that turns its class into another.

Each step takes the model for linear where it stands and goes to the boundary that it would then
have, drawn to the original picture, so that the change does not grow with the number of steps:
Croce, Hein: Minimally distorted adversarial examples with a fast adaptive boundary attack, 2020,
after Moosavi-Dezfooli, Fawzi, Frossard: DeepFool, 2016. What is found is shortened by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.ir.compose.objectives import exposed
from retrograph.model import Model, Source, runnable
from retrograph.preprocess import Preprocessing
from retrograph.preprocess.picture import Pixels
from retrograph.preprocess.recipe import describe
from retrograph.runtime import Array, Session, suited
from retrograph.synthesis.pictures import recipe_of
from retrograph.synthesis.slope import probabilities
from retrograph.synthesis.space import Canvas, Space, space_of


@dataclass(frozen=True)
class Norms:
    """How large a change is, on a picture's scale from 0 (black) to 1 (white).

    What is no picture is measured as it is.

    Attributes:
        l2: the square root of the sum of squares.
        linf: the greatest change of a number.
        relative: l2 by that of the picture itself.
    """

    l2: float
    linf: float
    relative: float


@dataclass(frozen=True)
class Fooled:
    """A picture that was changed.

    Attributes:
        was: its class before.
        unit: the wanted class.
        found: whether the model now gives it that.
        input: what the model takes, without the batch axis.
        change: the change, on a picture's scale, in the input's layout.
        norms: of the change.
        before, after: the probabilities [classes]; None where the scores are none.
        scores_before, scores_after: [classes], the class scores.
        picture: the changed input with 256 grey levels, uint8 [H, W, 3], the change as much larger
            as it takes to keep the class; None where there is none.
        picture_norms: of the change of that.
        steps: how many steps were done.
    """

    was: int
    unit: int
    found: bool
    input: Array
    change: Array
    norms: Norms
    before: Array | None
    after: Array | None
    scores_before: Array
    scores_after: Array
    picture: Pixels | None
    picture_norms: Norms | None
    steps: int


Watch = Callable[[int, float], None]
"""Told of each step: its number, and by how much the wanted class is ahead of the next."""


@dataclass(frozen=True)
class FoolSettings:
    """How a change is searched for.

    Attributes:
        steps: the most that are done.
        ahead: by how much, in units of the scores, the wanted class is to be ahead of the next.
        overshoot: by how much the first step aims beyond the boundary, and each later one by less,
            as a share of by how much the wanted class is behind at the start.
    """

    steps: int = 50
    ahead: float = 0.0
    overshoot: float = 0.05


def fool(
    model: Source,
    picture: Array,
    unit: int,
    *,
    preprocessing: Preprocessing | str | None = None,
    settings: FoolSettings | None = None,
    device: str = "auto",
    threads: int | None = None,
    watch: Watch | None = None,
) -> Fooled:
    """A picture with the smallest change found that gives it a wanted class, by its L2 norm.

    The change keeps to the values that a picture may have. An interrupt (Ctrl-C) ends the search,
    and the best that was found is given back.

    Args:
        model: a source model that scores classes.
        picture: an input [*input].
        unit: the wanted class.
        preprocessing: how a picture becomes the input, as in `maximize`.
        settings: how it is searched for.
        device, threads: as in `Explainer`.
        watch: told of every step.

    Raises:
        InputError: the model tells no classes apart, there is no such class, or the picture has
            it already.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """
    source = model if isinstance(model, Model) else Model(model)
    margins = _Margins(source, device, threads)
    recipe = recipe_of(source, margins.name, preprocessing)
    item = np.asarray(picture)
    if item.ndim != len(margins.axes.item):
        raise InputError(
            f"the picture has the shape {list(item.shape)} and the model takes "
            f"{describe(margins.axes.item)}; give one without the batch axis"
        )
    axes = margins.axes.with_item(item.shape)
    is_picture = recipe is not None
    space = space_of(axes, recipe, None, None) if is_picture else Space(item.shape, None, axes)
    start = space.from_input(item[np.newaxis])
    if not 0 <= unit < margins.classes:
        raise InputError(
            f"class {unit} is out of range: the model has {margins.classes} classes; count from 0"
        )
    search = _Search(margins, space, start, unit, settings or FoolSettings())
    if search.ahead(search.before) > search.settings.ahead:
        raise InputError(f"the picture has class {unit} already; choose another class")
    search.run(watch or (lambda step, ahead: None))
    return search.result()


class _Margins:
    """The scores of classes, and the gradient of the difference of two."""

    def __init__(self, model: Model, device: str, threads: int | None) -> None:
        request = model.request(method="gradient", select="cotangent", device=suited(device))
        item = model.check(request).item
        if len([d for d in item if d != 1]) != 1 or None in item:
            size = " x ".join("?" if d is None else str(d) for d in item)
            raise InputError(
                f"'{request.target}' ({size}) scores no classes, which are needed; give a "
                "classifier"
            )
        self.item = tuple(int(d or 1) for d in item)
        self.exclusive = model.scores.exclusive
        request = replace(
            request,
            graph=exposed(request.graph.of_floats(), request.target),
            sources=request.sources[:1],
        )
        with runnable(model.build(request)) as (graph, folder, needed):
            session = Session(graph, device, threads, folder, needed)
        contract = Contract.from_properties(session.metadata)
        assert contract is not None
        self.name, self._chooser = request.sources[0], contract.chooser or ""
        others = [s.name for s in session.inputs if s.name not in (self.name, self._chooser)]
        if others:
            raise InputError(f"the model takes {', '.join(others)} besides; give one of one input")
        self.axes = model.axes(self.name)
        self.batch = self.axes.fixed_batch or 1
        weighted = next(s for s in session.inputs if s.name == self._chooser)
        self._has_rows = len(weighted.shape) > len(self.item)
        self._run = session.bound({}, (request.target, *contract.attributions)).run

    @property
    def classes(self) -> int:
        """How many there are."""
        return max(self.item)

    def scores(self, x: Array) -> Array:
        """[classes], of an input [1, *input]."""
        return self._both(x, np.zeros(self.classes))[0]

    def slope(self, x: Array, unit: int, other: int) -> tuple[Array, Array]:
        """The scores, and the gradient [1, *input] of the one's less the other's."""
        weights = np.zeros(self.classes)
        weights[unit], weights[other] = 1, -1
        return self._both(x, weights)

    def _both(self, x: Array, weights: Array) -> tuple[Array, Array]:
        rows = self.batch
        tiled = np.tile(weights.reshape(1, *self.item), (rows, *[1] * len(self.item)))
        fed = self.axes.feed([x[0]] * rows)
        feeds = {self.name: fed, self._chooser: tiled if self._has_rows else tiled[0]}
        scores, gradient = self._run(feeds)
        first = scores.reshape(rows, -1)[0]
        return first.astype(np.float64), self.axes.rows(gradient)[:1].astype(np.float64)


class _Search:
    """The nearest point found that has the wanted class."""

    def __init__(
        self,
        margins: _Margins,
        space: Space,
        start: Canvas,
        unit: int,
        settings: FoolSettings,
    ) -> None:
        self.margins, self.space, self.start = margins, space, start
        self.unit, self.settings = unit, settings
        self.before = margins.scores(space.to_input(start))
        self.best: Canvas | None = None
        self.steps = 0

    def ahead(self, scores: Array) -> float:
        """By how much the wanted class is ahead of the next."""
        return float(scores[self.unit] - np.delete(scores, self.unit).max())

    def run(self, watch: Watch) -> None:
        """Search, until the steps are done, the slope ends, or it is interrupted."""
        canvas, scores = self.start, self.before
        with suppress(KeyboardInterrupt):
            while self.steps < self.settings.steps:
                self.steps += 1
                moved = self._next(canvas, scores)
                if moved is None:
                    return
                canvas, scores = moved, self.margins.scores(self.space.to_input(moved))
                watch(self.steps, self.ahead(scores))
                if self.ahead(scores) > self.settings.ahead:
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
        _, by_input = self.margins.slope(self.space.to_input(canvas), self.unit, other)
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
        behind = settings.ahead - self.ahead(self.before)
        return settings.ahead + settings.overshoot * left * behind

    def _keep(self, canvas: Canvas) -> None:
        if self.best is None or _l2(canvas - self.start) < _l2(self.best - self.start):
            self.best = canvas

    def _shortened(self, canvas: Canvas) -> Canvas:
        """The shortest part of a change that still gives the class, by bisection."""
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            part = (low + high) / 2
            if self._fools(self.start + part * (canvas - self.start)):
                high = part
            else:
                low = part
        return self.start + high * (canvas - self.start)

    def _fools(self, canvas: Canvas) -> bool:
        return self.ahead(self.margins.scores(self.space.to_input(canvas))) > self.settings.ahead

    def result(self) -> Fooled:
        """What was found; the start where nothing was."""
        canvas = self.start if self.best is None else self.best
        x = self.space.to_input(canvas)
        scores = self.margins.scores(x)
        change = canvas - self.start
        recipe = self.space.recipe
        saved = None if recipe is None else self._saved(change)
        return Fooled(
            was=int(self.before.argmax()),
            unit=self.unit,
            found=self.best is not None,
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
            if self._fools(canvas):
                return canvas
        return None

    def _picture(self, canvas: Canvas) -> Pixels:
        picture = self.space.picture(self.space.to_input(canvas)[0])
        assert picture is not None
        return picture

    def _probabilities(self, scores: Array) -> Array | None:
        """Of classes that exclude each other, as a Softmax would give them."""
        found = probabilities(scores[np.newaxis]) if self.margins.exclusive else None
        return None if found is None else found[0]

    def _norms(self, change: Canvas) -> Norms:
        """Of a change; a picture's own norm is that from black."""
        black = self.start + (0.5 if self.space.recipe is not None else 0.0)
        return Norms(_l2(change), float(np.abs(change).max()), _l2(change) / (_l2(black) or 1))


_HALVINGS = 12
_BACK = 0.9
"""What is left of a change that has succeeded, for the search to go on from."""
_TO_START = 0.1
"""The greatest weight of the point that is nearest to the start, as in the paper."""
_GROWN = 1.05 ** np.arange(60)


def _l2(values: Canvas) -> float:
    return float(np.sqrt((values**2).sum()))
