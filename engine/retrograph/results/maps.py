"""An explained input as pictures: itself, and its attribution by each method."""

from __future__ import annotations

import numpy as np

from retrograph.methods import METHODS
from retrograph.render import Style, signed, style_named
from retrograph.render.colour import Picture
from retrograph.render.planes import plane
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation
from retrograph.runtime import Array


def is_drawable(array: Array) -> bool:
    """Whether an input can be drawn: a picture, planes, a sequence or a vector, but no volume."""
    return array.ndim <= 3


def input_picture(found: Explanation) -> Picture:
    """The input."""
    return found.shown if found.shown is not None else signed(plane(found.array))


def attribution_picture(
    found: Explanation, context: ExplainContext, method: str, k: int = 0
) -> Picture:
    """The attribution of a method for unit k.

    Where there is one number for all channels of what is no picture, each channel has it.

    Raises:
        InputError: it is not finite.
    """
    attribution, style = found.attributions[method][k], style_of(method, found, context)
    layout = context.preprocessing.layout
    if found.shown is None:
        attribution, layout = plane(np.broadcast_to(attribution, found.array.shape)), "nchw"
    order = context.preprocessing.order
    return style.draw(attribution, layout=layout, order=order, picture=found.shown)


def style_of(method: str, found: Explanation, context: ExplainContext) -> Style:
    """How the attribution of a method is drawn: what is no picture cannot lie under an overlay."""
    usual = METHODS[method].style if method in METHODS else "signed"
    return style_named(context.style or usual, has_picture=found.shown is not None)


def is_coloured(method: str, found: Explanation, context: ExplainContext) -> bool:
    """Whether a signed map of a method has red, green and blue apart; else it is grey."""
    axis = 1 if context.preprocessing.layout == "nchw" else -1
    return found.shown is not None and found.attributions[method].shape[axis] == 3
