"""The parameters of a method, set from text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, fields, replace
from typing import Any

from retrograph.errors import InputError
from retrograph.methods.base import Method


def configured(method: Method, given: Mapping[str, str]) -> Method:
    """The method with parameters read from text, each by the type of its default.

    Args:
        method: any method.
        given: texts by the names of parameters.

    Raises:
        InputError: the method has no such parameter, a text cannot be read, or a value is out of
            the parameter's range.
    """
    own = {field.name: field for field in fields(method)}
    for name in given:
        if name not in own:
            has = f"its parameters: {', '.join(own)}" if own else "it has none"
            raise InputError(f"'{method.name}' has no parameter '{name}'; {has}")
    return replace(method, **{name: _read(method, own[name], text) for name, text in given.items()})


def parameter_names(method: Method) -> tuple[str, ...]:
    """What the parameters of a method are called."""
    return tuple(field.name for field in fields(method))


def _read(method: Method, parameter: Field[Any], text: str) -> Any:
    default = parameter.default
    read, kind = parameter.metadata.get("read") or _READERS[type(default)]
    example = "" if default is None else f", such as {_written(default)}"
    try:
        return read(text.strip())
    except ValueError:
        raise InputError(
            f"{method.name}: {parameter.name} is '{text}'; give {kind}{example}"
        ) from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _truth(text: str) -> bool:
    answers = {"true": True, "false": False}
    if text.lower() not in answers:
        raise ValueError(text)
    return answers[text.lower()]


_READERS: dict[type, tuple[Callable[[str], Any], str]] = {
    int: (int, "a whole number"),
    float: (_finite, "a number"),
    bool: (_truth, "true or false"),
    str: (str, "a text"),
}
"""What reads a parameter, by the type of its default, and what it takes in words.

A field with another way of its own says it as the metadata `read`.
"""


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
