"""Attribution methods, each one object over the VJP rules."""

from __future__ import annotations

from retrograph.errors import InputError
from retrograph.methods.base import Method
from retrograph.methods.gradient import InputXGradient, Saliency
from retrograph.methods.relu import Deconvnet, Gradient, Guided, RectGrad

GRADIENT, DECONVNET, GUIDED = Gradient(), Deconvnet(), Guided()

METHODS: dict[str, Method] = {
    method.name: method
    for method in (GRADIENT, Saliency(), InputXGradient(), DECONVNET, GUIDED, RectGrad())
}
"""The one list: the command line, the documents and the tests are fed by it."""


def method_named(name: str) -> Method:
    """The method of that name.

    Raises:
        InputError: there is none.
    """
    if name not in METHODS:
        raise InputError(f"unknown method '{name}'; choose one of: {', '.join(METHODS)}")
    return METHODS[name]


__all__ = ["DECONVNET", "GRADIENT", "GUIDED", "METHODS", "Method", "method_named"]
