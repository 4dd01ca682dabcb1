"""The page of inputs that were made: one picture, a sheet, or strips of the states on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image

from retrograph.model import SCORES
from retrograph.render import Caption, Table, panel, sheet
from retrograph.render.colour import Picture
from retrograph.results.unit_names import class_name
from retrograph.synthesis.context import SynthesisContext
from retrograph.synthesis.maximum import Maximum

_COLUMNS = 5
_NOT_CONVERGED = "not converged, still rising: give more steps"


def single_page(
    maximum: Maximum, context: SynthesisContext, columns: Sequence[tuple[str, Picture]]
) -> Image.Image:
    """Titled pictures side by side, over what is measured of one input."""
    name = context.unit_name(maximum.unit)
    caption = f"{context.layer} · {name}\n{describe(maximum, context)}\n{_step_count([maximum])}"
    return panel(columns, Caption(caption, notes=context.small_print))


def sheet_page(maxima: Sequence[Maximum], context: SynthesisContext) -> Image.Image:
    """Several inputs, each over its unit's name and its probability or activation."""
    cells = [(_label(each, context), [context.picture(each.input)]) for each in maxima]
    by = "probability" if maxima[0].probability is not None else "activation"
    title = f"{_heading(context)}\n{_step_count(maxima)} · label: {by}"
    return sheet(cells, min(_COLUMNS, len(cells)), title, Caption(notes=context.small_print))


def strips_page(maxima: Sequence[Maximum], context: SynthesisContext) -> Image.Image:
    """A row for each input: the states on the way, then the last one."""
    steps = [step for step, _ in maxima[0].snapshots]
    table = Table([*(f"step {step}" for step in steps), f"step {maxima[0].steps}"])
    for each in maxima:
        states = [context.picture(values) for _, values in each.snapshots[: len(steps)]]
        states += [context.picture(each.input)] * (1 + len(steps) - len(states))
        table.add(f"{context.unit_name(each.unit)}\n{describe(each, context)}", states)
    return table.page(_heading(context), notes=context.small_print)


def describe(maximum: Maximum, context: SynthesisContext) -> str:
    """Activation before and after, the probability, and the class that the model gives."""
    if maximum.unit:
        text = f"activation {maximum.activation:.4g} (at the start {maximum.before:.4g})"
    else:
        now, before = (math.sqrt(2 * value) for value in (maximum.activation, maximum.before))
        text = f"norm of the layer {now:.4g} (at the start {before:.4g})"
    if maximum.probability is not None:
        text += f" · probability {maximum.probability:.4f}"
    best = maximum.best_class
    told = context.labels or maximum.probability is not None
    is_wanted = maximum.probability is not None and best == max(maximum.unit)
    if best is not None and told and not is_wanted:
        assert maximum.probabilities is not None
        chance = float(maximum.probabilities[best])
        text += f" · the model says: {class_name(best, context.labels)} {chance:.3f}"
    if not maximum.converged:
        text += f" · {_NOT_CONVERGED}"
    return text + (f" · {_why_silent(maximum)}" if maximum.silent else "")


def _label(maximum: Maximum, context: SynthesisContext) -> str:
    name = context.unit_name(maximum.unit)
    if maximum.probability is not None:
        return f"{name}\n{maximum.probability:.4f}"
    return f"{name}\n{maximum.activation:.3g}"


def _heading(context: SynthesisContext) -> str:
    what = "the classes" if context.layer == SCORES else context.layer
    return f"what {what} would like best"


def _step_count(maxima: Sequence[Maximum]) -> str:
    fewest = min(each.steps for each in maxima)
    ends = [] if all(each.finished for each in maxima) else ["interrupted"]
    if len(maxima) > 1 and not all(each.converged for each in maxima):
        ends.append(_NOT_CONVERGED)
    return ", ".join([f"{fewest} steps", *ends])


def _why_silent(maximum: Maximum) -> str:
    why = maximum.why or "the unit stays silent; choose another unit or layer"
    return f"no gradient at any step: {why}, or give another seed or start"
