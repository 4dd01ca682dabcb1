"""What is said of an explained input, in lines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrograph.methods import METHODS, MapMethod
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.unit_names import class_name, split_unit
from retrograph.runtime import Array

_MOST_CLASSES = 5
_MOST_CLASSES_IN_CAPTION = 3
_MOST_PLAIN = 1e7
"""The magnitude from which on numbers have an exponent."""
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
        *([explained.found.title] if explained.found.title else []),
        *inner_lines(explained.context),
        *map(str, explained.balances),
        *_class_lines(explained),
        *([explained.note] if explained.note else []),
    ]


def _value_text(explained: ExplainedInput, k: int) -> str:
    """The number of unit k, behind what it is called."""
    objective, number = explained.objective(k), plain_number(float(explained.scores[k]))
    if objective is None:
        return f"activation {number}"
    return f"{objective.where if objective.names_value else 'value'} {number}"


def probability_text(explained: ExplainedInput, k: int) -> list[str]:
    """The probability of a class, where the model gives some; of scores their softmax."""
    context, shares = explained.context, class_shares(explained)
    if shares is None or not context.is_class or explained.objective(k) is not None:
        return []
    channel, _ = split_unit(explained.units[k], context.contract.channel_axis)
    if len(shares) <= channel:
        return []
    word = "probability" if are_probabilities(explained.classes) else "softmax"
    return [f"{word} {share_text(shares[channel])}"]


def class_shares(explained: ExplainedInput) -> NDArray[np.float64] | None:
    """How probable the model finds each class [C]: its scores where they are that, else by softmax.

    None where it scores no classes.
    """
    if explained.classes is None:
        return None
    values = explained.classes.astype(np.float64)
    if are_probabilities(explained.classes):
        return values
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())


def are_probabilities(scores: Array | None) -> bool:
    """Whether the scores of classes are not negative and sum to 1."""
    if scores is None:
        return False
    values = scores.astype(np.float64)
    return bool(values.min() >= 0 and abs(values.sum() - 1) < _SUM_TOLERANCE)


def plain_number(value: float, digits: int = 4) -> str:
    """A number in so many digits; below ten million without an exponent, as 52,220."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text and abs(value) < _MOST_PLAIN else text


def share_text(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.2g}"


def inner_lines(context: ExplainContext) -> list[str]:
    """A line where the attribution is that of an inner tensor."""
    contract = context.contract
    if not contract.inputs:
        return []
    place = f"by '{contract.explained[0]}', whose attribution is drawn where it lies in the input"
    methods = {each.method for each in context.contracts.values()}
    are_maps = all(isinstance(METHODS.get(method), MapMethod) for method in methods)
    return [place if are_maps else f"{place}, summed over its channels"]


def unit_lines(explained: ExplainedInput) -> list[str]:
    """A line for each explained unit, its layer and activation; and for maps of nothing but 0."""
    lines = [_unit_line(explained, k) for k in range(len(explained.units))]
    return [*lines, *_blank_lines(explained)]


def _unit_line(explained: ExplainedInput, k: int) -> str:
    objective, value = explained.objective(k), _value_text(explained, k)
    if objective is None:
        return " · ".join([explained.context.contract.alias, explained.unit_name(k), value])
    which = [] if objective.names_value else [objective.explained]
    return " · ".join([objective.name, *which, value])


def _blank_lines(explained: ExplainedInput) -> list[str]:
    """A line for the maps that are 0 everywhere for one reason."""
    several = len(explained.units) > 1
    alike: dict[tuple[str, str], list[str]] = {}
    for blank in explained.blanks:
        unit = explained.unit_name(blank.place) if several else ""
        alike.setdefault((unit and f" for {unit}", blank.reason), []).append(blank.method)
    return [
        f"0 everywhere{unit} by {', '.join(methods)}" + (f": {reason}" if reason else "")
        for (unit, reason), methods in alike.items()
    ]


def _class_lines(explained: ExplainedInput) -> list[str]:
    """A line of the three highest class scores of the model's own output."""
    records = class_records(explained)[:_MOST_CLASSES_IN_CAPTION]
    best = ", ".join(f"{record['name']} {plain_number(record['score'], 3)}" for record in records)
    return [f"model output: {best}"] if best else []


def class_records(explained: ExplainedInput, most: int = _MOST_CLASSES) -> list[dict[str, Any]]:
    """The highest class scores of the model's own output, for a program."""
    classes = explained.classes
    if classes is None:
        return []
    best = np.argsort(-classes, kind="stable")[:most]
    return [
        {
            "class": int(i),
            "name": class_name(int(i), explained.context.labels),
            "score": float(classes[i]),
        }
        for i in best
    ]
