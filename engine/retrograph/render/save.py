"""Pictures into files."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo, putchunk

from retrograph.errors import InputError, one_line
from retrograph.output import check_free, write_whole
from retrograph.render.blocks import DESCRIPTION, Page
from retrograph.render.colour import Picture

try:
    from isal.isal_zlib import compress
except ModuleNotFoundError:
    from zlib import compress

_LEVEL: Final = 1
"""Of zlib, and of isal: a third of the time of Pillow's own, for files a seventh larger."""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_RGB: Final = (8, 2, 0, 0, 0)
"""Bits of a colour, RGB, zlib, the usual filters, not interlaced."""
_UP: Final = 2
"""The filter that leaves of each byte its difference from the one above it."""
KINDS: Final[dict[str, tuple[str, dict[str, int]]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".bmp": ("BMP", {}),
}
"""Pillow's format and options by the suffix of a file."""


def save_picture(
    picture: Picture | Page, path: str | os.PathLike[str], *, force: bool = False
) -> None:
    """Write the picture in the format that the suffix names, the whole file or nothing.

    A file that is there already is replaced only with `force`.

    Raises:
        InputError: it may not be replaced, the suffix is unknown, or it cannot be written.
    """
    path = Path(path)
    check_picture_name(path)
    check_free(path, force=force)
    write_whole(path, encoded_picture(picture, path))


def encoded_picture(picture: Picture | Page, path: Path) -> memoryview:
    """The bytes of a file of that name.

    Raises:
        InputError: it cannot be encoded.
    """
    kind, options = KINDS[path.suffix.lower()]
    encoded = io.BytesIO()
    try:
        write_image(picture, encoded, kind, **options)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be written ({one_line(error)}); check the picture's size"
        ) from None
    return encoded.getbuffer()


def write_image(picture: Picture | Page, to: BinaryIO, kind: str, **options: int) -> None:
    """Encode a picture; a PNG keeps its description, and nothing else that came with it.

    Args:
        picture: of Pillow its `info` may have a text at DESCRIPTION.
        to: takes the bytes.
        kind: Pillow's name of the format.
        options: of the format.
    """
    page = picture if isinstance(picture, Page) else _page_of(picture)
    if kind != "PNG":
        Image.fromarray(page.pixels).save(to, kind, **options)
    elif page.pixels.shape[2:] == (3,):
        _write_png(page, to)
    else:
        texts = _texts(page.description)
        Image.fromarray(page.pixels).save(to, kind, pnginfo=texts, compress_level=_LEVEL)


def _page_of(picture: Picture) -> Page:
    """The pixels, of any mode, and the description of a picture."""
    told = picture.info.get(DESCRIPTION) if isinstance(picture, Image.Image) else None
    return Page(np.asarray(picture), told)


def png_bytes(picture: Picture | Page) -> bytes:
    """A PNG file of a picture, made fast, with its description."""
    encoded = io.BytesIO()
    write_image(picture, encoded, "PNG")
    return encoded.getvalue()


def _write_png(page: Page, to: BinaryIO) -> None:
    """Encode a picture as the differences of each row from the one above it.

    Pillow tries five filters on each row, which takes as long as compressing does. isal compresses
    six times as fast as zlib.

    Args:
        page: uint8 [H, W, 3].
        to: takes the bytes.
    """
    height, width, _ = page.pixels.shape
    flat = page.pixels.reshape(height, 3 * width)
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = _UP
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    to.write(_SIGNATURE)
    putchunk(to, b"IHDR", struct.pack(">IIBBBBB", width, height, *_RGB))
    for name, data, _ in _texts(page.description).chunks:
        putchunk(to, name, data)
    putchunk(to, b"IDAT", compress(rows.data, _LEVEL))
    putchunk(to, b"IEND")


def _texts(description: str | None) -> PngInfo:
    """The chunk of the description, if there is any."""
    texts = PngInfo()
    if description is not None:
        texts.add_itxt(DESCRIPTION, description)
    return texts


def check_picture_name(path: Path, otherwise: str = "", called: str = "") -> None:
    """Raises InputError where the suffix names no format of pictures.

    Args:
        path: of the picture.
        otherwise: another way to mend it, for the message.
        called: what the message calls the path; the path itself if "".
    """
    if path.suffix.lower() not in KINDS:
        mend = ", ".join([f"choose one of {', '.join(KINDS)}", *filter(None, [otherwise])])
        raise InputError(f"{called or path} has no suffix of a picture; {mend}")
