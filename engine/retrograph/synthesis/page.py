"""The page of inputs that were made: one picture, a sheet, or strips of the states on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from retrograph.model import SCORES
from retrograph.render import Caption, Page, Table, panel, sheet
from retrograph.render.colour import Picture
from retrograph.results.unit_names import class_name
from retrograph.synthesis.context import SynthesisContext
from retrograph.synthesis.maximum import Maximum

_COLUMNS = 5
_TILE = 240
"""The short side, in pixels, that the inputs of a sheet are enlarged to."""
_NOT_CONVERGED = "not converged, still rising: give more steps"


def single_page(
    maximum: Maximum,
    context: SynthesisContext,
    columns: Sequence[tuple[str, Picture]],
    what: str,
) -> Page:
    """Titled pictures side by side, over what was made of the unit and what is measured of it."""
    rises = (
        []
        if maximum.converged
        else ["the activation still rises: more steps would raise it further"]
    )
    return panel(
        columns,
        Caption(
            text="\n".join([*_headline(maximum, context, what), _change(maximum, context)]),
            notes=[*rises, *context.small_print],
            is_warning=not maximum.converged,
        ),
    )


def sheet_page(maxima: Sequence[Maximum], context: SynthesisContext) -> Page:
    """Several inputs, each over its unit's name and its probability or activation."""
    cells = [(_label(each, context), [context.picture(each.input)]) for each in maxima]
    title = f"{_heading(context)}\nactivation maximization · {_step_count(maxima)}"
    caption = Caption(notes=context.small_print)
    return sheet(cells, min(_COLUMNS, len(cells)), title, caption, side=_TILE)


def strips_page(maxima: Sequence[Maximum], context: SynthesisContext) -> Page:
    """A row for each input: the states on the way, then the last one."""
    steps = [step for step, _ in maxima[0].snapshots]
    table = Table([*(f"step {step}" for step in steps), f"step {maxima[0].steps}"])
    for each in maxima:
        states = [context.picture(values) for _, values in each.snapshots[: len(steps)]]
        states += [context.picture(each.input)] * (1 + len(steps) - len(states))
        table.add(f"{context.unit_name(each.unit)}\n{describe(each, context)}", states)
    return table.page(_heading(context), notes=context.small_print)


def _headline(maximum: Maximum, context: SynthesisContext, what: str) -> list[str]:
    """What was made of which unit, and the steps, in a line of their own where they are too few."""
    within = "" if context.layer == SCORES else f"{context.layer} · "
    made, steps = f"{what}{within}{context.unit_name(maximum.unit)}", _step_count([maximum])
    if maximum.converged:
        return [f"{made} · {steps}"]
    return [made, f"not converged after {steps}"]


def _change(maximum: Maximum, context: SynthesisContext) -> str:
    """The activation at the start and now, and what else is known of the input."""
    what, before, now = _measure(maximum)
    parts = [f"{what} from {before:.3g} to {now:.3g}"]
    if maximum.probability is not None:
        parts.append(f"probability {maximum.probability:.3f}")
    parts += _class_told(maximum, context)
    return ", ".join([*parts, *([_why_silent(maximum)] if maximum.silent else [])])


def describe(maximum: Maximum, context: SynthesisContext) -> str:
    """Activation before and after, the probability, and the class that the model gives."""
    what, before, now = _measure(maximum)
    parts = [f"{what} {now:.4g} (at the start {before:.4g})"]
    if maximum.probability is not None:
        parts.append(f"probability {maximum.probability:.4f}")
    parts += _class_told(maximum, context)
    if not maximum.converged:
        parts.append(_NOT_CONVERGED)
    return " · ".join([*parts, *([_why_silent(maximum)] if maximum.silent else [])])


def _measure(maximum: Maximum) -> tuple[str, float, float]:
    """What is made large, at the start and now."""
    if maximum.unit:
        return "activation", maximum.before, maximum.activation
    before, now = (math.sqrt(2 * value) for value in (maximum.before, maximum.activation))
    return "norm of the layer", before, now


def _class_told(maximum: Maximum, context: SynthesisContext) -> list[str]:
    """The class that the model gives, where it is another than the wanted one."""
    best = maximum.best_class
    told = context.labels or maximum.probability is not None
    is_wanted = maximum.probability is not None and best == max(maximum.unit)
    if best is None or not told or is_wanted:
        return []
    assert maximum.probabilities is not None
    chance = float(maximum.probabilities[best])
    return [f"the model says: {class_name(best, context.labels)} {chance:.3f}"]


def _label(maximum: Maximum, context: SynthesisContext) -> str:
    name = context.unit_name(maximum.unit)
    probability = [] if maximum.probability is None else [f"p = {maximum.probability:.4f}"]
    values = " · ".join([*probability, f"activation {maximum.activation:.3g}"])
    return "\n".join([name, values, *([] if maximum.converged else ["still rising"])])


def _heading(context: SynthesisContext) -> str:
    what = "each class" if context.layer == SCORES else f"units of layer {context.layer}"
    return f"Inputs that maximize {what}"


def _step_count(maxima: Sequence[Maximum]) -> str:
    fewest = min(each.steps for each in maxima)
    ends = [] if all(each.finished for each in maxima) else ["interrupted"]
    rising = sum(not each.converged for each in maxima)
    if len(maxima) > 1 and rising:
        ends.append(f"{rising} of {len(maxima)} {_NOT_CONVERGED}")
    return ", ".join([f"{fewest} steps", *ends])


def _why_silent(maximum: Maximum) -> str:
    why = maximum.why or "the unit stays silent; choose another unit or layer"
    return f"no gradient at any step: {why}, or give another seed or start"
