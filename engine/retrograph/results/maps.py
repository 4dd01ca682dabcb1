"""An explained input as pictures: itself, and its attribution by each method."""

from __future__ import annotations

from retrograph.errors import InputError
from retrograph.inputs import ArrayInput, InputKind
from retrograph.methods import METHODS
from retrograph.model import SCORES
from retrograph.render import SMOOTH, Marks, Style, marked, style_named
from retrograph.render.colour import Picture
from retrograph.render.page import PANEL_SIDE, enlarge
from retrograph.render.seen import labelled_if_blank
from retrograph.results.explained import ExplainedInput
from retrograph.results.onto_input import onto_input
from retrograph.results.seen import unit_cells
from retrograph.runtime import Array


def kind_of(explained: ExplainedInput) -> InputKind:
    """What is drawn: inputs whose rows are joined are no more than an array."""
    kind = explained.context.kind
    return ArrayInput(kind.axes, kind.preprocessing) if explained.rows_joined else kind


def is_drawable(explained: ExplainedInput) -> bool:
    """Whether an input can be drawn as one picture: any but a volume."""
    return kind_of(explained).is_one_picture(explained.array)


def input_picture(explained: ExplainedInput) -> Picture:
    """The input; of a video some frames."""
    picture = kind_of(explained).input_picture(explained.array, explained.shown)
    return marked(picture, marks_of(explained))


def attribution_picture(explained: ExplainedInput, method: str, k: int = 0) -> Picture:
    """The attribution of a method for unit k.

    Raises:
        InputError: it is not finite.
    """
    values, style = drawn_values(explained, method, k), style_of(method, explained)
    picture = kind_of(explained).map_picture(values, style, explained.array, explained.shown)
    if not values.any():
        picture = labelled_if_blank(enlarge(picture, PANEL_SIDE), values)
    return marked(picture, marks_of(explained, k))


def marks_of(explained: ExplainedInput, k: int | None = None) -> Marks:
    """The box or the contour of what unit k stands for; those of all units if None."""
    numbers = range(len(explained.units)) if k is None else [k]
    objectives = [each for each in map(explained.objective, numbers) if each is not None]
    boxes = [each.box for each in objectives if each.box is not None]
    cells = [cell for number in numbers for cell in unit_cells(explained, number)]
    return Marks(
        frame=_frame(explained) if cells else explained.frame or (1, 1),
        boxes=[*boxes, *cells],
        labels=[each.label for each in objectives if each.box is not None],
        faint=[(box, f"{score:.3f}") for box, score in explained.found.others if k is None],
        masks=[each.mask for each in objectives if each.mask is not None],
    )


def _frame(explained: ExplainedInput) -> tuple[int, int]:
    """Height and width of a picture."""
    rows, columns = (explained.array.shape[axis] for axis in explained.context.kind.axes.spatial)
    return rows, columns


def drawn_values(explained: ExplainedInput, method: str, k: int = 0) -> Array:
    """The attribution of a method for unit k; that of an inner tensor where it lies in the input.

    Raises:
        InputError: that is not known.
    """
    contract = explained.context.contracts[method]
    values: Array = explained.attributions[method][k]
    if not contract.places:
        return values
    drawn = onto_input(values, contract.places[0], explained.array.shape)
    if drawn is None:
        raise InputError(
            f"no axis of '{contract.explained[0]}' {list(values.shape)} follows one of the input, "
            "so its attribution cannot be drawn there; save it as .npz"
        )
    return drawn


def style_of(method: str, explained: ExplainedInput) -> Style:
    """How the attribution of a method is drawn: what is no picture cannot lie under an overlay."""
    usual = _usual_style(method, explained)
    asked = explained.context.style or usual
    style = style_named(asked, usual=usual, has_picture=has_picture(explained))
    return kind_of(explained).drawn_style(style, explained.array)


def _usual_style(method: str, explained: ExplainedInput) -> str:
    """The method's own style, but for greys where these are hard to read.

    That is on inputs that are no pictures, and of boxes and of scores of a map's places: many
    backward passes overlap there, and their signs change from pixel to pixel.
    """
    name = explained.context.contracts[method].method
    usual = METHODS[name].style if name in METHODS else "signed"
    if usual != "signed":
        return usual
    if not has_picture(explained):
        return "red-blue"
    first = explained.objective(0)
    is_of_place = (first is not None and (first.mask is not None or first.box is not None)) or (
        explained.context.contract.alias == SCORES and unit_cells(explained, 0)
    )
    return f"overlay,{SMOOTH}" if is_of_place else usual


def is_smooth(explained: ExplainedInput) -> bool:
    """Whether the pictures of an input are enlarged without edges between their pixels."""
    return any(style_of(method, explained).is_smooth for method in explained.context.methods)


def has_picture(explained: ExplainedInput) -> bool:
    """Whether an input is a picture, or pictures."""
    return kind_of(explained).has_picture(explained.shown)


def is_coloured(method: str, explained: ExplainedInput) -> bool:
    """Whether a signed map of a method has red, green and blue apart; else it is grey."""
    return kind_of(explained).is_coloured(drawn_values(explained, method), explained.shown)
