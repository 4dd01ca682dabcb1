"""Pictures read from files and bytes, as upright 8-bit RGB, and what is to be known of that."""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from retrograph.errors import InputError, one_line
from retrograph.pointers import refuse_pointer, refuse_pointer_file
from retrograph.preprocess.dicom import dicom_picture, dicom_size, is_dicom
from retrograph.preprocess.formats import FORMATS, load_readers
from retrograph.preprocess.picture import Pixels

BACKGROUND: Final = (255, 255, 255)
"""White: what transparent pictures are made to be seen on, and where viewers show them."""


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
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else its errors go to stderr, too

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
"""Tags of TIFF."""

_TWELVE_BITS, _DARK = 2**12, 2**14
_SCALE = "save it with 8 bits, scaled so that 255 is white"


@dataclass(frozen=True)
class Opened:
    """A picture that was read.

    Attributes:
        image: upright, 8-bit RGB.
        note: what was made of it on the way; "" where that needs no word.
    """

    image: Image.Image
    note: str


def load_picture(path: str | os.PathLike[str]) -> Image.Image:
    """The picture in a file, upright, as 8-bit RGB.

    The EXIF orientation is applied; transparency is composited over white; values of 16 and 12
    bits keep their highest 8; DICOM is seen through its window; of an animation the first frame is
    taken; colour profiles are not applied. Raises InputError when there is no such file, or it
    cannot be decoded, wholly and safely, or nothing says which of its values is white.
    """
    return open_picture(path).image


def open_picture(path: str | os.PathLike[str]) -> Opened:
    """The picture in a file as of `load_picture`, and what is to be known of it."""
    return _opened(str(path), path if isinstance(path, Path) else Path(path))


def open_bytes(name: str, data: bytes) -> Opened:
    """The picture in bytes, as `open_picture` gives that in a file; `name` is for messages."""
    return _opened(name, io.BytesIO(data))


def picture_size(name: str, data: bytes) -> tuple[int, int]:
    """Width and height of the picture in bytes, which is not decoded.

    Raises:
        InputError: it is no picture; `name` says where.
    """
    source = io.BytesIO(data)
    if is_dicom(name, source):
        return dicom_size(name, source)
    with pillow_file(name, source) as image:
        return image.size


def open_pillow(name: str, image: Image.Image) -> Opened:
    """A picture of Pillow's, as `open_picture` gives that in a file; `name` is for messages."""
    try:
        return _upright(image)
    except InputError as error:
        raise InputError(f"{name} {error.message}") from None
    except OSError as error:
        raise InputError(f"{name} is damaged ({one_line(error)}); open it anew") from None


def _opened(name: str, source: Path | io.BytesIO) -> Opened:
    if is_dicom(name, source):
        with _STRICT:
            picture, note = dicom_picture(name, source)
        return Opened(picture.convert("RGB"), note)
    with pillow_file(name, source) as image:
        return _upright(image)


@contextmanager
def pillow_file(name: str, source: Path | io.BytesIO) -> Iterator[Image.Image]:
    """A picture file as Pillow opens it, not decoded yet.

    Raises:
        InputError: whatever goes wrong while it is open; `name` says where.
    """
    load_readers()
    try:
        with _STRICT, Image.open(source, formats=FORMATS) as image:
            yield image
    except InputError as error:
        raise InputError(f"{name} {error}") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist; check the path") from None
    except (IsADirectoryError, PermissionError):
        if os.path.isdir(name):
            raise InputError(f"{name} is a folder, not a picture; name a file in it") from None
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


@dataclass(frozen=True)
class _Depth:
    """What a file says of values of more than 8 bits.

    Attributes:
        bits: how many they have.
        is_scaled: whether the format says which of them is white, as PGM and JPEG 2000 do.
        is_negative: whether 0 is white.
    """

    bits: int
    is_scaled: bool
    is_negative: bool

    @classmethod
    def of(cls, image: Image.Image) -> _Depth:
        tags = getattr(image, "tag_v2", {})
        bits = int(tags.get(_BITS_PER_SAMPLE, (16,))[0])
        is_scaled = image.format not in ("PNG", "TIFF", None)  # None: made in memory
        return cls(bits, is_scaled, tags.get(_PHOTOMETRIC) == 0)

    def highest_bits(self, values: npt.NDArray[Any]) -> Pixels:
        """The highest 8 bits of each value.

        Raises:
            InputError: nothing says what is white.
        """
        if values.dtype.kind == "f" or (values.dtype.itemsize > 2 and not self.is_scaled):
            raise InputError(
                f"has {self.bits}-bit values of the type {values.dtype}, of which none is known to "
                f"be white; {_SCALE}"
            )
        if self.bits == 16:
            self.check_white(int(values.max()))
        high = (values >> (self.bits - 8)).astype(np.uint8)
        return 255 - high if self.is_negative else high

    def check_white(self, most: int) -> None:
        """Raises InputError where 16-bit values look as if they had 12 bits, and none says so."""
        if 0 < most < _TWELVE_BITS and not self.is_scaled:
            raise InputError(
                f"has 16-bit values of which the greatest is only {most}, and nothing says which "
                f"is white (of 12 bits it would be {_TWELVE_BITS - 1}); {_SCALE}"
            )


def _upright(image: Image.Image) -> Opened:
    """A picture of Pillow's, not decoded yet, as RGB."""
    opened = rgb_frame(image)
    if image.format == "MPO" or not getattr(image, "is_animated", False):  # that has previews
        return opened
    first = "of several frames or pages the first is taken"
    return Opened(opened.image, "; ".join(filter(None, [first, opened.note])))


def rgb_frame(image: Image.Image) -> Opened:
    """The frame at which a file that Pillow has opened stands."""
    depth, is_deep = _Depth.of(image), ";16" in str(getattr(image, "tile", ""))
    notes = []
    turned = _turned_upright(image)
    if turned.mode in ("I", "F") or turned.mode.startswith("I;16"):
        values = np.asarray(turned)
        grey = Image.fromarray(depth.highest_bits(values))
        if depth.bits == 16 and 0 < (most := int(values.max())) < _DARK and not depth.is_scaled:
            notes.append(f"the greatest of its 16-bit values is {most}: it is dark as it stands")
        return Opened(grey.convert("RGB"), "; ".join(notes))
    if turned.mode == "CMYK":
        notes.append("CMYK is turned into RGB without its colour profile")
    on_white = _on_white(turned)
    if on_white is not turned:
        notes.append("what is transparent is laid on white")
    rgb = on_white if on_white.mode == "RGB" else on_white.convert("RGB")
    if is_deep:  # of colours Pillow gives the high byte alone
        depth.check_white(int(np.asarray(turned.convert("RGB")).max()) << 8 | 0xFF)
    return Opened(rgb, "; ".join(notes))


def _turned_upright(image: Image.Image) -> Image.Image:
    """A picture as its Exif data say that it stands; itself, no copy, where it stands upright."""
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
        return image
    return ImageOps.exif_transpose(image)


def _on_white(image: Image.Image) -> Image.Image:
    """A picture over white; itself where nothing in it is transparent."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    if np.asarray(layer.getchannel("A")).min() == 255:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), layer)
