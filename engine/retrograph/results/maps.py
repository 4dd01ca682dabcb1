"""An explained input as pictures: itself, and its attribution by each method."""

from __future__ import annotations

import numpy as np

from retrograph.methods import METHODS
from retrograph.render import Style, film, signed, style_named
from retrograph.render.colour import Picture, Pixels
from retrograph.render.planes import plane
from retrograph.results.explained import ExplainedInput


def is_drawable(explained: ExplainedInput) -> bool:
    """Whether an input can be drawn as one picture: any but a volume."""
    return explained.array.ndim <= 3 or is_video(explained)


def is_video(explained: ExplainedInput) -> bool:
    """Whether an input is a series of pictures."""
    return explained.context.axes.takes_videos and not explained.rows_joined


def input_picture(explained: ExplainedInput) -> Picture:
    """The input; of a video some frames."""
    if is_video(explained):
        return film(input_frames(explained))
    return explained.shown if explained.shown is not None else signed(plane(explained.array))


def input_frames(explained: ExplainedInput) -> Pixels:
    """The frames of a video, uint8 [T, H, W, 3]."""
    return explained.context.axes.frames_of(explained.array, explained.context.preprocessing)


def attribution_frames(explained: ExplainedInput, method: str, k: int = 0) -> Pixels:
    """The attribution of a video, drawn as those of pictures are, on one scale for all frames.

    Returns:
        uint8 [T, H, W, 3].

    Raises:
        InputError: it is not finite.
    """
    frames = input_frames(explained)
    stack = explained.context.axes.to_stack(explained.attributions[method][k])
    is_first = explained.context.preprocessing.layout == "nchw"
    tall = np.concatenate(np.broadcast_to(stack, (len(frames), *stack.shape[1:])), 1 * is_first)
    drawn = style_of(method, explained).draw(
        tall,
        layout=explained.context.preprocessing.layout,
        order=explained.context.preprocessing.order,
        picture=np.concatenate(frames),
    )
    return drawn.reshape(frames.shape)


def attribution_picture(explained: ExplainedInput, method: str, k: int = 0) -> Picture:
    """The attribution of a method for unit k.

    Where there is one number for all channels of what is no picture, each channel has it.

    Raises:
        InputError: it is not finite.
    """
    if is_video(explained):
        return film(attribution_frames(explained, method, k))
    attribution, style = explained.attributions[method][k], style_of(method, explained)
    layout = explained.context.preprocessing.layout
    if explained.shown is None:
        attribution, layout = plane(np.broadcast_to(attribution, explained.array.shape)), "nchw"
    else:
        (attribution,) = explained.context.axes.to_stack(attribution)
    order = explained.context.preprocessing.order
    return style.draw(attribution, layout=layout, order=order, picture=explained.shown)


def style_of(method: str, explained: ExplainedInput) -> Style:
    """How the attribution of a method is drawn: what is no picture cannot lie under an overlay."""
    name = explained.context.contracts[method].method
    usual = METHODS[name].style if name in METHODS else "signed"
    return style_named(explained.context.style or usual, has_picture=has_picture(explained))


def has_picture(explained: ExplainedInput) -> bool:
    """Whether an input is a picture, or pictures."""
    return explained.shown is not None or is_video(explained)


def is_coloured(method: str, explained: ExplainedInput) -> bool:
    """Whether a signed map of a method has red, green and blue apart; else it is grey."""
    channel = explained.context.axes.channel
    if channel is None or not has_picture(explained):
        return False
    return int(explained.attributions[method].shape[channel + 1]) == 3
