"""What is said of an explained input, in lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from retrograph.methods import METHODS
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.unit_names import class_name

_MOST_CLASSES = 5
_MOST_CLASSES_IN_CAPTION = 3


def parameter_lines(context: ExplainContext) -> list[str]:
    """What differs from the methods' defaults; for those with the same parameters, once."""
    lines: dict[str, list[str]] = {}
    for title, contract in context.contracts.items():
        usual = METHODS[contract.method].parameters if contract.method in METHODS else {}
        text = ", ".join(f"{k}={v}" for k, v in contract.parameters.items() if v != usual.get(k))
        if text and title == contract.method:  # another title says them
            lines.setdefault(text, []).append(title)
    return [f"{', '.join(titles)}: {text}" for text, titles in lines.items()]


def caption_lines(explained: ExplainedInput) -> list[str]:
    """Everything that is said of an input under its picture."""
    return [
        *unit_lines(explained),
        *map(str, explained.balances),
        *_class_lines(explained),
        *([explained.note] if explained.note else []),
    ]


def unit_lines(explained: ExplainedInput) -> list[str]:
    """A line for each explained unit, its layer and activation; and for maps of nothing but 0."""
    context = explained.context
    lines = [
        f"{context.contract.alias} · {context.unit(unit)} · activation {score:.4g}"
        for unit, score in zip(explained.units, explained.scores, strict=True)
    ]
    return [*lines, *_blank_lines(explained)]


def _blank_lines(explained: ExplainedInput) -> list[str]:
    """A line for the maps that are 0 everywhere for one reason."""
    several = len(explained.units) > 1
    alike: dict[tuple[str, str], list[str]] = {}
    for blank in explained.blanks:
        unit = explained.context.unit(explained.units[blank.place]) if several else ""
        alike.setdefault((unit and f" for {unit}", blank.reason), []).append(blank.method)
    return [
        f"0 everywhere{unit} by {', '.join(methods)}" + (f": {reason}" if reason else "")
        for (unit, reason), methods in alike.items()
    ]


def _class_lines(explained: ExplainedInput) -> list[str]:
    """A line of the three highest class scores of the model's own output."""
    records = class_records(explained)[:_MOST_CLASSES_IN_CAPTION]
    best = ", ".join(f"{record['name']} {record['score']:.3g}" for record in records)
    return [f"model output: {best}"] if best else []


def class_records(explained: ExplainedInput) -> list[dict[str, Any]]:
    """The highest class scores of the model's own output, for a program."""
    classes = explained.classes
    if classes is None:
        return []
    best = np.argsort(-classes, kind="stable")[:_MOST_CLASSES]
    return [
        {
            "class": int(i),
            "name": class_name(int(i), explained.context.labels),
            "score": float(classes[i]),
        }
        for i in best
    ]
