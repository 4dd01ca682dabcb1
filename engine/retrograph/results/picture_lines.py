"""What is said of an explained input under its picture, in lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrograph.errors import facts, spelled
from retrograph.model import SCORES
from retrograph.render import Page
from retrograph.results.caption import (
    are_probabilities,
    class_records,
    class_shares,
    inner_lines,
    plain_number,
    probability_text,
    share_text,
)
from retrograph.results.conservation import Balance
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.notes import gather_notes
from retrograph.results.picture_words import (
    measures,
    method_title,
    setting_lines,
    unit_title,
    value_text,
)
from retrograph.results.unit_names import split_unit

_MOST_CLASSES = 3
_SHORT = 28
"""The characters of a number with its name that stand behind what it is of."""


def picture_lines(explained: ExplainedInput) -> list[str]:
    """Facts, the most important first."""
    head = one_unit_lines(explained) if len(explained.units) == 1 else [_several_line(explained)]
    found = explained.found
    title = found.title if found.picture_title is None else found.picture_title
    told = [
        *head,
        *_class_lines(explained),
        *([title] if title else []),
        *_blank_lines(explained),
        *(_balance_line(explained, each) for each in explained.balances),
        *explained.context.warnings,
    ]
    return [*filter(None, map(facts, told))]


def one_unit_lines(explained: ExplainedInput) -> list[str]:
    """The first unit with its numbers, and the layer that it is in, if it is an inner one."""
    context, objective = explained.context, explained.objective(0)
    title, alias = unit_title(explained, 0), context.contract.alias
    if objective is not None and objective.values:
        pairs = zip(objective.units, objective.values, strict=True)
        both = [f"{context.unit(index)}: {plain_number(value)}" for (_, index), value in pairs]
        return [title, " · ".join([f"layer {alias}", *both, value_text(explained, 0)])]
    if objective is not None:
        lines = [title, value_text(explained, 0)]
        is_short = len(value_text(explained, 0)) <= _SHORT
        return [" · ".join(lines)] if is_short else lines
    first = " · ".join([title, *measures(explained, 0)])
    return [first] if alias == SCORES else [first, f"layer {alias}{_at_strongest(explained)}"]


def _at_strongest(explained: ExplainedInput) -> str:
    """What is said of a channel whose strongest position was looked for."""
    contract = explained.context.contract
    _, place = split_unit(explained.units[0], contract.channel_axis)
    is_channel = contract.select == "channel" and place
    return ", where the channel is strongest" if is_channel else ""


def _several_line(explained: ExplainedInput) -> str:
    """How many units of which layer, and by which methods."""
    context, count = explained.context, len(explained.units)
    alias = context.contract.alias
    is_top = not explained.objective(0) and context.contract.select == "top"
    if explained.found.title:
        what = f"{count} detections"
    elif context.is_class:
        what = f"top {count} classes" if is_top else f"{count} classes"
    else:
        where = "the output" if alias == SCORES else f"layer {alias}"
        what = (
            f"the {count} most active units of {where}" if is_top else f"{count} units of {where}"
        )
    return " · ".join([what, *(method_title(context, each) for each in context.methods)])


def small_print(context: ExplainContext, *lines: str) -> list[str]:
    """The small print of every picture: what is not as usual, and how it was made.

    Notes are printed, and stand in the record and in the file's description, not on the picture.

    Args:
        context: of what is drawn.
        lines: what is said besides, in the last line.
    """
    first = [*inner_lines(context), *setting_lines(context)]
    last = " · ".join(filter(None, map(facts, lines)))
    return [*filter(None, [*map(facts, first), last])]


def described(page: Page, context: ExplainContext, lines: Sequence[str]) -> Page:
    """The page with what is to be known of it in words, which its file keeps.

    Args:
        page: a picture.
        context: of what is drawn.
        lines: what is said of it.
    """
    notes = [*lines, *map(str, gather_notes(context.contracts)), *context.notes]
    return replace(page, description="\n".join(spelled(line) for line in notes))


def row_lines(explained: ExplainedInput) -> list[str]:
    """What is said under a row of pictures of one unit."""
    return [" · ".join(one_unit_lines(explained)), *_blank_lines(explained)]


def _class_lines(explained: ExplainedInput) -> list[str]:
    """The other classes that the model finds likely; of a difference its two."""
    if not explained.context.is_class or len(explained.units) > 1:
        return []
    objective, records = explained.objective(0), class_records(explained)[:_MOST_CLASSES]
    if objective is not None:
        return _difference_lines(explained, [name for name, _ in objective.units])
    is_first = bool(records) and explained.unit_name(0) == records[0]["name"]
    shown = records[1:] if is_first else records
    if not shown:
        return []
    head = "then" if is_first else "model output:"
    shares = class_shares(explained)
    if shares is not None and probability_text(explained, 0):
        rest = ", ".join(f"{each['name']} {share_text(shares[each['class']])}" for each in shown)
        return [f"{head} {rest}{'' if are_probabilities(explained.classes) else ' (softmax)'}"]
    rest = ", ".join(f"{each['name']} {plain_number(each['score'], 3)}" for each in shown)
    return [f"{head} {rest} (scores)"]


def _difference_lines(explained: ExplainedInput, names: Sequence[str]) -> list[str]:
    """How probable the model finds the classes of a difference."""
    shares, classes = class_shares(explained), explained.classes
    if shares is None or classes is None:
        return []
    known = {record["name"]: record["class"] for record in class_records(explained, len(classes))}
    told = [f"{name} {share_text(shares[known[name]])}" for name in names if name in known]
    word = "probability" if are_probabilities(classes) else "softmax"
    return [f"{word}: {', '.join(told)}"] if told else []


def _blank_lines(explained: ExplainedInput) -> list[str]:
    """A line for the maps that are 0 everywhere for one reason."""
    context, several = explained.context, len(explained.units) > 1
    alike: dict[tuple[str, str], list[str]] = {}
    for blank in explained.blanks:
        unit = f" for {unit_title(explained, blank.place)}" if several else ""
        alike.setdefault((unit, blank.reason), []).append(method_title(context, blank.method))
    lines = []
    for (unit, reason), methods in alike.items():
        by = f" by {', '.join(methods)}" if len(context.methods) > 1 else ""
        why = reason.partition(";")[0]
        lines.append(f"0 everywhere{unit}{by}" + (f". {why[0].upper()}{why[1:]}" if why else ""))
    return lines


def _balance_line(explained: ExplainedInput, balance: Balance) -> str:
    """Where the relevance of a unit went."""
    several = len(explained.context.methods) > 1
    by = f" by {method_title(explained.context, balance.method)}" if several else ""
    rest = ", ".join(f"{plain_number(part, 3)} {where}" for where, part in balance.beside_input)
    return (
        f"relevance in {balance.where}{by}: {plain_number(balance.inputs)} of "
        f"{plain_number(balance.start)}{f' ({rest})' if rest else ''}"
    )
