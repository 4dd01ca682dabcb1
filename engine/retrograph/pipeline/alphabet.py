"""Which channel of the model's input is which letter: as is said, else by the model's file."""

from __future__ import annotations

from retrograph.errors import InputError
from retrograph.model import Model
from retrograph.preprocess import Coding, parse_alphabet
from retrograph.preprocess.recipe import Shape


def choose_coding(model: Model, shape: Shape, alphabet: str | None) -> tuple[Coding | None, str]:
    """How letters lie in the model's input.

    Args:
        model: names an alphabet in its metadata, possibly.
        shape: of the explained input, batch first.
        alphabet: see `parse_alphabet`; the model's own if None.

    Returns:
        The coding, None if nothing names an alphabet; and a note, "" where there is nothing to say.

    Raises:
        InputError: the alphabet does not go with the model's input.
    """
    if alphabet is not None:
        return _fitted(alphabet, shape)
    stored = model.properties.get("alphabet")
    if stored is None:
        return None, ""
    try:
        return _fitted(stored, shape)
    except InputError as error:
        return None, f"the alphabet in the model's metadata is left out: {error.message}"


def _fitted(text: str, shape: Shape) -> tuple[Coding, str]:
    coding = Coding.fitted(parse_alphabet(text), shape)
    if coding.item[coding.channels] == coding.item[coding.positions]:
        return coding, f"both axes are of {coding.item[0]}: the first is taken for the channels"
    return coding, ""
