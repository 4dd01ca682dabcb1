"""What is climbed: the activation of the wanted units, and its gradient by the model's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from retrograph.backward import Request
from retrograph.blank import Asked, Blanks
from retrograph.contract import Contract
from retrograph.errors import InputError, command
from retrograph.ir.compose.objectives import (
    Objective,
    channel_means,
    exposed,
    half_squares,
    log_probabilities,
)
from retrograph.methods import GRADIENT
from retrograph.model import SCORES, Model, runnable
from retrograph.names import SCORE
from retrograph.runtime import Array, Bound, Session, suited
from retrograph.selector import Select
from retrograph.synthesis.ascent import Units

Measure = Literal["activation", "log-probability"]
Place = Literal["mean", "strongest"]
MEASURES: tuple[str, ...] = get_args(Measure)
PLACES: tuple[str, ...] = get_args(Place)


@dataclass(frozen=True)
class Goal:
    """What is to grow.

    Attributes:
        layer: as in `build`.
        units: for each input that is made a unit's index in an item of the layer, or a channel's
            number; without any, half the sum of squares of the whole layer grows.
        measure: the units' activation, or the logarithm of their softmax over the channels.
        place: of a channel the mean over its positions, or its strongest position.
        wrt: the input that is made; the first that the layer depends on if None.
    """

    layer: str | None = None
    units: Units = ()
    measure: Measure = "activation"
    place: Place = "mean"
    wrt: str | None = None


class Slope:
    """A built graph that gives activations and gradients, in one session for a whole ascent.

    Args:
        model: the source model.
        goal: what is to grow.
        device, threads: as in `Explainer`.

    Attributes:
        name: of the input that is made.
        axes: what the axes of that input count.
        item: the shape of an item of the layer.
        alias: the layer's alias.
        is_class: whether the layer's units are the classes.

    Raises:
        InputError: there is no such layer or unit, or the model takes more than one input.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """

    def __init__(
        self, model: Model, goal: Goal, *, device: str = "auto", threads: int | None = None
    ) -> None:
        request = model.request(
            method="gradient", layer=goal.layer, wrt=goal.wrt, device=suited(device)
        )
        request = replace(request, graph=request.graph.of_floats(), sources=request.sources[:1])
        facts = model.route_facts(request)
        self.item = facts.item
        self.alias = model.alias(request.target)
        self.is_class = self.alias == SCORES and sum(d != 1 for d in self.item) <= 1
        self._bound: tuple[object, Bound] | None = None
        _check_units(goal.units, self.item, self.alias, facts.channel_axis)
        self._scores = model.target(None)
        self._exclusive = model.scores.exclusive
        self._asked = Asked(
            target=request.target,
            sources=request.sources,
            method=GRADIENT,
            unit=(),
            rank=len(self.item),
            channel_axis=facts.channel_axis,
        )
        self._blanks = Blanks(model, threads, request.graph)
        grown = _grown(request, goal, self.item)
        grown = replace(grown, graph=exposed(grown.graph, self._scores))
        with runnable(model.build(grown)) as (graph, folder, needed):
            self._session = Session(graph, device, threads, folder, needed)
        contract = Contract.from_properties(self._session.metadata)
        assert contract is not None
        self._score, self._chooser = contract.called(SCORE), contract.chooser or ""
        (self._attribution,) = contract.attributions
        (self.name,) = request.sources
        self._check_only_input()
        self.axes = model.axes(self.name)

    def _check_only_input(self) -> None:
        own = [spec for spec in self._session.inputs if spec.name != self._chooser]
        others = [f"'{spec.name}' ({spec})" for spec in own if spec.name != self.name]
        if others:
            raise InputError(
                f"the model takes {', '.join(others)} besides '{self.name}', and only one input "
                "can be made; export it with the others as constants"
            )

    @property
    def device(self) -> str:
        """The device that runs the graph."""
        return self._session.device

    @property
    def batch(self) -> int | None:
        """How many inputs a run takes; None where it takes any number."""
        if not self.axes.batched:
            return 1
        leads = [spec.shape[0] for spec in self._session.inputs if spec.shape]
        return next((d for d in leads if isinstance(d, int) and d > 0), None)

    def __call__(self, x: Array, units: Sequence[tuple[int, ...]]) -> tuple[Array, Array]:
        """Activation [N] and gradient [N, *input] of one unit for each input [N, *input].

        Raises:
            InputError: the graph cannot be run, or gives no finite gradient.
        """
        rows = self.batch or len(x)
        key = (tuple(units), rows)
        if self._bound is None or self._bound[0] != key:
            fixed = {self._chooser: self._index(units, rows)}
            self._bound = key, self._session.bound(fixed, (self._score, self._attribution))
        score, gradient = self._bound[1].run({self.name: self._fed(x, rows)})
        gradient = self.axes.rows(gradient)
        if len(score) != rows:
            raise InputError(
                f"the batch is not the first axis of '{self.alias}', so its items cannot be told "
                f"apart; choose another layer (see {command('layers')})"
            )
        if not np.isfinite(gradient).all():
            weights = self._blanks.nonfinite_weights(self._asked.target)
            why = (
                f": {weights}"
                if weights
                else " here; start from another picture, take smaller steps, or run the model in "
                "float32"
            )
            raise InputError(f"the gradient of '{self.alias}' is not finite{why}")
        return score[: len(x)].astype(np.float64), gradient[: len(x)]

    def outcome(self, x: Array, units: Sequence[tuple[int, ...]]) -> Outcome:
        """What the model makes of inputs [N, *input], one for each unit."""
        rows = self.batch or len(x)
        feeds = {self.name: self._fed(x, rows), self._chooser: self._index(units, rows)}
        found = self._session.run(feeds)
        score = found[self._score][: len(x)].astype(np.float64)
        scores = found[self._scores]
        if rows == 1 and (scores.ndim < 2 or len(scores) != 1):
            scores = scores[np.newaxis]  # a batch of one has lost its axis
        chances = probabilities(scores[: len(x)]) if self._exclusive else None
        return Outcome(score, chances, found)

    def why(self, x: Array, unit: tuple[int, ...]) -> str:
        """Why an input [*input] has no gradient for a unit, in words; "" where none is found."""
        feeds = {self.name: self._fed(x[np.newaxis], self.batch or 1)}
        return self._blanks.why(replace(self._asked, unit=unit), feeds)

    def _fed(self, x: Array, rows: int) -> Array:
        """Inputs [N, *input] as the model takes so many, the last one repeated."""
        if not self.axes.batched:
            only: Array = x[0]
            return only
        return x if len(x) == rows else np.concatenate([x, x[-1:].repeat(rows - len(x), axis=0)])

    def _index(self, units: Sequence[tuple[int, ...]], rows: int) -> Array:
        given = list(units) or [(0,)]
        return np.array([*given, *given[-1:] * (rows - len(given))], np.int64)


@dataclass(frozen=True)
class Outcome:
    """What a model makes of N inputs.

    Attributes:
        activation: [N], of the units.
        probabilities: [N, classes], if the model tells classes apart.
        outputs: all the outputs, of a fixed batch all rows.
    """

    activation: Array
    probabilities: Array | None
    outputs: dict[str, Any]


def probabilities(scores: Array) -> Array | None:
    """The probabilities [N, classes] that scores are, or else their softmax.

    Scores have one axis longer than 1, besides the first.

    None where these are no scores of classes, or where they are from 0 to 1 and some row does not
    sum to 1: then each class stands on its own.
    """
    flat = scores.reshape(len(scores), -1).astype(np.float64)
    if scores.ndim < 2 or flat.shape[1] != max(scores.shape[1:]) or flat.shape[1] < 2:
        return None
    if (flat >= 0).all() and (flat <= 1).all():
        return flat if (np.abs(flat.sum(axis=1) - 1) < _ROUNDING).all() else None
    raised = np.exp(flat - flat.max(axis=1, keepdims=True))
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found


_ROUNDING = 0.01
"""How far the sum of probabilities may be from 1, in 16 bits too."""


def _grown(request: Request, goal: Goal, item: Sequence[int | None]) -> Request:
    """The request for what the goal measures, which may lie behind the layer."""
    kind: Select = "unit"
    makers: list[Objective] = []
    if not goal.units:
        makers.append(half_squares)
    elif goal.measure == "log-probability":
        makers.append(log_probabilities)
    if goal.units and len(goal.units[0]) < len(item):
        if goal.place == "mean":
            makers.append(channel_means)
        else:
            kind = "channel"
    graph, target = request.graph, request.target
    for maker in makers:
        graph, target = maker(graph, target)
    return replace(request, graph=graph, target=target, select=kind)


def _check_units(
    units: Sequence[tuple[int, ...]], item: Sequence[int | None], alias: str, channel_axis: int
) -> None:
    """Raises InputError where a unit is not in an item of the layer."""
    size = " x ".join("?" if d is None else str(d) for d in item)
    for unit in units:
        text = ",".join(map(str, unit))
        if len(unit) not in (1, len(item)) or len(unit) != len(units[0]):
            raise InputError(
                f"unit {text} has {len(unit)} numbers; a unit of '{alias}' ({size}) has "
                f"{len(item)}, a channel 1, and all are of one kind"
            )
        counts = item if len(unit) == len(item) else [item[channel_axis]]
        for place, count in zip(unit, counts, strict=True):
            if place < 0 or (count is not None and place >= count):
                raise InputError(
                    f"unit {text} is out of range: '{alias}' has {size} units; count from 0"
                )
