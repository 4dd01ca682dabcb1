"""Boxes and contours drawn on pictures, dark around bright, so that they show on anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from retrograph.render.colour import Picture
from retrograph.render.page import PANEL_SIDE, enlarge
from retrograph.render.text import font_of

BRIGHT: Final = (255, 230, 60)
DARK: Final = (20, 20, 24)
FAINT: Final = (196, 196, 200)
_THIN = 300
"""The short side, in pixels, for which a line is one pixel wide."""
_SMALL: Final = 0.02
"""The share of the short side below which a region is too small to be seen: a box is around it."""
_BOX: Final = 0.015
"""Half the side of that box, as a share of the short side."""


_LETTERS: Final = 22
"""How many lines of labels the short side has room for."""

Box: TypeAlias = tuple[float, float, float, float]
"""x0 y0 x1 y1, in pixels of the input."""


@dataclass(frozen=True, eq=False)
class Marks:
    """What is drawn on the pictures of an input.

    Attributes:
        frame: height and width of the input, in whose pixels boxes are.
        boxes: x0 y0 x1 y1 each.
        labels: what stands over each box; fewer than boxes where the rest has none.
        faint: boxes that are thin and grey, each with its label.
        masks: bool [rows, columns] each, over the whole input.
    """

    frame: tuple[int, int]
    boxes: Sequence[Box] = ()
    labels: Sequence[str] = ()
    faint: Sequence[tuple[Box, str]] = ()
    masks: Sequence[npt.NDArray[Any]] = ()

    def __bool__(self) -> bool:
        return bool(self.boxes) or bool(self.faint) or bool(self.masks)


NO_MARKS: Final = Marks((1, 1))


def marked(picture: Picture, marks: Marks, side: int = PANEL_SIDE, smooth: bool = False) -> Picture:
    """The picture with the marks on it, enlarged before where it is small.

    Args:
        picture: of the whole input.
        marks: boxes and contours.
        side: what the short side of a small one is enlarged to.
        smooth: whether it is enlarged without edges between its pixels.
    """
    if not marks:
        return picture
    image = Image.fromarray(enlarge(picture, side, smooth=smooth))
    width = max(1, round(min(image.size) / _THIN))
    scale = image.width / marks.frame[1], image.height / marks.frame[0]
    for box, label in marks.faint:
        _draw_faint(image, _placed(box, scale, image.size), label, width)
    lines = Image.new("L", image.size)
    draw = ImageDraw.Draw(lines)
    placed = [_placed(box, scale, image.size) for box in marks.boxes]
    for corners in placed:
        draw.rectangle(corners, outline=255, width=width)
    contours = [_contour(_resized(mask, image.size)) for mask in marks.masks]
    for contour in contours:
        _box_around(draw, contour, width)
    inside = np.asarray(lines) > 0
    for contour in contours:
        inside = inside | _thick(contour, width - 1)
    pixels = np.array(image)
    pixels[_thick(inside, max(1, width // 2))] = DARK
    pixels[inside] = BRIGHT
    labelled = Image.fromarray(pixels)
    for corners, label in zip(placed, marks.labels, strict=False):
        _write(labelled, corners, label, BRIGHT)
    return np.asarray(labelled)


def _draw_faint(
    image: Image.Image, corners: tuple[int, int, int, int], label: str, width: int
) -> None:
    """A grey box between thin dark ones, with its label."""
    draw = ImageDraw.Draw(image)
    x0, y0, x1, y1 = corners
    draw.rectangle([x0 - 1, y0 - 1, x1 + 1, y1 + 1], outline=DARK, width=width + 2)
    draw.rectangle(corners, outline=FAINT, width=width)
    _write(image, corners, label, FAINT)


def _write(
    image: Image.Image,
    corners: tuple[int, int, int, int],
    label: str,
    ink: tuple[int, int, int],
) -> None:
    """A label over the upper left corner of a box; inside it where there is no room."""
    left, top, _, _ = corners
    size = min(image.size) / _LETTERS
    is_over = top > 1.3 * size
    place = (left, top - 0.2 * size) if is_over else (left + 0.3 * size, top + 0.3 * size)
    ImageDraw.Draw(image).text(
        place,
        label,
        ink,
        font_of(size),
        "lb" if is_over else "lt",
        stroke_width=2,
        stroke_fill=DARK,
    )


def _placed(
    box: Box, scale: tuple[float, float], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The box in pixels of the picture, its lines within it."""
    x0, x1 = sorted(round(min(max(x * scale[0], 0), size[0] - 1)) for x in box[::2])
    y0, y1 = sorted(round(min(max(y * scale[1], 0), size[1] - 1)) for y in box[1::2])
    return x0, y0, x1, y1


def _resized(mask: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The mask in the size of the picture, its edges smooth."""
    bytes_ = Image.fromarray(mask.astype(np.uint8) * 255)
    is_larger = mask.shape[1] < size[0]
    how = Image.Resampling.BILINEAR if is_larger else Image.Resampling.NEAREST
    return np.asarray(bytes_.resize(size, how)) > 127


def _contour(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The pixels of a mask that have a neighbour outside it."""
    padded = np.pad(mask, 1, mode="edge")
    neighbours = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: npt.NDArray[np.bool_] = mask & ~neighbours
    return edge


def _box_around(draw: ImageDraw.ImageDraw, contour: npt.NDArray[np.bool_], width: int) -> None:
    """Draw a box around a contour that is too small to be seen, such as that of a pixel."""
    side = min(contour.shape)
    places = np.argwhere(contour)
    if not len(places) or (np.ptp(places, axis=0) > _SMALL * side).any():
        return
    y, x = places.mean(axis=0)
    half = round(max(_BOX * side, 4 * width))
    draw.rectangle([x - half, y - half, x + half, y + half], outline=255, width=width)


def _thick(lines: npt.NDArray[np.bool_], by: int) -> npt.NDArray[np.bool_]:
    """The same, so many pixels wider on each side."""
    for _ in range(by):
        padded = np.pad(lines, 1)
        lines = lines | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return lines
