"""Blocks of a page: pictures and lines of text, framed, stacked and set side by side on white."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from PIL import Image

from retrograph.render.colour import Picture, Pixels
from retrograph.render.text import font_of, wrap
from retrograph.render.words import line_pixels

WHITE: Final = (255, 255, 255)
INK: Final = (28, 28, 30)
WARNING: Final = (184, 64, 16)
SOFT: Final = (104, 104, 110)
FRAME: Final = (208, 208, 212)
DESCRIPTION: Final = "Description"
"""The key, in a picture's `info` and in a PNG, of what is to be known of it in words."""


@dataclass(frozen=True)
class Layout:
    """Pictures on white, which are put there once, when the page is drawn.

    Attributes:
        width, height: of the white, in pixels.
        placed: the pictures, which do not overlap, each with the pixels left of and above it.
    """

    width: int
    height: int
    placed: Sequence[tuple[Picture, int, int]]


@dataclass(frozen=True, eq=False)
class Page:
    """A finished page, which is written as it is: Pillow's pictures would be copied twice more.

    Attributes:
        pixels: uint8 [H, W, 3].
        description: what is to be known of it in words, which its file keeps; None for nothing.
    """

    pixels: Pixels
    description: str | None = None

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return len(self.pixels)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """For NumPy: a page is an array of its pixels."""
        return self.pixels.__array_interface__

    def image(self) -> Image.Image:
        """The page as a picture of Pillow, its description in its `info`."""
        image = Image.fromarray(self.pixels)
        if self.description is not None:
            image.info[DESCRIPTION] = self.description
        return image


Block: TypeAlias = Image.Image | Layout
"""A picture, or several with white around them."""


def drawn(block: Block) -> Image.Image:
    """The block as one picture."""
    return block if isinstance(block, Image.Image) else Image.fromarray(_pixels(block))


def _pixels(layout: Layout) -> Pixels:
    """A layout as uint8 [H, W, 3]."""
    page = np.full((layout.height, layout.width, 3), 255, np.uint8)
    for picture, left, top in layout.placed:
        pixels = np.asarray(picture)
        page[top : top + len(pixels), left : left + pixels.shape[1]] = pixels
    return page


def _placed(block: Block, left: int, top: int) -> Iterator[tuple[Picture, int, int]]:
    """The pictures of a block that lies at a place."""
    if isinstance(block, Image.Image):
        yield block, left, top
    else:
        yield from ((each, left + x, top + y) for each, x, y in block.placed)


def topped(block: Block, width: int, height: int) -> Block:
    """The block at the top left of white, as far as there is room."""
    if block.width > width or block.height > height:
        block = drawn(block).crop((0, 0, min(block.width, width), min(block.height, height)))
    return Layout(width, height, [*_placed(block, 0, 0)])


def blank(width: int, height: int) -> Image.Image:
    """White."""
    return Image.new("RGB", (width, height), WHITE)


def written(
    text: str, size: float, ink: tuple[int, int, int], width: int, most: int
) -> list[Layout]:
    """The lines of a text, each a block of the given width; none where there is no text."""
    return [*_drawn_lines(text, size, ink, width, most)] if text.strip() else []


@lru_cache(maxsize=32)
def _drawn_lines(
    text: str, size: float, ink: tuple[int, int, int], width: int, most: int
) -> tuple[Layout, ...]:
    """What `written` gives; the pictures of a run have most of their texts in common."""
    height = round(1.32 * size)
    lines = wrap(text, font_of(size), width, most)
    return tuple(kept(line_pixels(line, size, ink, width, height)) for line in lines)


def kept(page: Picture) -> Layout:
    """A picture as a block that is put on many pages."""
    pixels = np.asarray(page)
    return Layout(pixels.shape[1], len(pixels), [(pixels, 0, 0)])


def framed(pixels: Pixels) -> Block:
    """The picture with a hairline around it, that tells a white picture from the page."""
    height, width = pixels.shape[0] + 2, pixels.shape[1] + 2
    across = np.full((1, width, 3), FRAME, np.uint8)
    down = np.full((height - 2, 1, 3), FRAME, np.uint8)
    lines = [(across, 0, 0), (across, 0, height - 1), (down, 0, 1), (down, width - 1, 1)]
    return Layout(width, height, [*lines, (pixels, 1, 1)])


def even(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, each centred on white of the size of the largest."""
    width = max(block.width for block in blocks)
    height = max(block.height for block in blocks)
    return [centred(block, width, height) for block in blocks]


def centred(block: Block, width: int, height: int) -> Block:
    """The block in the middle of white that it fits in."""
    left, top = (width - block.width) // 2, (height - block.height) // 2
    return Layout(width, height, [*_placed(block, left, top)])


def stack(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks one under the other, aligned at the left."""
    width = max(block.width for block in blocks)
    placed: list[tuple[Picture, int, int]] = []
    top = 0
    for block in blocks:
        placed += _placed(block, 0, top)
        top += block.height + round(gap)
    return Layout(width, top - round(gap), placed)


def beside(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks one beside the other, aligned at the bottom."""
    height = max(block.height for block in blocks)
    placed: list[tuple[Picture, int, int]] = []
    left = 0
    for block in blocks:
        placed += _placed(block, left, height - block.height)
        left += block.width + round(gap)
    return Layout(left - round(gap), height, placed)


def margin(block: Block, width: float) -> Page:
    """The page of a block, with so much white around it."""
    side = round(width)
    placed = [*_placed(block, side, side)]
    return Page(_pixels(Layout(block.width + 2 * side, block.height + 2 * side, placed)))
