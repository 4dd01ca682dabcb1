"""Photographs as people have them: odd sizes, grey, turned by EXIF, transparent, with a palette."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from PIL import Image

Pixels = np.ndarray[Any, Any]

_FOLDER = Path(skimage.__file__).parent / "data"
_ORIENTATION = 0x0112


def photograph(name: str, left: int, top: int, width: int, height: int) -> Image.Image:
    """A part of a photograph of scikit-image, RGB."""
    with Image.open(_FOLDER / name) as image:
        return image.convert("RGB").crop((left, top, left + width, top + height))


@dataclass(frozen=True)
class Saved:
    """A way to save a photograph, and the upright RGB picture that is to be read back.

    Attributes:
        suffix: of the file.
        write: writes the photograph to a file.
        seen: of the file as Pillow opens it, what is to be seen.
    """

    suffix: str
    write: Callable[[Image.Image, Path], None]
    seen: Callable[[Image.Image], Image.Image]


def _rgb(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def jpeg(mode: str = "RGB") -> Saved:
    """A JPEG file, colours (RGB) or grey (L)."""
    return Saved(".jpg", lambda image, file: image.convert(mode).save(file, quality=90), _rgb)


def png(mode: str = "RGB") -> Saved:
    """A PNG file in a mode of Pillow: RGB, L, 1 or P."""

    def write(image: Image.Image, file: Path) -> None:
        image.convert(mode).save(file)

    return Saved(".png", write, _rgb)


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each EXIF orientation upright."""


def turned(orientation: int, suffix: str = ".jpg") -> Saved:
    """A file whose EXIF says how it is to be turned."""

    def write(image: Image.Image, file: Path) -> None:
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        image.save(file, exif=exif)

    return Saved(suffix, write, lambda image: _rgb(image).transpose(TURNS[orientation]))


def transparent(mode: str = "RGBA") -> Saved:
    """A PNG file, transparent towards its right: RGBA, grey (LA), or with a palette (P)."""

    def write(image: Image.Image, file: Path) -> None:
        ramp = np.linspace(255, 0, image.width).round().astype(np.uint8)
        if mode == "P":
            image.quantize(32).save(file, transparency=3)
            return
        image.putalpha(Image.fromarray(np.tile(ramp, (image.height, 1))))
        image.convert(mode).save(file)

    return Saved(".png", write, _on_white)


def deep() -> Saved:
    """A grey PNG file of 16 bits."""

    def write(image: Image.Image, file: Path) -> None:
        grey = np.asarray(image.convert("L"), np.uint16)
        Image.fromarray(grey * 256 + 77).save(file)

    def seen(image: Image.Image) -> Image.Image:
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")

    return Saved(".png", write, seen)


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layer).convert("RGB")
