"""Blocks of a page: pictures and lines of text, framed, stacked and set side by side on white."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFont, ImageOps

from retrograph.render.colour import Pixels
from retrograph.render.text import wrap

Block: TypeAlias = Image.Image

WHITE: Final = (255, 255, 255)
INK: Final = (28, 28, 30)
WARNING: Final = (184, 64, 16)
SOFT: Final = (104, 104, 110)
FRAME: Final = (208, 208, 212)


def topped(block: Block, width: int, height: int) -> Block:
    """The block at the top left of white."""
    page = blank(width, height)
    page.paste(block, (0, 0))
    return page


def blank(width: int, height: int) -> Block:
    """White."""
    return Image.new("RGB", (width, height), WHITE)


def written(
    text: str, size: float, ink: tuple[int, int, int], width: int, most: int
) -> list[Block]:
    """The lines of a text, each a block of the given width; none where there is no text.

    The blocks are shared with whoever writes the same: paste them, do not draw on them.
    """
    return [*_drawn_lines(text, size, ink, width, most)] if text.strip() else []


@lru_cache(maxsize=32)
def _drawn_lines(
    text: str, size: float, ink: tuple[int, int, int], width: int, most: int
) -> tuple[Block, ...]:
    """What `written` gives; the pictures of a run have most of their texts in common."""
    font = ImageFont.load_default(size)
    height = round(1.32 * size)
    blocks = []
    for line in wrap(text, font, width, most):
        block = Image.new("RGB", (width, height), WHITE)
        ImageDraw.Draw(block).text((0, height / 2), line, fill=ink, font=font, anchor="lm")
        blocks.append(block)
    return tuple(blocks)


def framed(pixels: Pixels) -> Block:
    """The picture with a hairline around it, that tells a white picture from the page."""
    return margin(Image.fromarray(pixels), 1, FRAME)


def even(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, each centred on white of the size of the largest."""
    width = max(block.width for block in blocks)
    height = max(block.height for block in blocks)
    evened = []
    for block in blocks:
        page = Image.new("RGB", (width, height), WHITE)
        page.paste(block, ((width - block.width) // 2, (height - block.height) // 2))
        evened.append(page)
    return evened


def stack(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks one under the other, aligned at the left."""
    width = max(block.width for block in blocks)
    height = sum(block.height for block in blocks) + round(gap) * (len(blocks) - 1)
    page = Image.new("RGB", (width, height), WHITE)
    top = 0
    for block in blocks:
        page.paste(block, (0, top))
        top += block.height + round(gap)
    return page


def beside(blocks: Sequence[Block], gap: float) -> Block:
    """The blocks one beside the other, aligned at the bottom."""
    width = sum(block.width for block in blocks) + round(gap) * (len(blocks) - 1)
    height = max(block.height for block in blocks)
    page = Image.new("RGB", (width, height), WHITE)
    left = 0
    for block in blocks:
        page.paste(block, (left, height - block.height))
        left += block.width + round(gap)
    return page


def margin(block: Block, width: float, colour: tuple[int, int, int] = WHITE) -> Block:
    return ImageOps.expand(block, round(width), colour)
