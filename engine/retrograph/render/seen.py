"""What a unit sees of a picture: a box around it, and the part in it by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from retrograph.render.blocks import WHITE
from retrograph.render.colour import Picture, Pixels
from retrograph.render.page import Titled, enlarge, fill

Window: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""The first row and the one after the last, and the same of columns."""

_DARK: Final = (20, 20, 20)
_LARGEST: Final = 0.7
"""The share of both sides of a picture from which on its part is not shown by itself."""


@dataclass(frozen=True)
class Seen:
    """A picture of an attribution.

    Attributes:
        title: as of a panel.
        picture: uint8 [H, W, 3] or of Pillow.
        window: what the unit sees of it; None where that is everything.
    """

    title: str
    picture: Picture
    window: Window | None


def seen_rows(
    first: Titled, maps: Sequence[Seen], side: int, *, smooth: bool = False
) -> list[list[Titled | None]]:
    """An input beside its attributions with boxes, over the parts in the boxes.

    Args:
        first: the input.
        maps: its attributions, of its height and width.
        side: the short side that pictures are enlarged to.
        smooth: whether without edges between their pixels.

    Returns:
        A row of the whole pictures, and where units see a small part of them one of the parts of
        input and attributions; of several units one of each.
    """
    windows = [*dict.fromkeys(each.window for each in maps if each.window is not None)]
    title, picture = first
    whole: list[Titled | None] = [(title, boxed(picture, windows, side, smooth=smooth))]
    for each in maps:
        own = [] if each.window is None else [each.window]
        number = f"{windows.index(own[0]) + 1} · " if own and len(windows) > 1 else ""
        whole.append((number + each.title, boxed(each.picture, own, side, smooth=smooth)))
    pixels = np.asarray(picture)
    small = [window for window in windows if not _is_large(window, pixels.shape)]
    if not small:
        return [whole]
    size = boxed(picture, [], side).shape

    def part(of: Picture, window: Window) -> Pixels:
        (top, bottom), (left, right) = window
        inside = np.asarray(of)[top:bottom, left:right]
        return fill(inside, size[1], size[0], smooth=smooth)

    if len(windows) == 1:
        inside = part(picture, small[0])
        parts = [("", part(each.picture, small[0])) for each in maps]
        return [whole, [(_words(small[0], inside), inside), *parts]]
    inputs: list[Titled | None] = [None]
    attributions: list[Titled | None] = [None]
    for each in maps:
        own_part = None if each.window is None else part(picture, each.window)
        if each.window not in small or own_part is None:
            inputs.append(None)
            attributions.append(None)
        else:
            inputs.append((_words(each.window, own_part), own_part))
            attributions.append(("", part(each.picture, each.window)))
    return [whole, inputs, attributions]


def boxed(
    picture: Picture, windows: Sequence[Window], side: int, *, smooth: bool = False
) -> Pixels:
    """The picture, enlarged as by `enlarge`, with a box around each window; several are numbered.

    A box is white in black, so that it stands out on any picture, and lies around its window.
    """
    large = enlarge(picture, side, smooth=smooth)
    if not windows:
        return large
    factor = len(large) / np.asarray(picture).shape[0]
    page = Image.fromarray(large)
    draw = ImageDraw.Draw(page)
    thick = max(2, round(min(page.size) / 200))
    for number, ((top, bottom), (left, right)) in enumerate(windows, 1):
        corners = [round(factor * edge) for edge in (left, top, right, bottom)]
        _outline(draw, corners, thick, page.size)
        if len(windows) > 1:
            _numbered(draw, corners, number, 12 * thick)
    return np.asarray(page)


def _outline(
    draw: ImageDraw.ImageDraw, corners: Sequence[int], thick: int, size: tuple[int, int]
) -> None:
    """A white line between two black ones; inside the picture where the window ends at its edge."""
    for colour, out, width in ((_DARK, thick + 2, thick + 2), (WHITE, thick + 1, thick)):
        least = thick + 2 - out
        left, top = (max(least, edge - out) for edge in corners[:2])
        right, bottom = (
            min(most - 1 - least, edge - 1 + out)
            for edge, most in zip(corners[2:], size, strict=True)
        )
        draw.rectangle([left, top, right, bottom], outline=colour, width=width)


def _numbered(draw: ImageDraw.ImageDraw, corners: Sequence[int], number: int, size: int) -> None:
    """A number in the upper left corner of a box."""
    left, top, *_ = corners
    place = (left + size / 2, top + size / 3)
    font = ImageFont.load_default(size)
    draw.text(place, str(number), WHITE, font, "lt", stroke_width=2, stroke_fill=_DARK)


def _words(window: Window, drawn: Pixels) -> str:
    (top, bottom), (left, right) = window
    times = len(drawn) / (bottom - top)
    enlarged = f", enlarged {times:.0f} times" if times > 1 else ""
    return f"what the unit sees\n{bottom - top} x {right - left} pixels{enlarged}"


def _is_large(window: Window, shape: Sequence[int]) -> bool:
    return all(
        stop - start > _LARGEST * size for (start, stop), size in zip(window, shape, strict=False)
    )
