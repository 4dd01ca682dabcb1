"""What a run gave: an explanation for each of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.pipeline.loader import Job
from retrograph.preprocess import InputAxes
from retrograph.results.attribution import Attribution
from retrograph.results.conservation import balances
from retrograph.results.explanation import Explanation
from retrograph.runtime import Array


def explanations(
    job: Job,
    found: Mapping[str, Attribution],
    contract: Contract,
    axes: InputAxes,
    nonfinite_weights: Callable[[str], str],
) -> list[Explanation]:
    """An explanation for each input of a job; one where the layer has no batch axis.

    Args:
        found: for each method what its graph gave.
        contract: what the graphs have in common.
        axes: of the explained input.
        nonfinite_weights: says which weights that a tensor is computed of are no numbers.

    Raises:
        InputError: an activation is no number, or the methods explain different units.
    """
    name = job.sources[0].item.name
    _check_finite(found, contract, name, nonfinite_weights)
    _check_units(found, name)
    if not axes.batched:
        found = {name: each.with_rows(axes) for name, each in found.items()}
    elif len(next(iter(found.values())).score) != len(job.feeds[contract.explained[0]]):
        return [_whole(job, found, contract.explained[0])]
    return [_row(job, found, row, many=contract.many) for row in range(len(job.sources))]


def _check_finite(
    found: Mapping[str, Attribution],
    contract: Contract,
    where: str,
    nonfinite_weights: Callable[[str], str],
) -> None:
    """Raises InputError where an activation or an attribution is infinite or no number."""
    lead = next(iter(found.values()))
    scores = np.asarray(lead.score, np.float64)
    broken = [
        method
        for method, each in found.items()
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
            "layer (see `retrograph layers`)"
        )
    raise InputError(f"{where}: {what}: {why}")


def _check_units(found: Mapping[str, Attribution], where: str) -> None:
    """Raises InputError where methods explain different units: their activations are too close."""
    (first, lead), *others = found.items()
    for name, each in others:
        if not np.array_equal(each.unit, lead.unit):
            raise InputError(
                f"{where}: the most active units are equal up to rounding, and {first} and {name} "
                "take different ones; choose one with --unit"
            )


def _row(job: Job, found: Mapping[str, Attribution], row: int, *, many: bool) -> Explanation:
    item, lead = job.sources[row].item, next(iter(found.values()))
    part = row if many else slice(row, row + 1)
    return Explanation(
        name=item.name,
        shown=item.shown,
        array=item.array,
        attributions={name: each.attribution[part] for name, each in found.items()},
        scores=lead.score[row].reshape(-1),
        units=lead.unit[row].reshape(-1, lead.unit.shape[-1]),
        classes=_class_scores(lead.outputs, row, len(lead.score)),
        balances=balances(found, row, job.feeds),
        note=item.note,
    )


def _whole(job: Job, found: Mapping[str, Attribution], explained: str) -> Explanation:
    """Of a layer whose units see all rows of the input."""
    lead = next(iter(found.values()))
    return Explanation(
        name=job.sources[0].item.name,
        shown=None,
        array=job.feeds[explained],
        attributions={name: each.attribution[np.newaxis] for name, each in found.items()},
        scores=lead.score.reshape(-1),
        units=lead.unit.reshape(-1, lead.unit.shape[-1]),
        classes=None,
        balances=balances(found, 0, job.feeds),
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
