"""What pictures call things: methods, inputs and units by their names in the field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrograph.methods import METHODS
from retrograph.model import SCORES
from retrograph.render import Subject
from retrograph.results.caption import plain_number, probability_text
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.maps import kind_of
from retrograph.results.objective import Objective
from retrograph.results.seen import seen_span
from retrograph.results.unit_names import describe_channel, describe_output, split_unit

_LONG = 20
"""The letters beyond which a name is parted from its number."""
_PARAMETERS = {
    "layer": "at layer {}",
    "steps": "{} steps",
    "samples": "{} samples",
    "noise": "noise of sigma {} x the input's range",
}
"""How parameters are told that are not told as "name value"."""


def method_title(context: ExplainContext, title: str) -> str:
    """The proper name of a method, with what tells it from others of that name.

    Args:
        context: of what is explained.
        title: of the method there.
    """
    name = context.contracts[title].method
    return title.replace(name, proper_name(name), 1)


def proper_name(name: str) -> str:
    """What a method is called in the field; one of the user's own by its name."""
    return (METHODS[name].title if name in METHODS else "") or name


def setting_lines(context: ExplainContext) -> list[str]:
    """The parameters of each method that are always told, or are not the usual ones."""
    lines: dict[str, list[str]] = {}
    for title, contract in context.contracts.items():
        method = METHODS.get(contract.method)
        usual, told = (method.parameters, method.told) if method else ({}, ())
        parts = [
            _parameter_text(context, name, value)
            for name, value in contract.parameters.items()
            if name in told or value != usual.get(name)
        ]
        if parts and title == contract.method:  # another title says them
            lines.setdefault(", ".join(parts), []).append(method_title(context, title))
    return [
        f"{', '.join(titles)}{'' if text.startswith('at ') else ':'} {text}"
        for text, titles in lines.items()
    ]


def _parameter_text(context: ExplainContext, name: str, value: object) -> str:
    if name == "baseline" and value == 0 and context.preprocessing is not None:
        black = not any(context.preprocessing.recipe.mean)
        return f"baseline 0 ({'black' if black else 'the mean colour'})"
    number = f"{value:g}" if isinstance(value, float) else str(value)
    return _PARAMETERS.get(name, f"{name} {{}}").format(number)


def input_title(explained: ExplainedInput) -> str:
    """What an input is called: its file, and which of several it is."""
    name = Path(explained.name).name
    if kind_of(explained).coding is not None and ":" in name:
        file, _, header = name.partition(":")
        return f"{file}, sequence {header}"
    numbered = re.fullmatch(r"(.*)\[(\d+)\]", name)
    if numbered is None:
        return name
    file, number = numbered.groups()
    return f"sample {number}" if file in ("", "input") else f"{file}, sample {number}"


def value_name(explained: ExplainedInput, k: int) -> str:
    """What the number of unit k is called: a logit, a score, or an activation."""
    context, objective = explained.context, explained.objective(k)
    if objective is not None and not objective.units:
        return objective.value_name or objective.where or "value"
    if context.contract.alias != SCORES:
        word = "activation"
    else:
        word = "logit" if context.is_class and not _is_squashed(explained, k) else "score"
    return word if objective is None else f"{word} difference"


def _is_squashed(explained: ExplainedInput, k: int) -> bool:
    """Whether a class's score may itself be a probability, as far as the values tell."""
    classes = explained.classes
    if classes is None:
        return True
    is_output = np.isclose(classes.astype(np.float64), float(explained.scores[k])).any()
    return bool(classes.min() >= 0 and classes.max() <= 1 and is_output)


def value_text(explained: ExplainedInput, k: int) -> str:
    """The number of unit k behind its name."""
    name, number = value_name(explained, k), plain_number(float(explained.scores[k]))
    return f"{name}{':' * (len(name) > _LONG)} {number}"


def measures(explained: ExplainedInput, k: int) -> list[str]:
    """The numbers of unit k: of a class how probable the model finds it, and its value."""
    return [*probability_text(explained, k), value_text(explained, k)]


def unit_title(explained: ExplainedInput, k: int) -> str:
    """Unit k; where it sees a part of a sequence, which letters."""
    objective, context = explained.objective(k), explained.context
    if objective is not None:
        return objective.title or objective.name
    span = seen_span(explained, k)
    channel, place = split_unit(explained.units[k], context.contract.channel_axis)
    is_output = context.contract.alias == SCORES
    if span is not None and len(place) == 1:
        name = describe_channel(channel, context.channel_names)
        return (
            f"{'output ' * is_output}{name} at position {place[0]} (from 0) · receptive field: "
            f"letters {span[0] + 1}-{span[1]} (from 1)"
        )
    along = _place_in_waveform(explained, place)
    if along is not None:
        return f"{describe_channel(channel, context.channel_names)} at position {along}"
    return describe_output(explained.unit_name(k), context.contract.alias)


def _place_in_waveform(explained: ExplainedInput, place: Sequence[int]) -> int | None:
    """Where a unit of a waveform lies, in a layer that has one more axis, of 1; else None."""
    contract = explained.context.contract
    sizes = [size for axis, size in enumerate(contract.shape) if axis != contract.channel_axis]
    is_sound = explained.context.kind.axes.samples is not None
    if not is_sound or len(place) != 2 or sizes.count(1) != 1:
        return None
    return place[1 - sizes.index(1)]


def subject(explained: ExplainedInput, k: int) -> Subject:
    """What unit k is in a legend."""
    objective, context = explained.objective(k), explained.context
    if objective is not None:
        return _objective_subject(explained, objective, k)
    if context.contract.alias != SCORES:
        return Subject(value="the activation")
    name = "the class" if context.channel_names else "the output"
    return Subject(name, value=f"the {value_name(explained, k)}")


def _objective_subject(explained: ExplainedInput, objective: Objective, k: int) -> Subject:
    if objective.units:
        (plus, _), (minus, _) = objective.units
        return Subject(plus, minus, f"{plus} minus {minus}")
    if objective.box is not None:
        return Subject("the detection", value=f"the {value_name(explained, k)}")
    return Subject("the class")
