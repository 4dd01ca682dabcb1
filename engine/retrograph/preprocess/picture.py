"""Pictures: made into a model's input, and back."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.recipe import (
    Interpolation,
    Preprocessing,
    Resize,
    Shape,
    describe,
    known,
    spatial,
)

Array: TypeAlias = npt.NDArray[np.float32]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Size: TypeAlias = tuple[int, int]
"""Width and height, as Pillow orders them."""

FILTERS: Final[dict[Interpolation, Image.Resampling]] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def prepare(
    image: Image.Image, preprocessing: Preprocessing, shape: Shape
) -> tuple[Array, Image.Image]:
    """A picture as the input of a model, and what of it the model sees.

    `shape` is that of the model's input, batch first; heights and widths it does not fix are the
    picture's own (where it fixes only one, proportions give the other). Returns the input,
    float32 [C, H, W] or [H, W, C] by `preprocessing.layout`, and the H by W picture, RGB (grey
    for a gray model). Raises InputError when the two do not go together, or the picture cannot
    be brought to size.
    """
    check_fits(preprocessing, shape)
    resized = _resize(in_mode(image, "RGB"), preprocessing, shape)
    if preprocessing.order == "gray":
        resized = resized.convert("L")
    pixels = np.asarray(resized).reshape(resized.height, resized.width, -1)
    if preprocessing.order == "bgr":
        pixels = pixels[..., ::-1]
    shown = resized.copy() if resized is image else in_mode(resized, "RGB")
    return _scaled(pixels, preprocessing), shown


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode of Pillow's; itself, no copy, where it has that."""
    return image if image.mode == mode else image.convert(mode)


def _scaled(pixels: Pixels, preprocessing: Preprocessing) -> Array:
    """Pixels uint8 [H, W, C], scaled, as float32 [C, H, W] or [H, W, C]."""
    levels = _levels(preprocessing, pixels.shape[2])
    height, width, channels = pixels.shape
    is_first = preprocessing.layout == "nchw"
    shape = (channels, height, width) if is_first else (height, width, channels)
    scaled = np.empty(shape, np.float32)
    for channel, level in enumerate(levels):
        plane = scaled[channel] if is_first else scaled[..., channel]
        level.take(pixels[..., channel], out=plane, mode="clip")  # clips none, but copies less
    return scaled


@lru_cache(maxsize=8)
def _levels(preprocessing: Preprocessing, channels: int) -> Array:
    """What becomes of each of the 256 levels of a pixel, float32 [channels, 256]."""
    levels = np.arange(256, dtype=np.float64)[:, np.newaxis]
    scaled = (levels * preprocessing.scale - preprocessing.mean) / preprocessing.std
    return np.ascontiguousarray(np.broadcast_to(scaled, (256, channels)).T, np.float32)


def restore(array: npt.ArrayLike, preprocessing: Preprocessing) -> Pixels:
    """The picture uint8 [H, W, 3] that `prepare` would make into `array`.

    `array` is [C, H, W] or [H, W, C] by `preprocessing.layout`; values of no picture are clipped.
    Raises InputError when it is not of the preprocessing's channels.
    """
    values = np.asarray(array, np.float64)
    if preprocessing.layout == "nchw":
        values = values.transpose(1, 2, 0)
    if values.shape[2] != preprocessing.channels:
        raise InputError(
            f"an array of {values.shape[2]} channels is no {preprocessing.order} picture; "
            f"give {preprocessing.channels}"
        )
    pixels = (values * preprocessing.std + preprocessing.mean) / preprocessing.scale
    if preprocessing.order == "bgr":
        pixels = pixels[..., ::-1]
    bytes_ = np.nan_to_num(pixels).round().clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(bytes_, (*bytes_.shape[:2], 3)))


def check_fits(preprocessing: Preprocessing, shape: Shape) -> None:
    """Raises InputError when `preprocessing` cannot make the input of a model of `shape`."""
    axis = 1 if preprocessing.layout == "nchw" else -1
    if len(shape) != 4 or known(shape[axis]) not in (None, preprocessing.channels):
        raise InputError(
            f"{preprocessing.order} {preprocessing.layout} preprocessing does not make the "
            f"model's input {describe(shape)}; choose another order or layout"
        )


def _resize(image: Image.Image, preprocessing: Preprocessing, shape: Shape) -> Image.Image:
    size = _target(spatial(shape, preprocessing.layout), image.size)
    if size is None:
        return image
    resize: Resize = preprocessing.resize
    match resize:
        case "stretch":
            return image.resize(size, FILTERS[preprocessing.interpolation])
        case "crop":
            return _crop(image, size, preprocessing)
        case "pad":
            return _pad(image, size, preprocessing)
        case "none":
            return _unchanged(image, size)


def _target(fixed: tuple[int | None, int | None], own: Size) -> Size | None:
    match fixed:
        case (int(height), int(width)):
            return width, height
        case (int(height), None):
            return max(1, round(own[0] * height / own[1])), height
        case (None, int(width)):
            return width, max(1, round(own[1] * width / own[0]))
        case _:
            return None


def _crop(image: Image.Image, size: Size, preprocessing: Preprocessing) -> Image.Image:
    width, height = (round(extent / preprocessing.crop_fraction) for extent in size)
    if width * image.height >= height * image.width:
        covering = width, width * image.height // image.width
    else:
        covering = height * image.width // image.height, height
    if math.prod(covering) > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise InputError(
            f"a picture of {image.width}x{image.height} is too elongated to crop; "
            "choose the resize mode stretch or pad"
        )
    if image.size == covering == size:
        return image
    scaled = image.resize(covering, FILTERS[preprocessing.interpolation])
    left, top = ((have - want) // 2 for have, want in zip(covering, size, strict=True))
    return scaled.crop((left, top, left + size[0], top + size[1]))


def _pad(image: Image.Image, size: Size, preprocessing: Preprocessing) -> Image.Image:
    ratio = min(want / have for want, have in zip(size, image.size, strict=True))
    width, height = (max(1, round(extent * ratio)) for extent in image.size)
    padded = Image.new("RGB", size)
    padded.paste(
        image.resize((width, height), FILTERS[preprocessing.interpolation]),
        ((size[0] - width) // 2, (size[1] - height) // 2),
    )
    return padded


def _unchanged(image: Image.Image, size: Size) -> Image.Image:
    if image.size != size:
        raise InputError(
            f"the picture is {image.width}x{image.height}, the model takes "
            f"{size[0]}x{size[1]}; choose a resize mode other than none"
        )
    return image
