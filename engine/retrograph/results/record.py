"""What is explained, as records for a program: one schema for all that explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retrograph.errors import Spelling, in_python, spelled
from retrograph.results.caption import class_records
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.notes import gather_notes


def explained_dict(
    inputs: Sequence[ExplainedInput],
    context: ExplainContext,
    notes: Sequence[str] = (),
    spelling: Spelling = in_python,
    **more: Any,
) -> dict[str, Any]:
    """What was explained and how.

    Args:
        inputs: their arrays are not needed.
        context: what is the same for all.
        notes: what is to be known besides the notes of the graphs.
        spelling: of the parameters in notes and reasons.
        more: entries under their names.

    Returns:
        methods, layer, wrt, tensor, device, parameters, preprocessing, what `more` holds, notes and
        explained, a list of input, file, note, units and classes.
    """
    contract = context.contract
    head: dict[str, Any] = {"methods": [*context.methods], "layer": contract.alias}
    head |= {"wrt": [*contract.explained]}
    head |= {"tensor": contract.target, "device": context.device, "parameters": context.parameters}
    known = context.preprocessing
    head["preprocessing"] = None if known is None else known.to_dict(context.labels, spelling)
    texts = [*map(str, gather_notes(context.contracts)), *context.notes, *notes]
    return {
        **head,
        **more,
        "notes": [spelled(text, spelling) for text in texts],
        "explained": [_record(each, spelling) for each in inputs],
    }


def _record(explained: ExplainedInput, spelling: Spelling) -> dict[str, Any]:
    return {
        "input": explained.name,
        "file": explained.file,
        "note": spelled(explained.note, spelling),
        "units": [
            {
                "unit": [int(i) for i in unit],
                "name": explained.unit_name(k),
                "activation": float(score),
                "relevance": {b.method: b.record() for b in explained.balances if b.place == k},
                "blank": {
                    b.method: spelled(b.reason, spelling) for b in explained.blanks if b.place == k
                },
                **_objective_record(explained, k),
            }
            for k, (unit, score) in enumerate(zip(explained.units, explained.scores, strict=True))
        ],
        "classes": class_records(explained),
        **explained.found.records,
    }


def _objective_record(explained: ExplainedInput, k: int) -> dict[str, Any]:
    """What was found that unit k stands for: its layer and what it is; {} for a plain unit."""
    objective = explained.objective(k)
    if objective is None:
        return {}
    return {"layer": objective.layer, "explained": objective.explained, **objective.record}
