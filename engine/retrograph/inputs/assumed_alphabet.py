"""Which channels are which letters, where FASTA is given and nothing says it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from retrograph.errors import InputError, parameter
from retrograph.inputs.loader import Input
from retrograph.model import Model
from retrograph.preprocess import ALPHABETS, choose_coding
from retrograph.preprocess.sequences import is_fasta

ASSUMED: Final = ALPHABETS["dna"]
"""The letters of four channels."""
ASSUMED_NOTE: Final = (
    f"no {parameter('alphabet')} given and none stored: the four channels are taken for "
    f"{', '.join(ASSUMED)}, in this order"
)


def assumed_alphabet(
    model: Model, name: str, alphabet: str | None, inputs: Sequence[Input]
) -> str | None:
    """The alphabet that is assumed; None where one is known, or none is needed or likely.

    Args:
        model: its file may name an alphabet.
        name: of the input.
        alphabet: what is given, if anything.
        inputs: what is going to be run: FASTA asks for an alphabet.
    """
    paths = [Path(each) for each in inputs if isinstance(each, (str, os.PathLike))]
    shape = model.axes(name).shape
    if alphabet is not None or not any(map(is_fasta, paths)):
        return None
    if choose_coding(None, model.properties.get("alphabet"), shape)[0] is not None:
        return None
    if list(shape[1:]).count(len(ASSUMED)) != 1:
        return None
    try:
        choose_coding(ASSUMED, None, shape)
    except InputError:
        return None
    return ASSUMED
