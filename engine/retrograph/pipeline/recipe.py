"""How pictures are preprocessed: as is said, else as the model's file says, else 0-1."""

from __future__ import annotations

from retrograph.errors import parameter
from retrograph.model import Model
from retrograph.pipeline.loader import Signature
from retrograph.preprocess import (
    PRESETS,
    Preprocessing,
    check_whole,
    of_bytes,
)

UNSCALED = (
    f"no {parameter('preprocessing')} given and none stored: pictures are scaled to 0-1, arrays of "
    "floats taken as they are"
)
"""The note where nothing says how pictures are preprocessed."""


def stored_preprocessing(model: Model) -> Preprocessing | None:
    """The preprocessing that a model's metadata name, or that an input of bytes shows."""
    if model.contract is not None:
        text = model.contract.preprocessing
        return Preprocessing.from_json(text) if text else None
    stored = PRESETS.get(model.properties.get("preprocessing", ""))
    return stored or next(filter(None, (of_bytes(model.taken(t.name)) for t in model.inputs)), None)


def recipe_for(
    preprocessing: Preprocessing | None, model: Model, signature: Signature
) -> tuple[Preprocessing, str]:
    """How pictures become the explained input.

    Args:
        preprocessing: as is said; None where nothing is.
        model: its file may say so.
        signature: of the graphs that are run.

    Returns:
        The recipe, and a note, "" where there is nothing to say.

    Raises:
        InputError: it does not go with the model's input.
    """
    recipe = preprocessing or stored_preprocessing(model)
    frame = signature.axes.frame
    if frame is None:
        return recipe or PRESETS["0-1"], ""
    note = "" if recipe else UNSCALED
    fitted = (recipe or PRESETS["0-1"]).for_shape(frame)
    check_whole(fitted, signature.explained.dtype)
    return fitted, note
