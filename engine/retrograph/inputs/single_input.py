"""One input of a model, from a file or from memory."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs.kinds import InputKind
from retrograph.inputs.reader import Reader, iter_inputs
from retrograph.preprocess import BadInput, Item

OneInput: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | npt.ArrayLike
"""A path to a picture or an array, a picture's file as bytes or of Pillow, or an array."""


def read_input(source: OneInput, kind: InputKind) -> Item:
    """One input, ready for the model.

    Args:
        source: a path, of whose inputs the first is taken (see `iter_inputs`); a picture; or an
            array, whose bytes (uint8) are a picture and whose floats are the input as it is,
            [*input] or [1, *input].
        kind: that of the model's input.

    Raises:
        InputError: it cannot be read, or does not fit the model.
    """
    if not isinstance(source, (str, os.PathLike)):
        value = source if isinstance(source, (bytes, Image.Image)) else np.asarray(source)
        if isinstance(value, np.ndarray) and value.dtype.kind not in "biuf":
            raise InputError(f"{source!r:.60} is not one input; give a path, a picture or an array")
        return Reader(kind).from_memory(value, "the input")
    item = next(iter_inputs([source], kind))
    if isinstance(item, BadInput):
        raise item.error
    return item
