"""The picture that is written of an explained input: as its kind is drawn."""

from __future__ import annotations

from retrograph.errors import facts
from retrograph.inputs import AttributionMap, ShownInput
from retrograph.preprocess.columns import FIRST_IS_LABEL
from retrograph.render import Caption, Page
from retrograph.results.explained import ExplainedInput
from retrograph.results.legend import Legend
from retrograph.results.maps import drawn_values, has_picture, kind_of, marks_of, style_of
from retrograph.results.picture_lines import described, picture_lines, small_print
from retrograph.results.picture_words import input_title, measures, method_title, unit_title
from retrograph.results.seen import seen_span, seen_windows, unit_cells

_ONE_SCALE = "both crops are of one map and share one scale"
_CELL_WORDS = "yellow box: position of the output pixel; its receptive field is the whole input"


def has_figure(explained: ExplainedInput) -> bool:
    """Whether an input can be drawn."""
    return kind_of(explained).can_draw(explained.array)


def figure(explained: ExplainedInput) -> Page:
    """The input and its attributions, over what is said of them.

    Raises:
        InputError: an attribution is not finite.
    """
    kind, maps = kind_of(explained), attribution_maps(explained)
    legend = Legend()
    is_blank = not any(each.values.any() for each in maps)
    if not is_blank:
        legend.add(explained, values=kind.draws_values(explained.array, explained.shown))
    scale = [] if is_blank else kind.scale_notes(explained.array, len(maps))
    caption = Caption(
        text="\n".join(picture_lines(explained)),
        keys=legend.keys,
        notes=[
            *mark_lines(explained),
            *filter(None, [_picture_note(explained)]),
            *small_print(explained.context, *_preprocessing(explained), *scale),
        ],
    )
    page = kind.figure(shown_input(explained), maps, caption)
    return described(page, explained.context, [*caption.text.splitlines(), *caption.notes])


def _picture_note(explained: ExplainedInput) -> str:
    """What is to be known of an input, without what is only of its label."""
    clauses = facts(explained.note).split("; ")
    return "; ".join(clause for clause in clauses if clause != FIRST_IS_LABEL)


def mark_lines(explained: ExplainedInput) -> list[str]:
    """What the boxes and outlines on the pictures are."""
    first = explained.objective(0)
    lines = []
    if unit_cells(explained, 0):
        lines.append(_CELL_WORDS)
    if first is not None and first.mark:
        others = ", grey boxes: other detections" if explained.found.others else ""
        lines.append(f"{first.mark}{others}")
    if len(seen_windows(explained, 0)) > 1:
        lines.append(_ONE_SCALE)
    return lines


def _preprocessing(explained: ExplainedInput) -> list[str]:
    """How pictures became the input; nothing of an input that was taken as it is."""
    return explained.context.preprocessing_lines if has_picture(explained) else []


def shown_input(explained: ExplainedInput) -> ShownInput:
    """The input as it is drawn, under its file's name."""
    context = explained.context
    which = f"input '{context.contract.shown}'" if context.several_inputs else "input"
    title = f"{which}\n{input_title(explained)}"
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
        return method_title(explained.context, method)
    several = len(explained.context.methods) > 1
    named = [method_title(explained.context, method)] if several else []
    return f"{unit_title(explained, k)}\n{' · '.join([*named, *measures(explained, k)])}"
