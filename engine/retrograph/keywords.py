"""Wrong keywords and numbers given to the public functions, refused with the right ones."""

from __future__ import annotations

import difflib
import inspect
import operator
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, SupportsIndex, TypeVar

from retrograph.errors import InputError, parameter

P = ParamSpec("P")
R = TypeVar("R")

_WORDS = {
    "target": "layer",
    "layer": "layers",
    "layers": "layer",
    "channel": "unit",
    "class_": "unit",
    "neuron": "unit",
    "output": "out",
    "preprocess": "preprocessing",
    "classes": "labels",
    "providers": "device",
    "params": "parameters",
}
"""What keywords are called here that other tools call otherwise; several may be right."""


def checked_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which raises an `InputError` where it is called with wrong arguments.

    The error names the keyword that was probably meant, and all that there are.
    """
    signature = inspect.signature(function)
    name = function.__qualname__.removesuffix(".__init__")

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InputError(_explained(name, signature, kwargs, error)) from None
        return function(*args, **kwargs)

    return call


def check_counts(**values: object) -> None:
    """Raises InputError for the first of some numbers that is none from 1; None is not given."""
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, SupportsIndex) or operator.index(value) < 1:
            raise InputError(f"{parameter(name)} is {value!r:.60}; give a whole number from 1")


def _explained(
    name: str, signature: inspect.Signature, given: dict[str, object], error: TypeError
) -> str:
    """What is wrong with a call, and how it is mended."""
    known = [each for each in signature.parameters if each != "self"]
    wrong = [keyword for keyword in given if keyword not in known]
    if not wrong:
        return f"{name}: {error}; give {', '.join(known)}"
    keyword = wrong[0]
    near = difflib.get_close_matches(keyword, known, n=1)
    other = _WORDS.get(keyword)
    meant = other if other in known else near[0] if near else None
    hint = f"did you mean '{meant}'? " if meant else ""
    return f"{name} takes no '{keyword}'; {hint}choose from: {', '.join(known)}"
