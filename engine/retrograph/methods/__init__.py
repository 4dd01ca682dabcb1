"""Attribution methods, each one object over the VJP rules."""

from __future__ import annotations

from retrograph.errors import InputError
from retrograph.methods.base import Method
from retrograph.methods.relu import DECONVNET, GRADIENT, GUIDED

METHODS = {method.name: method for method in (GRADIENT, DECONVNET, GUIDED)}


def method_named(name: str) -> Method:
    """The method of that name.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise InputError(f"unknown method '{name}'; choose one of: {', '.join(METHODS)}")
    return METHODS[name]


__all__ = ["DECONVNET", "GRADIENT", "GUIDED", "METHODS", "Method", "method_named"]
