"""Attribution methods, each one object over the VJP rules."""

from __future__ import annotations

from retrograph.errors import InputError
from retrograph.methods.base import Arrival, Method
from retrograph.methods.cam import GradCam, GradCamPlusPlus, GuidedGradCam, LayerCam, MapMethod
from retrograph.methods.deeplift import DeepLiftRescale
from retrograph.methods.gradient import InputXGradient, Saliency
from retrograph.methods.near_names import method_name
from retrograph.methods.noise import SmoothGrad, VarGrad
from retrograph.methods.page import Page, page
from retrograph.methods.path_integral import ExpectedGradients, IntegratedGradients
from retrograph.methods.relevance.composites import (
    LrpEpsilonAlpha2Beta1,
    LrpEpsilonGammaBox,
    LrpEpsilonPlus,
)
from retrograph.methods.relevance.lrp import (
    ExcitationBackprop,
    LrpAlphaBeta,
    LrpEpsilon,
    LrpGamma,
    LrpZPlus,
)
from retrograph.methods.relu import Deconvnet, Gradient, Guided, RectGrad

GRADIENT, DECONVNET, GUIDED = Gradient(), Deconvnet(), Guided()

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        *(GRADIENT, Saliency(), InputXGradient(), DECONVNET, GUIDED, RectGrad()),
        *(IntegratedGradients(), SmoothGrad(), VarGrad(), ExpectedGradients()),
        *(GradCam(), GradCamPlusPlus(), LayerCam(), GuidedGradCam()),
        *(LrpEpsilon(), LrpGamma(), LrpZPlus(), LrpAlphaBeta()),
        *(LrpEpsilonPlus(), LrpEpsilonGammaBox(), LrpEpsilonAlpha2Beta1(), ExcitationBackprop()),
        DeepLiftRescale(),
    )
}
"""The one list: the command line, the documents and the tests are fed by it."""


def method_named(name: str | Method) -> Method:
    """The method of that name, or of a near one (`method_name`); a method is itself.

    Raises:
        InputError: there is none, or several are meant.
    """
    if isinstance(name, Method):
        return name
    if isinstance(name, type) and issubclass(name, Method):
        raise InputError(f"{name.__name__} is a class of methods; give {name.__name__}()")
    if not isinstance(name, str):
        raise InputError(f"{name!r:.60} is no method; give a name, such as guided, or a `Method`")
    return METHODS[method_name(name, METHODS)]


def describe(method: str | Method) -> Page:
    """What a method shows, its formula, source, use and limits, and its parameters.

    Raises:
        InputError: there is no such method, or several are meant.

    Example:
        >>> print(retrograph.methods.describe("grad-cam"))
        >>> [retrograph.methods.describe(name).summary for name in retrograph.methods.METHODS]
    """
    return page(method_named(method))


__all__ = [
    "DECONVNET",
    "GRADIENT",
    "GUIDED",
    "METHODS",
    "Arrival",
    "Deconvnet",
    "DeepLiftRescale",
    "ExcitationBackprop",
    "ExpectedGradients",
    "GradCam",
    "GradCamPlusPlus",
    "Gradient",
    "Guided",
    "GuidedGradCam",
    "InputXGradient",
    "IntegratedGradients",
    "LayerCam",
    "LrpAlphaBeta",
    "LrpEpsilon",
    "LrpEpsilonAlpha2Beta1",
    "LrpEpsilonGammaBox",
    "LrpEpsilonPlus",
    "LrpGamma",
    "LrpZPlus",
    "MapMethod",
    "Method",
    "Page",
    "RectGrad",
    "Saliency",
    "SmoothGrad",
    "VarGrad",
    "describe",
    "method_named",
]
