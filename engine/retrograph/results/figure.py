"""The picture that is written of an explained input: as its kind is drawn."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from retrograph.errors import facts
from retrograph.inputs import AttributionMap, ShownInput
from retrograph.render import Caption
from retrograph.results.caption import (
    described,
    picture_lines,
    placed_name,
    small_print,
    unit_measures,
)
from retrograph.results.explained import ExplainedInput
from retrograph.results.legend import Legend
from retrograph.results.maps import drawn_values, kind_of, marks_of, style_of
from retrograph.results.seen import seen_span, seen_windows, unit_cells

_ONE_SCALE = "the parts in both boxes are of one map, on one scale"
_CELL_WORDS = "the box is the unit's place in its layer; it sees all of the input"


def has_figure(explained: ExplainedInput) -> bool:
    """Whether an input can be drawn."""
    return kind_of(explained).can_draw(explained.array)


def figure(explained: ExplainedInput) -> Image.Image:
    """The input and its attributions, over what is said of them.

    Raises:
        InputError: an attribution is not finite.
    """
    kind = kind_of(explained)
    legend = Legend()
    legend.add(explained, values=kind.draws_values(explained.array, explained.shown))
    caption = Caption(
        text="\n".join(picture_lines(explained)),
        keys=legend.keys,
        notes=[
            *([_CELL_WORDS] if unit_cells(explained, 0) else []),
            *_detail_lines(explained),
            *([_ONE_SCALE] if len(seen_windows(explained, 0)) > 1 else []),
            *filter(None, [facts(explained.note)]),
            *small_print(explained.context, *kind.scale_notes(explained.array)),
        ],
    )
    page = kind.figure(shown_input(explained), attribution_maps(explained), caption)
    return described(page, explained.context, [*caption.text.splitlines(), *caption.notes])


def _detail_lines(explained: ExplainedInput) -> list[str]:
    """Which number of the outputs is explained, where the first lines leave something out."""
    objective = explained.objective(0)
    if objective is None or not objective.details or len(explained.units) > 1:
        return []
    return [f"explained: {objective.explained}"]


def shown_input(explained: ExplainedInput) -> ShownInput:
    """The input as it is drawn, under its file's name."""
    context = explained.context
    which = f"input '{context.contract.shown}'" if context.several_inputs else "input"
    title = f"{which}\n{Path(explained.name).name}"
    return ShownInput(
        title, explained.array, explained.shown, marks_of(explained), explained.sample_rate
    )


def attribution_maps(explained: ExplainedInput) -> list[AttributionMap]:
    """The attributions as they are drawn: for each unit, by each method."""
    windowed = kind_of(explained).has_windows
    return [
        AttributionMap(
            title=_title(explained, method, k),
            values=drawn_values(explained, method, k),
            style=style_of(method, explained),
            windows=seen_windows(explained, k) if windowed else (),
            marks=marks_of(explained, k),
            span=seen_span(explained, k),
        )
        for k in range(len(explained.units))
        for method in explained.context.methods
    ]


def _title(explained: ExplainedInput, method: str, k: int) -> str:
    """The method; of several units the unit, and what is known of it."""
    if len(explained.units) == 1:
        return method
    several = [method] if len(explained.context.methods) > 1 else []
    return f"{placed_name(explained, k)}\n{' · '.join([*several, *unit_measures(explained, k)])}"
