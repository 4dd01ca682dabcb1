"""What an ascent starts from: noise, grey, an input, or a photograph."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from retrograph.errors import InputError
from retrograph.inputs import input_kind
from retrograph.inputs.single_input import OneInput, read_input
from retrograph.preprocess import PRESETS, InputAxes
from retrograph.preprocess.recipe import describe, known
from retrograph.runtime import Array
from retrograph.synthesis.ascent import Base
from retrograph.synthesis.context import GREY, NOISE, SynthesisRequest
from retrograph.synthesis.space import Space
from retrograph.synthesis.views import resized

_NOISE: Final = 0.05
"""The standard deviation of the noise at the start, on a canvas."""
_NOISE_OF_NO_PICTURE: Final = 0.1
_LARGEST_DREAM: Final = 448
"""The greatest short side of a dream, where no size is given."""


def read_start(start: OneInput, request: SynthesisRequest) -> tuple[Array | None, float]:
    """What an ascent starts from.

    Args:
        start: "noise"; "grey"; or an input, see `read_input`.
        request: what is asked of which model.

    Returns:
        The input [*input], None for mid-grey (0 where it is no picture); and the standard deviation
        of the noise that is added to it.

    Raises:
        InputError: the input cannot be read, or does not fit the model.
    """
    if isinstance(start, str) and start == NOISE:
        return None, _NOISE if request.context.takes_pictures else _NOISE_OF_NO_PICTURE
    if isinstance(start, str) and start == GREY:
        return None, 0.0
    return read_model_input(start, request), 0.0


def read_model_input(source: OneInput, request: SynthesisRequest) -> Array:
    """An input [*input], of a size that the model takes.

    Raises:
        InputError: it cannot be read, or does not fit the model.
    """
    recipe = request.context.preprocessing or PRESETS["0-1"]
    return read_input(source, input_kind(request.context.axes, recipe)).array


def read_photograph(
    picture: OneInput, request: SynthesisRequest, size: tuple[int, int] | None
) -> Array:
    """A picture to dream on, [*input], of any height and width.

    Args:
        picture: see `read_input`.
        request: what is asked of which model.
        size: height and width; those of the picture, up to a limit, if None. An array of floats
            stays as it is.

    Raises:
        InputError: the model takes no pictures, or it cannot be read.
    """
    axes, recipe = request.context.axes, request.context.preprocessing
    if recipe is None or not axes.takes_pictures:
        raise InputError(
            f"a dream needs a model that takes pictures, and this one takes "
            f"{describe(axes.shape)}; leave it out"
        )
    recipe = replace(recipe, resize="crop", crop_fraction=1.0)
    if size is not None:
        return read_input(picture, input_kind(axes.with_size(size), recipe)).array
    photograph = read_input(picture, input_kind(axes.with_size((None, None)), recipe)).array
    height, width = (photograph.shape[axis] for axis in axes.spatial)
    factor = min(1.0, _LARGEST_DREAM / min(height, width))
    if factor == 1 or (isinstance(picture, np.ndarray) and picture.dtype.kind == "f"):
        return photograph
    size = round(height * factor), round(width * factor)
    return read_input(picture, input_kind(axes.with_size(size), recipe)).array


def base_of(space: Space, start: Array | None) -> Base:
    """What an ascent starts from at each size: an input, or mid-grey (0 where it is no picture).

    Raises:
        InputError: the input has another shape than the model's.
    """
    if start is None:
        return lambda size: np.zeros((1, space.item[0], *size))
    item = space.arranged(np.zeros((1, *space.item))).shape[1:]
    if np.shape(start) != item:
        raise InputError(
            f"the start has the shape {list(np.shape(start))} and the model takes {list(item)}; "
            "give one of that shape"
        )
    canvas = space.from_input(np.asarray(start)[np.newaxis])
    return lambda size: resized(canvas, size)


def axes_of_size(axes: InputAxes, start: Array | None) -> InputAxes:
    """The axes of the model's input, its open sizes those of what the ascent starts from."""
    if start is None or len(axes.item) != start.ndim:
        return axes
    pairs = zip(axes.item, start.shape, strict=True)
    return axes.with_item([known(dim) or size for dim, size in pairs])
