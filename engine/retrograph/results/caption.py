"""What is said of an explained input, in lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from retrograph.errors import facts, spelled
from retrograph.methods import METHODS, MapMethod
from retrograph.render import DESCRIPTION
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.notes import gather_notes
from retrograph.results.seen import seen_span
from retrograph.results.unit_names import class_name, describe_channel, split_unit
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
        *_inner_lines(explained.context),
        *map(str, explained.balances),
        *_class_lines(explained),
        *([explained.note] if explained.note else []),
    ]


def picture_lines(explained: ExplainedInput) -> list[str]:
    """What is said of an input under its picture: facts, the most important first."""
    alias, count = explained.context.contract.alias, len(explained.units)
    if count == 1:
        *probability, activation = unit_measures(explained, 0)
        head = [" · ".join([placed_name(explained, 0), *probability])]
        head.append(_difference_text(explained) or f"{_layer_text(explained, 0)}{activation}")
    else:
        things = "boxes" if explained.found.title else f"units of {alias}"
        is_top = not explained.objective(0) and explained.context.contract.select == "top"
        head = [f"the {count} most active {things}" if is_top else f"{count} {things}"]
    found = [explained.found.title] if explained.found.title else []
    told = [
        *([*found, *head] if explained.found.is_weak else [*head, *found]),
        *_blank_lines(explained),
        *map(str, explained.balances),
        *(_other_class_lines(explained) if explained.context.is_class else []),
        *explained.context.warnings,
    ]
    return [*filter(None, map(facts, told))]


def small_print(context: ExplainContext, *lines: str) -> list[str]:
    """The small print of every picture: what is not as usual, and how pictures became the input.

    Notes are printed, and stand in the record and in the file's description, not on the picture.

    Args:
        context: of what is drawn.
        lines: what is said besides, in the last line.
    """
    first = [*_inner_lines(context), *parameter_lines(context)]
    last = " · ".join(filter(None, map(facts, [*context.preprocessing_lines, *lines])))
    return [*filter(None, [*map(facts, first), last])]


def described(page: Image.Image, context: ExplainContext, lines: Sequence[str]) -> Image.Image:
    """The page with what is to be known of it in words, which its file keeps.

    Args:
        page: a picture.
        context: of what is drawn.
        lines: what is said of it.
    """
    notes = [*lines, *map(str, gather_notes(context.contracts)), *context.notes]
    page.info[DESCRIPTION] = "\n".join(spelled(line) for line in notes)
    return page


def placed_name(explained: ExplainedInput, k: int) -> str:
    """Unit k in words; where it sees a part of a sequence, which letters, counted from 1."""
    span, context = seen_span(explained, k), explained.context
    channel, place = split_unit(explained.units[k], context.contract.channel_axis)
    if span is None or len(place) != 1:
        return explained.unit_name(k)
    name = describe_channel(channel, context.channel_names)
    return f"{name}, output position {place[0]} · sees letters {span[0] + 1}-{span[1]}"


def unit_measures(explained: ExplainedInput, k: int) -> list[str]:
    """The numbers of unit k: of a class how probable the model finds it, and the activation."""
    return [*_probability(explained, k), _value_text(explained, k)]


def _value_text(explained: ExplainedInput, k: int) -> str:
    """The number of unit k, behind what it is called."""
    objective, number = explained.objective(k), plain_number(float(explained.scores[k]))
    if objective is None:
        return f"activation {number}"
    return f"{objective.where if objective.names_value else 'value'} {number}"


def _layer_text(explained: ExplainedInput, k: int) -> str:
    """The layer of unit k, or which number of the outputs it is, before its value.

    "" where that is the name of its value.
    """
    objective = explained.objective(k)
    if objective is None:
        return f"{explained.context.contract.alias} · "
    return "" if objective.names_value else f"{objective.where} · "


def _difference_text(explained: ExplainedInput) -> str:
    """The layer, the values of both units and their difference; "" where these are not known."""
    objective = explained.objective(0)
    if objective is None or not objective.values:
        return ""
    pairs = zip(objective.units, objective.values, strict=True)
    parts = [f"{name}: {plain_number(value)}" for (name, _), value in pairs]
    difference = f"difference {plain_number(float(explained.scores[0]))}"
    return f"{explained.context.contract.alias} · {', '.join([*parts, difference])}"


def _probability(explained: ExplainedInput, k: int) -> list[str]:
    """The probability of a class, where the model gives some; of scores their softmax."""
    context, shares = explained.context, class_shares(explained)
    if shares is None or not context.is_class or explained.objective(k) is not None:
        return []
    channel, _ = split_unit(explained.units[k], context.contract.channel_axis)
    if len(shares) <= channel:
        return []
    word = "probability" if _are_probabilities(explained.classes) else "softmax"
    return [f"{word} {_share(shares[channel])}"]


def class_shares(explained: ExplainedInput) -> NDArray[np.float64] | None:
    """How probable the model finds each class [C]: its scores where they are that, else by softmax.

    None where it scores no classes.
    """
    if explained.classes is None:
        return None
    values = explained.classes.astype(np.float64)
    if _are_probabilities(explained.classes):
        return values
    powers = np.exp(values - values.max())
    return np.asarray(powers / powers.sum())


def _are_probabilities(scores: Array | None) -> bool:
    """Whether the scores of classes are not negative and sum to 1."""
    if scores is None:
        return False
    values = scores.astype(np.float64)
    return bool(values.min() >= 0 and abs(values.sum() - 1) < _SUM_TOLERANCE)


def plain_number(value: float, digits: int = 4) -> str:
    """A number in so many digits; below ten million without an exponent, as 52,220."""
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text and abs(value) < _MOST_PLAIN else text


def _share(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.2g}"


def _inner_lines(context: ExplainContext) -> list[str]:
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


def row_lines(explained: ExplainedInput) -> list[str]:
    """What is said under a row of pictures: the units, and of one class its probability."""
    first, *more = unit_lines(explained)
    shares = _probability(explained, 0) if len(explained.units) == 1 else []
    weak = [explained.found.title] if explained.found.is_weak else []
    return [*weak, " · ".join([first, *shares]), *more]


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


def _other_class_lines(explained: ExplainedInput) -> list[str]:
    """The same without the class that stands out already, with its probability."""
    first, *others = class_records(explained)[:_MOST_CLASSES_IN_CAPTION] or [{}]
    alone = len(explained.units) == 1 and explained.unit_name(0) == first.get("name")
    if not (alone and _are_probabilities(explained.classes)):
        return _class_lines(explained)
    rest = ", ".join(f"{each['name']} {plain_number(each['score'], 3)}" for each in others)
    return [f"then {rest}"]


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
