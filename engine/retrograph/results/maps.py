"""An explained input as pictures: itself, and its attribution by each method."""

from __future__ import annotations

import numpy as np

from retrograph.methods import METHODS
from retrograph.render import Style, film, signed, style_named
from retrograph.render.colour import Picture, Pixels
from retrograph.render.planes import plane
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation


def is_drawable(found: Explanation, context: ExplainContext) -> bool:
    """Whether an input can be drawn as one picture: any but a volume."""
    return found.array.ndim <= 3 or is_video(found, context)


def is_video(found: Explanation, context: ExplainContext) -> bool:
    """Whether an input is a series of pictures."""
    return context.axes.takes_videos and not found.rows_joined


def input_picture(found: Explanation, context: ExplainContext) -> Picture:
    """The input; of a video some frames."""
    if is_video(found, context):
        return film(input_frames(found, context))
    return found.shown if found.shown is not None else signed(plane(found.array))


def input_frames(found: Explanation, context: ExplainContext) -> Pixels:
    """The frames of a video, uint8 [T, H, W, 3]."""
    return context.axes.frames_of(found.array, context.preprocessing)


def attribution_frames(
    found: Explanation, context: ExplainContext, method: str, k: int = 0
) -> Pixels:
    """The attribution of a video, drawn as those of pictures are, on one scale for all frames.

    Returns:
        uint8 [T, H, W, 3].

    Raises:
        InputError: it is not finite.
    """
    frames = input_frames(found, context)
    stack = context.axes.to_stack(found.attributions[method][k])
    is_first = context.preprocessing.layout == "nchw"
    tall = np.concatenate(np.broadcast_to(stack, (len(frames), *stack.shape[1:])), 1 * is_first)
    drawn = style_of(method, found, context).draw(
        tall,
        layout=context.preprocessing.layout,
        order=context.preprocessing.order,
        picture=np.concatenate(frames),
    )
    return drawn.reshape(frames.shape)


def attribution_picture(
    found: Explanation, context: ExplainContext, method: str, k: int = 0
) -> Picture:
    """The attribution of a method for unit k.

    Where there is one number for all channels of what is no picture, each channel has it.

    Raises:
        InputError: it is not finite.
    """
    if is_video(found, context):
        return film(attribution_frames(found, context, method, k))
    attribution, style = found.attributions[method][k], style_of(method, found, context)
    layout = context.preprocessing.layout
    if found.shown is None:
        attribution, layout = plane(np.broadcast_to(attribution, found.array.shape)), "nchw"
    else:
        (attribution,) = context.axes.to_stack(attribution)
    order = context.preprocessing.order
    return style.draw(attribution, layout=layout, order=order, picture=found.shown)


def style_of(method: str, found: Explanation, context: ExplainContext) -> Style:
    """How the attribution of a method is drawn: what is no picture cannot lie under an overlay."""
    usual = METHODS[method].style if method in METHODS else "signed"
    return style_named(context.style or usual, has_picture=has_picture(found, context))


def has_picture(found: Explanation, context: ExplainContext) -> bool:
    """Whether an input is a picture, or pictures."""
    return found.shown is not None or is_video(found, context)


def is_coloured(method: str, found: Explanation, context: ExplainContext) -> bool:
    """Whether a signed map of a method has red, green and blue apart; else it is grey."""
    channel = context.axes.channel
    if channel is None or not has_picture(found, context):
        return False
    return int(found.attributions[method].shape[channel + 1]) == 3
