"""The scores of a classifier's classes, and the gradient of the margin of one before another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.ir.compose.objectives import exposed
from retrograph.model import Model, runnable
from retrograph.runtime import Array, Session, suited


class ClassMargins:
    """A built graph that gives class scores and gradients of their differences.

    Args:
        model: the source model.
        device, threads: as in `Explainer`.

    Attributes:
        axes: what the axes of the input count.
        exclusive: whether an input has one class at a time.

    Raises:
        InputError: the model tells no classes apart, or takes more than one input.
        UnsupportedError: no gradient can be built.
        DeviceError: the device is not there.
    """

    def __init__(self, model: Model, device: str, threads: int | None) -> None:
        request = model.request(method="gradient", select="cotangent", device=suited(device))
        item = model.route_facts(request).item
        if len([d for d in item if d != 1]) != 1 or None in item:
            size = " x ".join("?" if d is None else str(d) for d in item)
            raise InputError(
                f"'{request.target}' ({size}) scores no classes, which are needed; give a "
                "classifier"
            )
        self._item = tuple(int(d or 1) for d in item)
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
        self._name, self._chooser = request.sources[0], contract.chooser or ""
        others = [s.name for s in session.inputs if s.name not in (self._name, self._chooser)]
        if others:
            raise InputError(f"the model takes {', '.join(others)} besides; give one of one input")
        self.axes = model.axes(self._name)
        weights = next(s for s in session.inputs if s.name == self._chooser)
        self._has_rows = len(weights.shape) > len(self._item)
        self._run = session.bound({}, (request.target, *contract.attributions)).run

    @property
    def classes(self) -> int:
        """How many there are."""
        return max(self._item)

    def scores(self, x: Array) -> Array:
        """[classes], of an input [1, *input]."""
        return self._scores_and_gradient(x, np.zeros(self.classes))[0]

    def gradient(self, x: Array, unit: int, other: int) -> Array:
        """The gradient [1, *input] of one class's score less another's."""
        weights = np.zeros(self.classes)
        weights[unit], weights[other] = 1, -1
        return self._scores_and_gradient(x, weights)[1]

    def _scores_and_gradient(self, x: Array, weights: Array) -> tuple[Array, Array]:
        rows = self.axes.fixed_batch or 1
        tiled = np.tile(weights.reshape(1, *self._item), (rows, *[1] * len(self._item)))
        inputs = self.axes.feed([x[0]] * rows)
        feeds = {self._name: inputs, self._chooser: tiled if self._has_rows else tiled[0]}
        scores, gradient = self._run(feeds)
        first = scores.reshape(rows, -1)[0]
        return first.astype(np.float64), self.axes.rows(gradient)[:1].astype(np.float64)
