"""A session that first looks at the outputs for an input, and explains what it finds there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import ArrayLike

from retrograph.errors import InputError, UnsupportedError
from retrograph.explainer import Explainer
from retrograph.heads.fixed_shapes import frame_of
from retrograph.inputs.loader import Batch, batch_of
from retrograph.ir.compose.truncate import forward
from retrograph.model import runnable
from retrograph.pipeline.blanks import with_blanks
from retrograph.pipeline.finder import Finder
from retrograph.pipeline.session import ExplainSession
from retrograph.results.attribution import Attribution
from retrograph.results.explanation import Explanation
from retrograph.results.objective import Objective
from retrograph.results.rows import explanations
from retrograph.runtime import Array, Session

Explainers = Mapping[str, Explainer]


class ForwardPass:
    """Runs the tensors that a finder needs, made ready once for each size of the input.

    Several threads may use it.

    Args:
        device, threads: as in `Explainer`.
    """

    def __init__(self, device: str, threads: int | None) -> None:
        self._device, self._threads = device, threads
        self._sessions: dict[tuple[object, ...], Session] = {}
        self._lock = Lock()

    def run(
        self, finder: Finder, feeds: Mapping[str, Array], frame: tuple[int, int]
    ) -> dict[str, Array]:
        """The tensors of the finder for these inputs."""
        tensors = finder.tensors(frame)
        if not tensors:
            return {}
        key = (tensors, frame)
        with self._lock:
            if key not in self._sessions:
                with runnable(forward(finder.graph(frame), *tensors)) as (model, folder, needed):
                    made = Session(model, self._device, self._threads, folder, needed)
                self._sessions[key] = made
            session = self._sessions[key]
        names = {spec.name for spec in session.inputs}
        return session.run({name: feed for name, feed in feeds.items() if name in names})


class LayerExplainers:
    """The explainers of each method for a layer, made when they are asked for and kept.

    Several threads may use it.

    Args:
        make: makes them by the layer, by how its unit is chosen, and by whether for many.
    """

    def __init__(self, make: Callable[[str, str, bool], Explainers]) -> None:
        self._make, self._lock = make, Lock()
        self._made: dict[tuple[str, str, bool], Explainers | None] = {}

    def know(self, layer: str, select: str, explainers: Explainers) -> None:
        """Take those of a layer that are made already."""
        self._made[layer, select, False] = explainers

    def of(self, layer: str, select: str) -> Explainers:
        """Those of a layer."""
        with self._lock:
            if (layer, select, False) not in self._made:
                self._made[layer, select, False] = self._make(layer, select, False)
            explainers = self._made[layer, select, False]
        assert explainers is not None
        return explainers

    def for_many(self, layer: str, select: str) -> Explainers | None:
        """Those that explain several numbers of a layer at once; None where that is not possible.

        It is not where the batch axis does not lead all along the path.
        """
        with self._lock:
            if (layer, select, True) not in self._made:
                try:
                    self._made[layer, select, True] = self._make(layer, select, True)
                except (InputError, UnsupportedError):
                    self._made[layer, select, True] = None
            return self._made[layer, select, True]


@dataclass(frozen=True, eq=False, kw_only=True)
class ObjectiveSession(ExplainSession):
    """Explains boxes, regions or channels that are found in the outputs for each input.

    Attributes:
        finder: finds them.
        forward: runs what the finder needs.
        layers: gives the graphs of the layers whose numbers are explained.
    """

    finder: Finder
    forward: ForwardPass
    layers: LayerExplainers

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of how inputs are read, and how the outputs were understood."""
        return (*super().notes, *self.finder.notes)

    @property
    def question(self) -> str:
        """What is asked of every input, in words."""
        return self.finder.question

    @property
    def picture_question(self) -> str:
        """The same over a picture."""
        return self.question

    def explain(self, batch: Batch) -> list[Explanation]:
        """The explanations of a batch's inputs, which are run one by one.

        Raises:
            InputError: what is asked for is not found, or a graph cannot be run.
        """
        return [self.explain_one(batch, row)[0] for row in range(len(batch.items))]

    def attribute(self, batch: Batch, unit: ArrayLike | None = None) -> dict[str, Attribution]:
        """Not possible: what is explained differs from input to input."""
        raise InputError("what is explained is found in each input; use explain or explain_all")

    def explain_one(self, batch: Batch, row: int) -> tuple[Explanation, Attribution]:
        """The explanation of one input of a batch, and what the graphs gave for it.

        Returns:
            The explanation, and the attribution [1, *input], of several numbers [1, K, *input].

        Raises:
            InputError: what is asked for is not found, or a graph cannot be run.
        """
        single = self._single(batch, row)
        axes = self.context.kind.axes
        frame = frame_of(axes, single.items[0].array.shape) or (1, 1)
        values = self.forward.run(self.finder, single.feeds, frame)
        found = self.finder.find(values, frame)
        together = self._at_once(single, found.objectives)
        if together is not None:
            explanation, attribution = together
        else:
            parts = [self._explained(single, each) for each in found.objectives]
            explanation = _joined([part for part, _ in parts])
            attribution = _of_numbers([each for _, each in parts], several=self.finder.top > 1)
        classes = None if found.title else explanation.classes
        return replace(explanation, found=found, frame=frame, classes=classes), attribution

    def _single(self, batch: Batch, row: int) -> Batch:
        """The run of one input of a batch alone."""
        if len(batch.items) == 1:
            return batch
        if len(self.signature.specs) == 1:
            return batch_of([batch.items[row]], self.signature)
        count = len(batch.items)
        feeds = {
            name: value[row : row + 1] if np.ndim(value) and len(value) == count else value
            for name, value in batch.feeds.items()
        }
        return Batch([batch.items[row]], feeds)

    def _at_once(
        self, batch: Batch, objectives: Sequence[Objective]
    ) -> tuple[Explanation, Attribution] | None:
        """Several numbers of one layer in one run; None where that is not possible."""
        first = objectives[0]
        is_unit = first.weights is None
        if len(objectives) == 1 or any(
            (each.layer, each.weights is None) != (first.layer, is_unit) for each in objectives
        ):
            return None
        explainers = self.layers.for_many(first.layer, _select(first))
        if explainers is None:
            return None
        rank = len(next(iter(explainers.values())).contract.shape)
        units = [
            each.unit(rank) if each.weights is None else each.weights.reshape(each.shape[-rank:])
            for each in objectives
        ]
        return self._run(batch, explainers, np.repeat([units], self._rows(batch), axis=0))

    def _explained(self, batch: Batch, objective: Objective) -> tuple[Explanation, Attribution]:
        """One number."""
        explainers = self.layers.of(objective.layer, _select(objective))
        rank = len(next(iter(explainers.values())).contract.shape)
        if objective.weights is None:
            return self._run(batch, explainers, np.array(objective.unit(rank), np.int64))
        return self._run(batch, explainers, _for_rows(objective.weights, self._rows(batch)))

    def _rows(self, batch: Batch) -> int:
        """How many items a run has."""
        return len(batch.feeds[self.context.contract.shown])

    def _run(
        self, batch: Batch, explainers: Explainers, unit: Array
    ) -> tuple[Explanation, Attribution]:
        outputs = {title: each.attribute(batch.feeds, unit) for title, each in explainers.items()}
        contracts = {title: each.contract for title, each in explainers.items()}
        context = replace(self.context, contracts=contracts)
        weights = self.blanks.nonfinite_weights
        (explanation, *_) = explanations(batch.items, batch.feeds, outputs, context, weights)
        told = with_blanks(explanation, 0, batch.feeds, explainers, self.blanks)
        first = next(iter(outputs.values()))
        one = slice(0, 1)
        return told, replace(first, score=first.score[one], unit=first.unit[one])


