"""How pictures are preprocessed: as is said, else as the model's file says, else 0-1."""

from __future__ import annotations

from retrograph.errors import parameter
from retrograph.model import Model
from retrograph.pipeline.loader import Signature
from retrograph.preprocess import PRESETS, Preprocessing, check_whole, named_preprocessing

UNSCALED = (
    f"no {parameter('preprocessing')} given and none stored: pictures are scaled to 0-1, arrays of "
    "floats taken as they are"
)
"""The note where nothing says how pictures are preprocessed."""


def recipe_for(
    preprocessing: Preprocessing | str | None, model: Model, signature: Signature
) -> tuple[Preprocessing, str]:
    """How pictures become the explained input.

    Args:
        preprocessing: a recipe, or a preset's name; None where nothing is said.
        model: its file may say so.
        signature: of the graphs that are run.

    Returns:
        The recipe, and a note, "" where there is nothing to say.

    Raises:
        InputError: it does not go with the model's input.
    """
    recipe = named_preprocessing(preprocessing) or model.preprocessing(signature.explained.name)
    frame = signature.axes.frame
    if frame is None:
        return recipe or PRESETS["0-1"], ""
    note = "" if recipe else UNSCALED
    fitted = (recipe or PRESETS["0-1"]).for_shape(frame)
    check_whole(fitted, signature.explained.dtype)
    return fitted, note
