"""Pictures before any arithmetic: the first ones among inputs, other views of them, blank ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, NoReturn

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrograph.errors import InputError
from retrograph.inputs.kinds.picture import PictureInput
from retrograph.inputs.kinds.video import VideoInput
from retrograph.inputs.loader import Input, read_inputs
from retrograph.preprocess import PRESETS, InputAxes, Item, Preprocessing
from retrograph.preprocess.arrays import AnyArray
from retrograph.preprocess.recipe import known

Stack = npt.NDArray[np.uint8]
"""A picture, or a video's frames, RGB: [T, H, W, 3]; T is 1 for a picture."""

_LOOKED_AT: Final = 64
"""Among so many inputs pictures are looked for: others are arrays of floats, or bad."""
_SIDE: Final = 224
_CENTRE: Final = 0.88
_DARKER: Final = 0.7
_MEAN_COLOUR: Final = (124, 116, 104)
"""That of photographs."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture as the model sees it, but for the arithmetic.

    Attributes:
        name: where it came from.
        stack: its frames.
    """

    name: str
    stack: Stack


class _OfPixels:
    """Refuses what is the model's input already, which no preprocessing concerns."""

    def from_numbers(self, name: str, values: AnyArray) -> NoReturn:
        """Raises InputError."""
        raise InputError(f"{name} holds no pixels")


class _Pictures(_OfPixels, PictureInput):
    """Pictures alone."""


class _Videos(_OfPixels, VideoInput):
    """Videos of pictures alone."""


def first_pixels(inputs: Iterable[Input], axes: InputAxes, most: int) -> list[Pixels]:
    """The first pictures, or videos, among some inputs, as far as they can be read.

    Args:
        inputs: files, folders, pictures and arrays, possibly by the input's name; arrays of floats
            have no pixels, and of several inputs by their names none is tried.
        axes: of the model's input, which takes pictures or videos.
        most: how many.
    """
    axes = _of_fixed_size(axes)
    assert axes.frame is not None
    recipe = PRESETS["0-255"].for_shape(axes.frame)
    kind = (_Videos if axes.takes_videos else _Pictures)(axes, recipe)
    single = [each for each in inputs if not isinstance(each, Mapping) or len(each) == 1]
    items = (pending.read() for _, pending in islice(read_inputs(single, kind), _LOOKED_AT))
    good = (item for item in items if isinstance(item, Item))
    return [Pixels(item.name, axes.frames_of(item.array, recipe)) for item in islice(good, most)]


def _of_fixed_size(axes: InputAxes) -> InputAxes:
    """The same, open sizes those of a small picture: large ones would take long."""
    return axes.with_size([known(axes.item[axis]) or _SIDE for axis in axes.spatial])


def views(stack: Stack) -> list[Stack]:
    """A picture, its mirror image, its centre and a darker copy, of one size."""
    dark = (stack * _DARKER).astype(np.uint8)
    return [stack, stack[:, :, ::-1], _each(stack, _centre), dark]


def blank_stacks(like: Stack, *, is_gray: bool) -> list[Stack]:
    """Pictures of nothing: a mean colour, black, white, fine and coarse noise."""
    frames, height, width, _ = like.shape
    random = np.random.default_rng(0)
    flat = [np.full((height, width, 3), colour, np.uint8) for colour in (_MEAN_COLOUR, 0, 255)]
    fine = random.integers(0, 256, (height, width, 3), np.uint8)
    coarse = Image.fromarray(random.integers(0, 256, (7, 7, 3), np.uint8))
    blended = np.asarray(coarse.resize((width, height), Image.Resampling.BILINEAR))
    stacks = [np.stack([picture] * frames) for picture in (*flat, fine, blended)]
    return [_each(stack, _gray) for stack in stacks] if is_gray else stacks


def encode(stack: Stack, recipe: Preprocessing, axes: InputAxes) -> AnyArray:
    """A picture as the model's input, float32 [*item]; the recipe's resizing is left out."""
    pixels = stack.astype(np.float64)
    if recipe.order == "gray":
        pixels = pixels[..., :1]
    elif recipe.order == "bgr":
        pixels = pixels[..., ::-1]
    values = ((pixels * recipe.scale - recipe.mean) / recipe.std).astype(np.float32)
    return axes.to_item(values if recipe.layout == "nhwc" else values.transpose(0, 3, 1, 2))


def _each(stack: Stack, change: Callable[[Image.Image], Image.Image]) -> Stack:
    """Each frame changed."""
    return np.stack([np.asarray(change(Image.fromarray(frame))) for frame in stack])


def _centre(frame: Image.Image) -> Image.Image:
    """The middle, enlarged to the size of all."""
    width, height = frame.size
    left, top = width * (1 - _CENTRE) / 2, height * (1 - _CENTRE) / 2
    box = (left, top, width - left, height - top)
    return frame.resize(frame.size, Image.Resampling.BILINEAR, box=box)


def _gray(frame: Image.Image) -> Image.Image:
    return frame.convert("L").convert("RGB")