def _select(objective: Objective) -> str:
    return "unit" if objective.weights is None else "cotangent"


def _for_rows(weights: Array, rows: int) -> Array:
    """The weights for each row of a batch of a fixed size."""
    return np.repeat(weights, rows, axis=0) if rows > 1 and len(weights) == 1 else weights


def _joined(parts: Sequence[Explanation]) -> Explanation:
    """The explanations of several numbers of one input as one."""
    first = parts[0]
    return replace(
        first,
        attributions={
            title: np.concatenate([part.attributions[title] for part in parts])
            for title in first.attributions
        },
        scores=np.concatenate([part.scores for part in parts]),
        units=_stacked([part.units for part in parts]),
        balances=tuple(replace(b, place=k) for k, part in enumerate(parts) for b in part.balances),
        blanks=tuple(replace(b, place=k) for k, part in enumerate(parts) for b in part.blanks),
    )


def _stacked(units: Sequence[Array]) -> Array:
    """Units [K, r] of layers of several ranks, the shorter ones after zeros."""
    rank = max(unit.shape[-1] for unit in units)
    wide = [np.pad(u, [(0, 0)] * (u.ndim - 1) + [(rank - u.shape[-1], 0)]) for u in units]
    return np.concatenate(wide)


def attribute_found(session: ObjectiveSession, batches: Sequence[Batch]) -> Attribution:
    """The attributions of all inputs of batches in one, [N, *input], of K numbers [N, K, *input].

    Args:
        session: of one method.
        batches: inputs of one size, all good.

    Raises:
        InputError: what is asked for is not found, or of several inputs not as often.
    """
    told: list[Explanation] = []
    rows: list[Attribution] = []
    for batch in batches:
        for row in range(len(batch.items)):
            explanation, attribution = session.explain_one(batch, row)
            told.append(explanation)
            rows.append(attribution)
    first = rows[0]
    if any(each.score.shape != first.score.shape for each in rows):
        raise InputError(
            "not as many boxes are found in each input; explain them one by one, or with "
            "explain_all"
        )
    return replace(
        first,
        attributions={
            name: np.concatenate([each.attributions[name] for each in rows])
            for name in first.attributions
        },
        score=np.concatenate([each.score for each in rows]),
        unit=_stacked([each.unit for each in rows]),
        outputs={
            name: np.concatenate([each.outputs[name] for each in rows])
            for name, value in first.outputs.items()
            if np.ndim(value)
        },
        feeds={name: np.concatenate([each.feeds[name] for each in rows]) for name in first.feeds},
        items=tuple(item for batch in batches for item in batch.items),
        make_context=lambda: told[0].context,
        told=tuple(told),
    )


def _of_numbers(parts: Sequence[Attribution], *, several: bool) -> Attribution:
    """The attributions of the numbers of one input, with an axis for them if there may be more."""
    first = parts[0]
    if not several:
        return first
    return replace(
        first,
        attributions={
            name: np.stack([part.attributions[name][0] for part in parts])[np.newaxis]
            for name in first.attributions
        },
        score=np.array([[part.score[0] for part in parts]]),
        unit=_stacked([part.unit for part in parts])[np.newaxis],
    )
