"""A parameter of the library as a field of a request."""

from __future__ import annotations

from typing import Final

_FIELDS: Final = {"x": "input"}
"""The fields that are not called as the parameter is."""
_SETTINGS: Final = {"alphabet", "device", "examples", "labels", "precision", "sample_rate"}
"""What a service is told at its start, and no request."""
_VALUES: Final = {"True": "true", "False": "false", "{NAME: VALUE}": '{"NAME": VALUE}'}
_PATHS: Final = {"layers()": "GET /v1/layers"}


def field_of(name: str) -> str:
    """What a request calls a parameter of the library."""
    return _FIELDS.get(name, name)


def as_field(name: str, value: str | None) -> str:
    """A parameter as a request has it: `unit=400`, `outputs=false`; a command by its name."""
    if name.endswith("()"):
        return f"`retrograph {name.removesuffix('()').removesuffix('_all')}`"
    told = field_of(name) if value is None else f"{field_of(name)}={_VALUES.get(value, value)}"
    return f"{told} (set at the start)" if name in _SETTINGS else told


def in_service(name: str, value: str | None) -> str:
    """As `as_field`; what the service lists itself by its path: `GET /v1/layers`."""
    return _PATHS.get(name) or as_field(name, value)
