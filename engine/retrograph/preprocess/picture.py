"""Pictures: read from files, made into a model's input, and back."""

from __future__ import annotations

import io
import math
import os
import threading
import warnings
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from retrograph.errors import InputError
from retrograph.pointers import refuse_pointer, refuse_pointer_file
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

FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What is tried on a file; formats that would start other programs (EPS) are left out."""
BACKGROUND: Final = (255, 255, 255)
"""White: what transparent pictures are made to be seen on, and where viewers show them."""

FILTERS: Final[dict[Interpolation, Image.Resampling]] = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class _Strict:
    """Pillow's warning of too many pixels is an error, and its other ones are not shown.

    Filters are one for all threads: the first that enters sets them, the last to leave takes them
    back.
    """

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", Image.DecompressionBombWarning)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


_STRICT = _Strict()


def load_picture(path: str | os.PathLike[str]) -> Image.Image:
    """The picture in a file, upright, as 8-bit RGB.

    The EXIF orientation is applied; transparency is composited over white; 16-bit values keep
    their high byte; of an animation the first frame is taken; colour profiles are not applied.
    Raises InputError when there is no such file, or it cannot be decoded, wholly and safely.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a picture; name a file in it")
    return _decoded(str(path), path)


def decode_picture(name: str, data: bytes) -> Image.Image:
    """The picture in bytes, as `load_picture` gives that in a file; `name` is for messages."""
    return _decoded(name, io.BytesIO(data))


def _decoded(name: str, source: Path | io.BytesIO) -> Image.Image:
    try:
        with _STRICT, Image.open(source, formats=FORMATS) as image:
            return _to_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except PermissionError:
        raise InputError(f"{name} may not be read; change its permissions") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise InputError(
            f"{name} has over {Image.MAX_IMAGE_PIXELS} pixels, too many to be safe; scale it down"
        ) from None
    except UnidentifiedImageError:
        if isinstance(source, Path):
            refuse_pointer_file(source)
        else:
            refuse_pointer(name, source.getvalue())
        raise InputError(f"{name} is no picture that can be read; save it as PNG or JPEG") from None
    except Exception as error:  # on damaged data decoders raise nearly anything
        raise InputError(
            f"{name} is damaged or of a rare kind ({one_line(error)}); save it anew as PNG or JPEG"
        ) from None


def picture_suffixes() -> frozenset[str]:
    """The suffixes, in lower case with the dot, by which a folder's pictures are known."""
    formats = Image.registered_extensions().items()
    return frozenset(suffix for suffix, name in formats if name in FORMATS)


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
    check(preprocessing, shape)
    resized = _resize(image.convert("RGB"), preprocessing, shape)
    if preprocessing.order == "gray":
        resized = resized.convert("L")
    pixels = np.asarray(resized, np.float64).reshape(resized.height, resized.width, -1)
    if preprocessing.order == "bgr":
        pixels = pixels[..., ::-1]
    values = (pixels * preprocessing.scale - preprocessing.mean) / preprocessing.std
    if preprocessing.layout == "nchw":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values, np.float32), resized.convert("RGB")


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


def check(preprocessing: Preprocessing, shape: Shape) -> None:
    """Raises InputError when `preprocessing` cannot make the input of a model of `shape`."""
    axis = 1 if preprocessing.layout == "nchw" else -1
    if len(shape) != 4 or known(shape[axis]) not in (None, preprocessing.channels):
        raise InputError(
            f"{preprocessing.order} {preprocessing.layout} preprocessing does not make the "
            f"model's input {describe(shape)}; choose another order or layout"
        )


def one_line(error: Exception) -> str:
    """What an error of a library says, or else its kind, without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _high_byte(image).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        page = Image.new("RGBA", image.size, BACKGROUND)
        image = Image.alpha_composite(page, image)
    return image.convert("RGB")


def _high_byte(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("32-bit pixels have no fixed white")
    return Image.fromarray((values >> 8).astype(np.uint8))


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
