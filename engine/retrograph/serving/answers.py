"""Attributions as answers: what `explain` gives, as JSON, arrays or a picture."""

from __future__ import annotations

import io
import json
from typing import Any, Final

import numpy as np

from retrograph.errors import spelled
from retrograph.output import npz_bytes
from retrograph.render import write_image
from retrograph.results.attribution import Attribution
from retrograph.results.base import json_text
from retrograph.results.notes import gather_notes
from retrograph.results.record import explained_dict
from retrograph.serving.questions import FORMATS, Ask
from retrograph.serving.spelling import in_service

RECORD: Final = "Retrograph-Record"
"""The header of an answer that is no JSON: what was explained, and what is to be known of it."""
_LONGEST: Final = 4000
"""The letters of that header; servers and proxies take some 8,000 of all."""


def is_quick(attribution: Attribution, format: str) -> bool:
    """Whether an answer is made in well under a millisecond."""
    return format == "npy" and _some_everywhere(attribution)


def answer(attribution: Attribution, ask: Ask) -> tuple[bytes, dict[str, str]]:
    """The body of an answer, and its headers.

    Raises:
        InputError: it cannot be drawn.
    """
    headers = {"content-type": FORMATS[ask.format]}
    if ask.format == "json":
        record = explained_dict(attribution.explanations, attribution.context, spelling=in_service)
        return json_text(record).encode(), headers
    headers[RECORD] = _header(attribution)
    if ask.format == "npz":
        return npz_bytes(attribution.arrays()), headers
    buffer = io.BytesIO()
    if ask.format == "npy":
        np.save(buffer, attribution.attribution, allow_pickle=False)
    else:
        write_image(attribution.page(ask.style), buffer, "PNG")
    return buffer.getvalue(), headers


def _some_everywhere(attribution: Attribution) -> bool:
    """Whether no input's attribution is 0 everywhere, for which the reason would be told."""
    values = attribution.attribution
    return bool(values.reshape(attribution.score.size, -1).any(axis=1).all())


def _header(attribution: Attribution) -> str:
    """What was explained, as JSON in ASCII, with as many notes as there is room for."""
    context = attribution.context
    known = context.preprocessing
    record: dict[str, Any] = {
        "layer": context.contract.alias,
        "unit": attribution.unit.tolist(),
        "score": attribution.score.tolist(),
        "preprocessing": None if known is None else f"{known.name} ({known.found})",
        "notes": [],
    }
    if len(json.dumps(record)) > _LONGEST:
        record |= {"unit": None, "score": None}
    for note in dict.fromkeys(_notes(attribution)):
        longer = record | {"notes": [*record["notes"], note]}
        if len(json.dumps(longer)) > _LONGEST:
            break
        record = longer
    return json.dumps(record)


def _notes(attribution: Attribution) -> list[str]:
    """What is to be known, the most pressing first."""
    context = attribution.context
    blanks: list[str] = []
    if not _some_everywhere(attribution):
        found = (blank for each in attribution.explanations for blank in each.blanks)
        blanks = [
            f"the attribution is 0 everywhere: {blank.reason}".rstrip(": ") for blank in found
        ]
    items = [item.note for item in attribution.items or () if item.note]
    graphs = map(str, gather_notes(context.contracts))
    texts = (*blanks, *context.warnings, *items, *context.notes, *graphs)
    return [spelled(text, in_service) for text in texts]
