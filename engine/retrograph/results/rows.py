"""What a run gave: an explanation for each of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from retrograph.contract import Contract
from retrograph.errors import InputError, command, parameter
from retrograph.preprocess import Item
from retrograph.results.conservation import balances
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.results.outputs import GraphOutputs
from retrograph.runtime import Array

Outputs = Mapping[str, GraphOutputs]
"""What each method's graph gave, by the methods' titles."""


def explanations(
    items: Sequence[Item],
    feeds: Mapping[str, Array],
    outputs: Outputs,
    context: ExplainContext,
    nonfinite_weights: Callable[[str], str] = lambda target: "",
) -> list[Explanation]:
    """An explanation for each input of a run; one for all where the layer has no batch axis.

    Args:
        items: the leading rows of the explained input.
        feeds: the model's inputs, as they were run.
        outputs: what the graphs of `context` gave.
        context: what is the same for all inputs.
        nonfinite_weights: says which weights that a tensor is computed of are no numbers.

    Raises:
        InputError: an activation or an attribution is no number, or the methods explain different
            units.
    """
    contract = context.contract
    check_finite(outputs, contract, items[0].name, nonfinite_weights)
    _check_units(outputs, items[0].name)
    if not context.kind.axes.batched:
        outputs = {title: each.with_rows(context.kind.axes) for title, each in outputs.items()}
    elif len(_lead(outputs).score) != len(feeds[contract.shown]):
        return [_joined(items[0].name, feeds, outputs, context)]
    return [_row(item, feeds, outputs, row, context) for row, item in enumerate(items)]


def _lead(outputs: Outputs) -> GraphOutputs:
    """The first method's, for what all have in common."""
    return next(iter(outputs.values()))


def check_finite(
    outputs: Outputs, contract: Contract, where: str, nonfinite_weights: Callable[[str], str]
) -> None:
    """Raises InputError where an activation or an attribution is infinite or no number.

    Args:
        outputs: of the graphs.
        contract: of the first of them.
        where: the input, for the message.
        nonfinite_weights: says which weights that a tensor is computed of are no numbers.
    """
    lead = _lead(outputs)
    scores = np.asarray(lead.score, np.float64)
    broken = [
        method
        for method, each in outputs.items()
        if not all(np.isfinite(a).all() for a in each.attributions.values())
    ]
    if not np.isfinite(scores).all():
        what = f"the activation of '{contract.alias}' is {scores[~np.isfinite(scores)][0]:g}"
    elif broken:
        what = f"the attribution by {', '.join(broken)} has NaN or infinite values"
    else:
        return
    weights = nonfinite_weights(contract.target)
    if weights:
        why = weights
    elif contract.precision == "float16":
        why = "numbers beyond 65504, the largest of float16, came up on the way; run in float32"
    elif lead.score.dtype == np.float16:
        why = (
            "the model computes in float16, and numbers beyond 65504, its largest, came up; check "
            "the preprocessing, or export the model in float32"
        )
    else:
        why = (
            "a number on the way is out of range (float16 ends at 65504), or a quotient, root or "
            "logarithm has no value for this input; check the preprocessing, or choose another "
            f"layer (see {command('layers')})"
        )
    raise InputError(f"{where}: {what}: {why}")


def _check_units(outputs: Outputs, where: str) -> None:
    """Raises InputError where methods explain different units: their activations are too close."""
    (first, lead), *others = outputs.items()
    for name, each in others:
        if not np.array_equal(each.unit, lead.unit):
            raise InputError(
                f"{where}: the most active units are equal up to rounding, and {first} and {name} "
                f"take different ones; choose one with {parameter('unit')}"
            )


def _row(
    item: Item, feeds: Mapping[str, Array], outputs: Outputs, row: int, context: ExplainContext
) -> Explanation:
    lead = _lead(outputs)
    part = row if context.contract.many else slice(row, row + 1)
    return Explanation(
        context=context,
        name=item.name,
        shown=item.shown,
        array=item.array,
        attributions={title: each.attribution[part] for title, each in outputs.items()},
        scores=lead.score[row].reshape(-1),
        units=lead.unit[row].reshape(-1, lead.unit.shape[-1]),
        classes=_class_scores(lead.outputs, row, len(lead.score)),
        balances=balances(outputs, context.contracts, row, feeds),
        note=item.note,
        sample_rate=item.sample_rate,
    )


def _joined(
    name: str, feeds: Mapping[str, Array], outputs: Outputs, context: ExplainContext
) -> Explanation:
    """Of a layer whose units see all rows of the input."""
    lead = _lead(outputs)
    return Explanation(
        context=context,
        name=name,
        shown=None,
        array=feeds[context.contract.shown],
        attributions={title: each.attribution[np.newaxis] for title, each in outputs.items()},
        scores=lead.score.reshape(-1),
        units=lead.unit.reshape(-1, lead.unit.shape[-1]),
        classes=None,
        balances=balances(outputs, context.contracts, 0, feeds),
        rows_joined=True,
    )


def _class_scores(outputs: Mapping[str, Any], row: int, rows: int) -> Array | None:
    """The class scores [classes] of an item, if the first floating-point output has them.

    The output of a batch of one may have no batch axis.
    """
    for value in outputs.values():
        if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
            led = value.ndim > 1 and len(value) == rows
            if not value.ndim or not (led or rows == 1):
                return None
            item = value[row] if led else value
            scores: Array = item.reshape(-1).astype(np.float32)
            return scores if 1 < scores.size == max(item.shape) else None
    return None
