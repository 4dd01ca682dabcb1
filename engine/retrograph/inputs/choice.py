"""What a model's input is: as is said, else as the model's file says, else the usual."""

from __future__ import annotations

from retrograph.errors import parameter
from retrograph.inputs.kinds import InputKind, input_kind
from retrograph.model import Model
from retrograph.preprocess import (
    PRESETS,
    InputAxes,
    Preprocessing,
    check_whole,
    choose_coding,
    named_preprocessing,
)

UNSCALED = (
    f"no {parameter('preprocessing')} given and none stored: pictures are scaled to 0-1, arrays of "
    "floats taken as they are"
)
"""The note where nothing says how pictures are preprocessed."""


def choose_kind(
    model: Model,
    name: str,
    preprocessing: Preprocessing | str | None = None,
    alphabet: str | None = None,
) -> tuple[InputKind, tuple[str, ...]]:
    """The kind of an input of a model.

    Args:
        model: its file may say how pictures or letters become the input.
        name: of the input.
        preprocessing: a recipe, or a preset's name; None where nothing is said.
        alphabet: see `parse_alphabet`; None where nothing is said.

    Returns:
        The kind, and what is to be known of how it was chosen.

    Raises:
        InputError: the preprocessing or the alphabet does not go with the input.
    """
    axes = model.axes(name)
    coding, unlettered = choose_coding(alphabet, model.properties.get("alphabet"), axes.shape)
    recipe = fitted_preprocessing(model, name, preprocessing)
    is_assumed = recipe is None and axes.frame is not None and coding is None
    kind = input_kind(axes, recipe or usual_preprocessing(axes), coding)
    return kind, tuple(filter(None, [UNSCALED if is_assumed else "", unlettered]))


def fitted_preprocessing(
    model: Model, name: str, preprocessing: Preprocessing | str | None
) -> Preprocessing | None:
    """How pictures become an input: as is said, else as the file says; None where neither does.

    Where the input takes pictures its layout and number of channels are the input's.

    Raises:
        InputError: there is no such preset, or it does not go with the input.
    """
    recipe = named_preprocessing(preprocessing) or model.preprocessing(name)
    frame = model.axes(name).frame
    if recipe is None or frame is None:
        return recipe
    fitted = recipe.for_shape(frame)
    check_whole(fitted, model.taken(name))
    return fitted


def usual_preprocessing(axes: InputAxes) -> Preprocessing:
    """How pictures become an input where nothing says it: scaled to 0-1."""
    usual = PRESETS["0-1"]
    return usual if axes.frame is None else usual.for_shape(axes.frame)
