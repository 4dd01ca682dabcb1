"""A parameter of the library as an option of the command line."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from retrograph.serving.limits import Limits

OPTIONS: Final = {
    **{field.name: f"--most-{field.name}" for field in fields(Limits)},
    "class_": "--class",
    "k": "-k",
    "output": "-o",
    "out": "-o",
    "parameters": "--param",
    "preprocessing": "--preprocess",
}
"""The options that are not called as the parameter is."""
SWITCHES: Final = {
    ("straight_through", "False"): "--straight-through no",
    ("outputs", "False"): "--no-outputs",
    ("x", "{NAME: VALUE}"): "--input NAME=VALUE",
}
"""The options that stand for a parameter and its value together."""
OF_METHODS: Final = {"baselines"}
"""The parameters of methods, which `--param` sets."""


def as_option(name: str, value: str | None) -> str:
    """A parameter and its value, or a command, as typed: `--force`, `--labels FILE`."""
    if (name, str(value)) in SWITCHES:
        return SWITCHES[name, str(value)]
    if name.endswith("()"):
        return f"`retrograph {name.removesuffix('()').removesuffix('_all')}`"
    if name in OF_METHODS:
        return f"--param {name}={value}"
    if name == "part" and value is not None:
        value = value.strip("()").replace(", ", "/")
    option = OPTIONS.get(name, f"--{name.replace('_', '-')}")
    return option if value in (None, "True") else f"{option} {value}"
