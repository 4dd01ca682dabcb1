"""One batch of inputs explained by one method: the runs that the model takes, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.inputs.loader import Batch, Input, as_list
from retrograph.pipeline.blanks import with_blanks
from retrograph.pipeline.objective_session import ObjectiveSession, attribute_found
from retrograph.pipeline.session import ExplainSession
from retrograph.pipeline.units import parse_unit
from retrograph.preprocess import Item
from retrograph.results.attribution import Attribution, FindBlanks
from retrograph.results.explanation import Explanation
from retrograph.results.rows import check_finite
from retrograph.runtime import Array


def attribute_batch(
    session: ExplainSession, x: Input | Sequence[Input], units: Sequence[tuple[int, ...]] | None
) -> Attribution:
    """The attributions of all inputs in one.

    Args:
        session: of one method.
        x: the inputs, of one size.
        units: one for each input; that of the session for all if None.

    Raises:
        InputError: an input cannot be read or explained, or they cannot be put together.
    """
    return attribute_batches(session, read_batches(session, x), units)


def read_batches(session: ExplainSession, x: Input | Sequence[Input]) -> list[Batch]:
    """What inputs are run as, read and of one size.

    Raises:
        InputError: an input cannot be read, or they cannot be put together.
    """
    batches = [_good(batch) for batch in session.batches(as_list(x))]
    if not batches:
        raise InputError("there is no input; give at least one")
    _check_alike(session, batches)
    return batches


def attribute_batches(
    session: ExplainSession, batches: Sequence[Batch], units: Sequence[tuple[int, ...]] | None
) -> Attribution:
    """The attributions of all inputs in one.

    Args:
        session: of one method.
        batches: of `read_batches`.
        units: as in `attribute_batch`.

    Raises:
        InputError: an input cannot be explained.
    """
    if isinstance(session, ObjectiveSession):
        return attribute_found(session, batches)
    runs = [
        _run(session, batch, rows)
        for batch, rows in zip(batches, _parts(session, batches, units), strict=True)
    ]
    return told_by(session, batches, runs[0] if len(runs) == 1 else _together(runs))


def told_by(
    session: ExplainSession, batches: Sequence[Batch], attribution: Attribution
) -> Attribution:
    """The attributions of batches with all that the session knows of them."""
    items = tuple(_noted(item, session.input_notes) for batch in batches for item in batch.items)
    return replace(
        attribution,
        items=items,
        make_context=lambda: session.context,
        find_blanks=_blanks_finder(session, batches),
    )


def _noted(item: Item, notes: Sequence[str]) -> Item:
    """The input, with what is to be known of all of them."""
    return replace(item, note="; ".join(filter(None, (item.note, *notes))))


def _good(batch: Batch) -> Batch:
    for bad in batch.bad:
        raise bad.error
    return batch


def _check_alike(session: ExplainSession, batches: Sequence[Batch]) -> None:
    """Raises InputError where the inputs cannot be put together in one array."""
    if len(batches) == 1:
        return
    name = session.signature.explained.name
    first, *others = (batch.feeds[name].shape[1:] for batch in batches)
    if any(shape != first for shape in others) or not session.context.kind.axes.batched:
        raise InputError(
            "the inputs are of several sizes, or the model takes one without a batch axis; explain "
            "them one by one, or with explain_all"
        )


def _parts(
    session: ExplainSession, batches: Sequence[Batch], units: Sequence[tuple[int, ...]] | None
) -> list[Array | None]:
    """The units of each batch's inputs, [rows, r], with one for each input that fills a batch."""
    if units is None:
        return [None] * len(batches)
    counts = [len(batch.items) for batch in batches]
    if len(units) != sum(counts):
        raise InputError(
            f"{parameter('unit')} has {len(units)} rows for {sum(counts)} inputs; give one for "
            "each, or one for all"
        )
    c = session.context.contract
    choices = [parse_unit(each, c.shape, (), c.alias, c.channel_axis) for each in units]
    indices = np.array([choice.index for choice in choices], np.int64)
    parts: list[Array | None] = []
    for batch, part in zip(batches, np.split(indices, np.cumsum(counts)[:-1]), strict=True):
        filling = len(next(iter(batch.feeds.values()))) - len(part)
        parts.append(np.concatenate([part, part[-1:].repeat(max(0, filling), axis=0)]))
    return parts


def _run(session: ExplainSession, batch: Batch, units: Array | None) -> Attribution:
    """A batch's attributions, without those of what only filled its batch."""
    outputs = session.attribute(batch, units)
    check_finite(
        outputs,
        session.context.contract,
        batch.items[0].name,
        session.blanks.nonfinite_weights,
    )
    (attribution,) = outputs.values()
    rows, count = len(attribution.score), len(batch.items)
    return attribution if rows <= count else some_rows(attribution, slice(count))


def some_rows(attribution: Attribution, rows: slice) -> Attribution:
    """The attributions of some inputs of a run that has a row for each."""
    count, biases = len(attribution.score), attribution.bias_relevance
    return replace(
        attribution,
        attributions={name: a[rows] for name, a in attribution.attributions.items()},
        score=attribution.score[rows],
        unit=attribution.unit[rows],
        outputs=_rows_of(attribution.outputs, rows, count),
        bias_relevance=None if biases is None else biases[rows],
        feeds=_rows_of(attribution.feeds, rows, count),
    )


def _rows_of(values: Mapping[str, Array], rows: slice, count: int) -> dict[str, Array]:
    """Some rows of what has one for each of so many inputs."""
    return {
        name: value[rows] if np.ndim(value) and len(value) == count else value
        for name, value in values.items()
    }


def _together(runs: Sequence[Attribution]) -> Attribution:
    """Several runs as one."""
    if any(len(run.score) != len(next(iter(run.feeds.values()))) for run in runs):
        raise InputError(
            "the units of the layer see all inputs of a batch, and there are several batches; "
            "explain them one by one, or with explain_all"
        )
    biases = [run.bias_relevance for run in runs if run.bias_relevance is not None]
    return replace(
        runs[0],
        attributions=_joined([run.attributions for run in runs]),
        score=np.concatenate([run.score for run in runs]),
        unit=np.concatenate([run.unit for run in runs]),
        outputs=_joined([run.outputs for run in runs]),
        bias_relevance=np.concatenate(biases) if biases else None,
        feeds=_joined([run.feeds for run in runs]),
    )


def _joined(values: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([each[name] for each in values]) for name in values[0]}


def _blanks_finder(session: ExplainSession, batches: Sequence[Batch]) -> FindBlanks:
    """What tells of an explanation and its number why it is 0 everywhere, where it is."""
    places = [(batch, row) for batch in batches for row in range(len(batch.items))]

    def find(explanation: Explanation, number: int) -> Explanation:
        batch, row = places[number]
        return with_blanks(explanation, row, batch.feeds, session.explainers, session.blanks)

    return find
