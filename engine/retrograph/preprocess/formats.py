"""The formats of pictures that are read, and the suffixes by which they are known."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Final

from PIL import Image

FORMATS: Final = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What is tried on a file; formats that would start other programs (EPS) are left out."""
DICOM_SUFFIXES: Final = frozenset((".dcm", ".dicom"))
"""The suffixes, in lower case with the dot, by which DICOM files are known."""
_RARE: Final = ("Avif", "Jpeg2K", "Tiff", "WebP")
"""Those of Pillow's readers that it would import with all others, some forty of them."""


@cache
def picture_suffixes() -> frozenset[str]:
    """The suffixes, in lower case with the dot, by which a folder's pictures are known."""
    load_readers()
    return DICOM_SUFFIXES.union(each for each, name in Image.EXTENSION.items() if name in FORMATS)


@cache
def load_readers() -> None:
    """Import what reads the formats, and no more."""
    Image.preinit()
    for name in _RARE:
        import_module(f"PIL.{name}ImagePlugin")
