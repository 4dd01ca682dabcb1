"""What is said of an explained input, in lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from retrograph.methods import METHODS
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.unit_names import class_name, split_unit

_MOST_CLASSES = 5
_MOST_CLASSES_IN_CAPTION = 3
_SUM_TOLERANCE = 0.01
"""How far from 1 probabilities may sum, in float16 and quantised models."""


def parameter_lines(context: ExplainContext) -> list[str]:
    """What differs from the methods' defaults; for those with the same parameters, once."""
    lines: dict[str, list[str]] = {}
    for title, contract in context.contracts.items():
        usual = METHODS[contract.method].parameters if contract.method in METHODS else {}
        text = ", ".join(f"{k}={v}" for k, v in contract.parameters.items() if v != usual.get(k))
        if text and title == contract.method:  # another title says them
            lines.setdefault(text, []).append(title)
    return [f"{', '.join(titles)}: {text}" for text, titles in lines.items()]


def printed_lines(explained: ExplainedInput) -> list[str]:
    """Everything that is printed of an input."""
    return [
        *unit_lines(explained),
        *_inner_lines(explained.context),
        *map(str, explained.balances),
        *_class_lines(explained),
        *([explained.note] if explained.note else []),
    ]


def picture_lines(explained: ExplainedInput) -> list[str]:
    """What is said of an input under its picture, the most important first."""
    alias, count = explained.context.contract.alias, len(explained.units)
    if count == 1:
        unit = explained.context.unit(explained.units[0])
        *probability, activation = unit_measures(explained, 0)
        head = [" · ".join([unit, *probability]), f"{alias} · {activation}"]
    else:
        head = [f"{count} units of {alias}"]
    return [
        *head,
        *_blank_lines(explained),
        *map(str, explained.balances),
        *_class_lines(explained),
        *([explained.note] if explained.note else []),
    ]


def picture_notes(context: ExplainContext) -> list[str]:
    """The small print of every picture: parameters that are not the usual ones, and the device."""
    return [*_inner_lines(context), *context.notes, *parameter_lines(context)]


def unit_measures(explained: ExplainedInput, k: int) -> list[str]:
    """The numbers of unit k: of a class how probable the model finds it, and the activation."""
    return [*_probability(explained, k), f"activation {explained.scores[k]:.4g}"]


def _probability(explained: ExplainedInput, k: int) -> list[str]:
    """The probability of a class, where the model gives some; of scores their softmax."""
    scores, context = explained.classes, explained.context
    if scores is None or not context.is_class:
        return []
    channel, _ = split_unit(explained.units[k], context.contract.channel_axis)
    if len(scores) <= channel:
        return []
    values = scores.astype(np.float64)
    if values.min() >= 0 and abs(values.sum() - 1) < _SUM_TOLERANCE:
        return [f"probability {_share(values[channel])}"]
    powers = np.exp(values - values.max())
    return [f"softmax {_share(powers[channel] / powers.sum())}"]


def _share(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.2g}"


def _inner_lines(context: ExplainContext) -> list[str]:
    """A line where the attribution is that of an inner tensor."""
    contract = context.contract
    if not contract.inputs:
        return []
    return [
        f"by '{contract.explained[0]}', whose attribution is drawn where it lies in the input, "
        "summed over its channels"
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
