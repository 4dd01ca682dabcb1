"""Arrays of numbers as batches of a model's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.picture import Array, Pixels
from retrograph.preprocess.recipe import Preprocessing, Shape, describe, known, spatial

AnyArray: TypeAlias = npt.NDArray[Any]


def as_inputs(array: AnyArray, shape: Shape, item: Shape, mend: str = "reshape it") -> AnyArray:
    """An array as a batch [N, *item] of inputs for a model of `shape`, unchanged.

    A batch axis that is not there is added. Raises InputError when the array does not fit, which
    says how that is mended.
    """
    batch = array[np.newaxis] if array.ndim == len(item) else array
    if batch.dtype.kind not in "biuf":
        raise InputError(f"its values are {array.dtype}; save them as float32")
    if batch.ndim != len(item) + 1 or not all(map(_fits, batch.shape[1:], item)):
        omit = " (the batch axis may be left out)" if len(item) < len(shape) else ""
        raise InputError(
            f"{size_text(array)} does not fit the model's input {describe(shape)}{omit}; {mend}"
        )
    if batch.size == 0:
        raise InputError("the array is empty; save at least one input")
    return batch


def as_pictures(array: Pixels, shape: Shape, preprocessing: Preprocessing) -> Pixels:
    """An array of bytes as a batch [N, H, W, 1 or 3] of pictures, grey or RGB.

    `shape` and `preprocessing` tell what the model takes. The array is one picture, [H, W],
    [H, W, C] or [C, H, W]; or several, with a batch axis before; or rows of H * W * C values,
    where the model fixes H and W. Raises InputError when it is none of these.
    """
    if array.size == 0:
        raise InputError("the array is empty; save at least one picture")
    channels = preprocessing.channels
    height, width = spatial(shape, preprocessing.layout)
    if height and width and array.ndim <= 2 and array.shape[-1:] == (height * width * channels,):
        return array.reshape(-1, height, width, channels)
    match array.shape:
        case (_, _):
            return array[np.newaxis, :, :, np.newaxis]
        case (_, _, 1 | 3):
            return array[np.newaxis]
        case (first, _, _):
            return np.moveaxis(array, 0, -1)[np.newaxis] if first == channels else array[..., None]
        case (_, first, _, last) if last in (1, 3) and (first, preprocessing.layout) != (
            channels,
            "nchw",
        ):
            return array
        case (_, 1 | 3, _, _):
            return np.moveaxis(array, 1, -1)
    raise InputError(
        f"{size_text(array)} bytes are no pictures for the model's input {describe(shape)}; "
        "save them as N x height x width x 3"
    )


def as_bytes(values: Sequence[str]) -> Pixels:
    """Written numbers as bytes [N]. Raises InputError when one is no whole number up to 255."""
    try:
        numbers = np.array(values, np.float64)
    except ValueError as error:
        raise InputError(f"{error}; write whole numbers from 0 to 255") from None
    wrong = (numbers != numbers.round()) | ~((numbers >= 0) & (numbers <= 255))
    if wrong.any():
        raise InputError(
            f"value {values[int(wrong.argmax())]} is no pixel value; "
            "write whole numbers from 0 to 255, and give other inputs as .npy"
        )
    return numbers.astype(np.uint8)


def as_image(pixels: AnyArray) -> Image.Image:
    """Pixels [H, W, 1 or 3] as a picture."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def finite(name: str, values: AnyArray) -> Array:
    """Numbers as float32.

    Raises:
        InputError: some are not finite; `name` says where.
    """
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{name} has NaN, infinite or too large values; mend them")
    return array


def _fits(extent: int, dim: int | str | None) -> bool:
    return known(dim) in (None, extent)


def size_text(array: AnyArray) -> str:
    """The type and the shape of an array, for people."""
    return f"{array.dtype} {'x'.join(map(str, array.shape)) or 'scalar'}"
