"""A parameter of the library as a field of a request."""

from __future__ import annotations

from collections.abc import Iterable
from keyword import iskeyword
from typing import Final

_FIELDS: Final = {"x": "input", "class_": "class"}
"""The fields that are not called as the parameter is."""
_PYTHON: Final = {"activations", "baselines", "head", "many", "select"}
"""What neither a request nor the start of a service takes."""
_SETTINGS: Final = {"alphabet", "device", "examples", "labels", "precision", "sample_rate"}
"""What a service is told at its start, and no request."""
_VALUES: Final = {"True": "true", "False": "false", "{NAME: VALUE}": '{"NAME": VALUE}'}
_PATHS: Final = {"layers()": "GET /v1/layers"}


def field_of(name: str) -> str:
    """What a request calls a parameter of the library."""
    return _FIELDS.get(name, name)


def keyword_of(field: str) -> str:
    """What the library calls a field of a question."""
    return f"{field}_" if iskeyword(field) else field


def fields_of(names: Iterable[str]) -> list[str]:
    """What a request calls parameters of the library, without those that no request has."""
    return [field_of(name) for name in names if name not in _PYTHON]


def as_field(name: str, value: str | None) -> str:
    """A parameter as a request has it: `unit=400`, `outputs=false`; a command by its name."""
    if name.endswith("()"):
        return f"`retrograph {name.removesuffix('()').removesuffix('_all')}`"
    told = field_of(name) if value is None else f"{field_of(name)}={_VALUES.get(value, value)}"
    if name in _PYTHON:
        return f"{told} (in Python, not here)"
    return f"{told} (set at the start)" if name in _SETTINGS else told


def in_service(name: str, value: str | None) -> str:
    """As `as_field`; what the service lists itself by its path: `GET /v1/layers`."""
    return _PATHS.get(name) or as_field(name, value)
