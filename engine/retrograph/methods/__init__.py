"""Attribution methods, each one object over the VJP rules."""

from __future__ import annotations

from retrograph.errors import InputError
from retrograph.methods.base import Arrival, Method
from retrograph.methods.cam import GradCam, GradCamPlusPlus, GuidedGradCam, LayerCam
from retrograph.methods.gradient import InputXGradient, Saliency
from retrograph.methods.relu import Deconvnet, Gradient, Guided, RectGrad

GRADIENT, DECONVNET, GUIDED = Gradient(), Deconvnet(), Guided()

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        *(GRADIENT, Saliency(), InputXGradient(), DECONVNET, GUIDED, RectGrad()),
        *(GradCam(), GradCamPlusPlus(), LayerCam(), GuidedGradCam()),
    )
}
"""The one list: the command line, the documents and the tests are fed by it."""


def method_named(name: str | Method) -> Method:
    """The method of that name; a method is itself.

    Raises:
        InputError: there is none.
    """
    if isinstance(name, Method):
        return name
    if name not in METHODS:
        raise InputError(f"unknown method '{name}'; choose one of: {', '.join(METHODS)}")
    return METHODS[name]


__all__ = ["DECONVNET", "GRADIENT", "GUIDED", "METHODS", "Arrival", "Method", "method_named"]
