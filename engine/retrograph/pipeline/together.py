"""Single inputs that are asked for apart, explained in one run where they can share it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.errors import InputError, RetrographError
from retrograph.inputs.loader import Batch, Input, batch_of
from retrograph.pipeline.batch import attribute_batches, read_batches, some_rows, told_by
from retrograph.pipeline.objective_session import ObjectiveSession
from retrograph.pipeline.session import ExplainSession
from retrograph.results.attribution import Attribution
from retrograph.results.rows import check_finite


@dataclass(frozen=True, eq=False)
class ReadInput:
    """What is to be explained, read, and the session that explains it.

    Attributes:
        session: of one method.
        batches: what it is run as.
    """

    session: ExplainSession
    batches: Sequence[Batch]

    @property
    def run_key(self) -> Hashable:
        """What inputs have in common that can share a run; None where it is run by itself."""
        session = self.session
        if isinstance(session, ObjectiveSession) or len(self.batches) != 1:
            return None
        (batch,), signature = self.batches, session.signature
        if len(signature.specs) > 1 or len(batch.items) != 1 or not signature.kind.axes.batched:
            return None
        if signature.batch == 1:
            return None
        return id(session.explainers), session.top, batch.items[0].array.shape

    @property
    def most_together(self) -> int:
        """How many can share a run."""
        return self.session.signature.batch

    def explain(self) -> Attribution:
        """Its attributions, from runs of its own.

        Raises:
            InputError: it cannot be explained.
        """
        return attribute_batches(self.session, self.batches, None)


def read_input(session: ExplainSession, x: Input) -> ReadInput:
    """One input, ready to run.

    Raises:
        InputError: it cannot be read, or does not fit the model.
    """
    return ReadInput(session, read_batches(session, x))


def explain_together(inputs: Sequence[ReadInput]) -> list[Attribution | RetrographError]:
    """The attributions of each input, or why it cannot be explained, in their order.

    Args:
        inputs: of one `run_key`, at most `most_together`; or a single one.
    """
    if len(inputs) == 1:
        return [_attempt(inputs[0].explain)]
    session = inputs[0].session
    batch = batch_of([each.batches[0].items[0] for each in inputs], session.signature)
    try:
        (run,) = session.attribute(batch, _units(inputs, batch)).values()
    except InputError:  # of one of them: alone each has its own answer
        return [_attempt(each.explain) for each in inputs]
    if len(run.score) != len(batch.feeds[session.context.contract.shown]):
        return [_attempt(each.explain) for each in inputs]
    return [_attempt(_part(each, run, row)) for row, each in enumerate(inputs)]


def _units(inputs: Sequence[ReadInput], batch: Batch) -> np.ndarray | None:
    """The units of a run's rows, [rows, r]; None for the most active ones."""
    indices = [each.session.choice.index for each in inputs]
    if indices[0] is None:
        return None
    rows = len(next(iter(batch.feeds.values())))
    units = np.array(indices, np.int64)
    return np.concatenate([units, units[-1:].repeat(rows - len(units), axis=0)])


def _part(each: ReadInput, run: Attribution, row: int) -> Callable[[], Attribution]:
    """What gives one input's attributions from a run of several."""

    def part() -> Attribution:
        session, attribution = each.session, some_rows(run, slice(row, row + 1))
        contract, name = session.context.contract, each.batches[0].items[0].name
        check_finite(
            {contract.method: attribution}, contract, name, session.blanks.nonfinite_weights
        )
        return told_by(session, each.batches, attribution)

    return part


def _attempt(explain: Callable[[], Attribution]) -> Attribution | RetrographError:
    try:
        return explain()
    except RetrographError as error:
        return error
