"""The name of a method, from what people and other tools call it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Final

from retrograph.errors import InputError

OTHER_NAMES: Final[Mapping[str, str]] = {
    "grad": "gradient",
    "backprop": "gradient",
    "vanilla": "gradient",
    "vanilla-gradient": "gradient",
    "deconv": "deconvnet",
    "deconvolution": "deconvnet",
    "guided-backprop": "guided",
    "guided-backpropagation": "guided",
    "gbp": "guided",
    "rectified-gradient": "rectgrad",
    "ixg": "input-x-gradient",
    "gradient-x-input": "input-x-gradient",
    "input-times-gradient": "input-x-gradient",
    "ig": "integrated-gradients",
    "intgrad": "integrated-gradients",
    "grad-cam++": "grad-cam-plus-plus",
    "lrp-z+": "lrp-zplus",
    "epsilon-plus": "lrp-epsilon-plus",
    "epsilon-gamma-box": "lrp-epsilon-gamma-box",
    "epsilon-alpha2-beta1": "lrp-epsilon-alpha2-beta1",
    "ebp": "excitation-backprop",
    "deeplift": "deeplift-rescale",
}
"""Other tools' and people's names of methods. How a name is spelled is not looked at: `GradCAM`,
`grad_cam` and "Grad CAM" are one."""

_USUAL_OF_FAMILY: Final = {"lrp": "lrp-epsilon-plus"}
"""Of names that several methods begin with, the method that suits most networks."""


def method_name(text: str, names: Collection[str]) -> str:
    """The name of the method that a text means.

    Args:
        text: its name, in any spelling, or another tool's name for it.
        names: of all methods.

    Raises:
        InputError: no method is meant, or several; it says which name comes near.
    """
    if text in names:
        return text
    by_letters = {_letters(name): name for name in names}
    by_letters |= {_letters(other): name for other, name in OTHER_NAMES.items()}
    letters = _letters(text)
    if letters in by_letters:
        return by_letters[letters]
    family = [name for name in names if _letters(name.partition("-")[0]) == letters]
    if len(family) > 1:
        usual = _USUAL_OF_FAMILY.get(letters)
        hint = f"; {usual} suits most networks" if usual in family else ""
        message = f"'{text}' is a family of methods: {', '.join(family)}{hint}"
        raise InputError(message, about="method")
    begun = [name for name in names if letters and _letters(name).startswith(letters)]
    near = begun or [by_letters[each] for each in difflib.get_close_matches(letters, by_letters)]
    hint = f"did you mean '{near[0]}'? " if near else ""
    message = f"unknown method '{text}'; {hint}choose from: {', '.join(names)}"
    raise InputError(message, about="method")


def _letters(name: str) -> str:
    """A name without its capitals, hyphens and blanks."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())
