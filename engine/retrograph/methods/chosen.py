"""Methods as they are asked for: names, texts with parameters, objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from retrograph.errors import InputError, parameter
from retrograph.methods import METHODS, Method, method_named
from retrograph.methods.near_names import method_name
from retrograph.methods.parameters import configured, parameter_names

MethodChoice: TypeAlias = str | Method | Sequence[str | Method]
"""A method's name, several with commas, a method with parameters of its own, or several."""


def chosen_methods(methods: MethodChoice, parameters: Sequence[str] = ()) -> dict[str, Method]:
    """The methods that are asked for, each by its title, in their order.

    Args:
        methods: names, with commas or in a sequence, or methods with parameters of their own.
        parameters: texts NAME=VALUE, for every method that has one of that name, or
            METHOD.NAME=VALUE, for that method, which comes before the former. Only where the
            methods are a text.

    Returns:
        The title is a method's name; where several have one name, its parameters stand behind it.

    Raises:
        InputError: a method is unknown, a parameter that of none, or a value cannot be one.
    """
    if isinstance(methods, str):
        return _by_name(methods, parameters)
    listed = methods if isinstance(methods, Iterable) else [methods]
    distinct = list(dict.fromkeys(method_named(method) for method in listed))
    if not distinct:
        raise InputError(f"no method is given; choose from: {', '.join(METHODS)}")
    names = [method.name for method in distinct]
    return {m.name if names.count(m.name) == 1 else _title(m): m for m in distinct}


def _title(method: Method) -> str:
    """The name of a method and the parameters that are not the usual ones."""
    usual = METHODS[method.name].parameters if method.name in METHODS else {}
    texts = [f"{k}={v}" for k, v in method.parameters.items() if v != usual.get(k)]
    return " ".join([method.name, ", ".join(texts)]).strip()


def _by_name(text: str, parameters: Sequence[str]) -> dict[str, Method]:
    names = list(dict.fromkeys(method_name(name.strip(), METHODS) for name in text.split(",")))
    values: dict[str, dict[str, str]] = {name: {} for name in names}
    for key, value in sorted(map(_split, parameters), key=lambda pair: "." in pair[0]):
        for name, each in _meant(key, names):
            values[name][each] = value
    return {name: configured(METHODS[name], values[name]) for name in names}


def _split(text: str) -> tuple[str, str]:
    """The key and the value of KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{parameter('parameters', text)} has no value; give NAME=VALUE")
    return key.strip(), value


def _meant(key: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """The method and the parameter, for each of the chosen methods that a key means."""
    method, dot, name = key.rpartition(".")
    method = method_name(method, METHODS) if dot else ""
    if dot and method not in names:
        raise InputError(
            f"{parameter('parameters', key)}: '{method}' is none of the chosen methods: "
            f"{', '.join(names)}; choose it with {parameter('method')}"
        )
    if dot:
        return [(method, name)]
    pairs = [(each, key) for each in names if key in parameter_names(METHODS[each])]
    if not pairs:
        having = [f"{each}.{own}" for each in names for own in parameter_names(METHODS[each])]
        mend = f"choose from: {', '.join(having)}" if having else "they have no parameters at all"
        raise InputError(
            f"{parameter('parameters', key)}: none of {', '.join(names)} has that; {mend}"
        )
    return pairs
