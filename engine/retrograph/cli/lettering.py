"""Which channel of the model's input is which letter: by the options, else by the model's file."""

from __future__ import annotations

import argparse

from retrograph.errors import InputError
from retrograph.model import Model
from retrograph.preprocess import Coding, parse_alphabet
from retrograph.preprocess.recipe import Shape


def chosen_coding(
    args: argparse.Namespace, model: Model, shape: Shape
) -> tuple[Coding | None, str]:
    """The coding of the input of `shape`, None if nothing names an alphabet; and a note.

    Raises:
        InputError: the alphabet of the options does not go with the model's input.
    """
    if args.alphabet is not None:
        return _fitted(args.alphabet, shape)
    stored = model.properties.get("alphabet")
    if stored is None:
        return None, ""
    try:
        return _fitted(stored, shape)
    except InputError as error:
        return None, f"the alphabet in the model's metadata is left out: {error}"


def _fitted(text: str, shape: Shape) -> tuple[Coding, str]:
    coding = Coding.fitted(parse_alphabet(text), shape)
    if coding.item[coding.channels] == coding.item[coding.positions]:
        return coding, f"both axes are of {coding.item[0]}: the first is taken for the channels"
    return coding, ""
