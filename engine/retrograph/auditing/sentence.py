"""An audit in a sentence or two: where B first parts from A, why, and whether that is all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from retrograph.auditing.amounts import amount
from retrograph.auditing.diagnosis import Cause
from retrograph.auditing.network import Network
from retrograph.auditing.other_weights import OtherWeights
from retrograph.auditing.outputs import OutputPair
from retrograph.auditing.precision import LayerError
from retrograph.auditing.regions import WEIGHTED
from retrograph.auditing.result import Finding
from retrograph.auditing.verdicts import ALIKE, Facts

_NAMED = 3
_MANY = 3
"""From so many places of one cause on the cause is told once."""

_EXACTLY = "are the same bit by bit"
_OF_ANOTHER_HEAD = frozenset({"weights", "weight-shape"})
"""The kinds of causes by which a last layer has been trained anew."""


def equal_sentence(facts: Facts, pairs: int, points: tuple[int, int], *, is_all: bool) -> str:
    """For files that agree, in all outputs or in those that both have."""
    which = "All outputs" if is_all else "The outputs that both have"
    if facts.output_error == 0:
        return f"{which} are the same, bit by bit."
    return (
        f"{which} agree to {amount(facts.output_error)}; {pairs} of {points[0]} tensors of A "
        "have an equal one in B."
    )


def another_sentence(points: tuple[int, int], pairs: int, weights: OtherWeights | None) -> str:
    """For files that have nothing in common, or little but their layers."""
    none = f"None of the {points[0]} tensors of A equals one of the {points[1]} of B"
    if pairs:
        none = f"{pairs} of the {points[0]} tensors of A have an equal one in B"
    if weights is not None:
        return f"{none}. {weights.text}"
    return f"{none}, and no repair of a few layers makes the outputs agree."


def parted_sentence(
    a: Network, findings: Sequence[Finding], outputs: Sequence[OutputPair], preparation: str
) -> str:
    """For files that part somewhere."""
    said = [f"B wants its inputs otherwise than A: it agrees if it is given {preparation}."]
    said = [*(said if preparation else []), *_head(a, findings), *places(a, findings)]
    if not said:
        worst = max(outputs, key=lambda pair: pair.error)
        said = [
            f"Output {worst.b} differs from A's by {amount(worst.error)}, and no place was found "
            "where the files part."
        ]
    return " ".join(said)


def placed_sentence(a: Network, findings: Sequence[Finding]) -> str:
    """For files without a common output: the places where they part."""
    return " ".join([*_head(a, findings), *places(a, findings)])


def _head(a: Network, findings: Sequence[Finding]) -> Iterator[str]:
    """For two files that differ in the weights of the last layer alone."""
    layers = [name for name in a.points if a.op(name) in WEIGHTED]
    if len(findings) != 1 or len(layers) < 2:
        return
    held = [name for name in findings[0].region.a_tensors if name in layers]
    kinds = {cause.kind for cause in findings[0].causes[:1]}
    if held == layers[-1:] and kinds <= _OF_ANOTHER_HEAD:
        yield f"B has another head: all before {a.label(layers[-1])} is equal."


def places(a: Network, findings: Sequence[Finding]) -> Iterator[str]:
    """For each place where the files part: where, why, and what repairing it does."""
    if len(findings) >= _MANY and len({found.text for found in findings if found.causes}) == 1:
        yield from _one_cause(findings)
        return
    for number, found in enumerate(findings):
        first = "first parts" if number == 0 else "parts again"
        yield f"B {first} from A {found.where}: {found.text}."
        more = [_also(a, found.causes[0], cause) for cause in found.causes[1:_NAMED]]
        if more:
            yield f"Also there: {'; '.join(more)}."
        yield _after(a, found)


def _one_cause(findings: Sequence[Finding]) -> Iterator[str]:
    """For many places of one cause."""
    shown = "; ".join(found.place for found in findings[:_NAMED])
    count = len(findings) - _NAMED
    more = f" and {count} more place{'s' * (count > 1)}" if count else ""
    yield f"B parts from A at {shown}{more}, at each for one cause: {findings[0].text}."
    last = findings[-1].region
    if last.repaired:
        agree = f"agree to {amount(last.error_after)}" if last.error_after else _EXACTLY
        yield f"With A's tensors put in at all of them, all outputs {agree}: nothing else differs."
    elif last.error_after is not None:
        yield (
            f"With A's tensors put in at all of them, outputs still differ by "
            f"{amount(last.error_after)}: no further place is sought."
        )


def _also(a: Network, first: Cause, cause: Cause) -> str:
    """A further cause, with its node in A where that is not the first one's."""
    is_elsewhere = cause.a and cause.a != first.a
    return f"{cause.text} ({a.label(cause.a)} in A)" if is_elsewhere else cause.text


def _after(a: Network, found: Finding) -> str:
    region = found.region
    end = a.aliases.get(region.a_end, region.a_end)
    if region.repaired:
        error = region.error_after
        agree = f"agree to {amount(error)}" if error else _EXACTLY
        return f"With A's {end} put in, all outputs {agree}: nothing else differs."
    if region.next_agree:
        return f"With A's {end} put in, what is right behind agrees."
    if region.error_after is None:
        return "Nothing of A fits there, so that it is not proved."
    return f"With A's {end} put in, outputs still differ by {amount(region.error_after)}."


def precision_sentence(a: Network, layers: Sequence[LayerError], facts: Facts) -> str:
    """For a file of less precision: what its layers lose by themselves, and what it looks at."""
    said = [_losses(a, layers, facts)]
    if facts.cosine is not None and facts.cosine < ALIKE:
        said.append(f"It looks elsewhere, too: the mean cosine of the maps is {facts.cosine:.2f}.")
    return " ".join(said)


def _losses(a: Network, layers: Sequence[LayerError], facts: Facts) -> str:
    is_number = math.isfinite(facts.output_error)
    by = f"differ by {amount(facts.output_error)}" if is_number else "are not all numbers"
    precision, error = facts.precision, f"Outputs {by}"
    if not layers:
        return f"{error}; no layers of the two stand for each other."
    ranked = sorted(layers, key=lambda layer: -layer.own)
    suspects = [layer for layer in ranked if layer.suspect]
    if not suspects:
        most = f"the most {a.label(ranked[0].a)}, {amount(ranked[0].own)} by itself"
        if facts.sound:
            return f"{error}, and no layer loses more than {precision} explains: {most}."
        return (
            f"{error}, which is more than {precision} explains, though no layer does by itself: "
            f"{most}."
        )
    named = ", ".join(f"{a.label(each.a)} ({amount(each.own)})" for each in suspects[:_NAMED])
    return (
        f"{error}. Given A's own activations, these layers lose more than {precision} and their "
        f"neighbours explain: {named}."
    )
