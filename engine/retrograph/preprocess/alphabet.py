"""Which channel of the model's input is which letter: as is said, else by the model's file."""

from __future__ import annotations

from retrograph.errors import InputError
from retrograph.preprocess.recipe import Shape
from retrograph.preprocess.sequences import Coding, parse_alphabet


def choose_coding(
    alphabet: str | None, stored: str | None, shape: Shape
) -> tuple[Coding | None, str]:
    """How letters lie in a model's input.

    Args:
        alphabet: as is said, see `parse_alphabet`; None where nothing is.
        stored: the alphabet in the model's metadata, if there is one.
        shape: of the explained input, batch first.

    Returns:
        The coding, None if nothing names an alphabet that fits; and a note, "" where there is
        nothing to say.

    Raises:
        InputError: the alphabet that is said does not go with the input.
    """
    if alphabet is not None:
        return _fitted(alphabet, shape)
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
