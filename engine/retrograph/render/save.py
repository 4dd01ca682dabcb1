"""Pictures into files."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.preprocess.picture import one_line
from retrograph.render.colour import Picture

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


def save_picture(picture: Picture, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Writes the picture in the format that the suffix names, the whole file or nothing.

    A file that is there already is replaced only with `force`.
    Raises InputError when it may not be, the suffix is unknown, or it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in KINDS:
        raise InputError(f"{path} has no suffix of a picture; choose one of {', '.join(KINDS)}")
    if path.exists() and not force:
        raise InputError(f"{path} is there already; give --force to replace it")
    kind, options = KINDS[path.suffix.lower()]
    encoded = io.BytesIO()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        Image.fromarray(np.asarray(picture)).save(encoded, kind, **options)
        temporary.write_bytes(encoded.getbuffer())
        temporary.replace(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise InputError(
            f"{path} cannot be written ({reason}); check the folder, its rights and space"
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink()
