"""Blocks of a page: where each lies, to the pixel, and what is white around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from retrograph.render.blocks import (
    FRAME,
    WHITE,
    Block,
    Page,
    beside,
    blank,
    drawn,
    even,
    framed,
    margin,
    stack,
    topped,
    written,
)
from support.page_case import random_picture

SMALL, WIDE, HIGH = random_picture(3, 4), random_picture(2, 9), random_picture(7, 2)
BLOCKS = [Image.fromarray(each) for each in (SMALL, WIDE, HIGH)]


def laid(page: Block | Page, *places: tuple[np.ndarray, int, int]) -> None:
    """Assert that a page has pictures at (left, top), and is white everywhere else."""
    wanted = np.full((page.height, page.width, 3), WHITE, np.uint8)
    for picture, left, top in places:
        wanted[top : top + len(picture), left : left + picture.shape[1]] = picture
    pixels = page.pixels if isinstance(page, Page) else np.asarray(drawn(page))
    np.testing.assert_array_equal(pixels, wanted)


def test_a_stack_is_aligned_at_the_left() -> None:
    page = stack(BLOCKS, 5)
    assert (page.width, page.height) == (9, 3 + 2 + 7 + 2 * 5)
    laid(page, (SMALL, 0, 0), (WIDE, 0, 3 + 5), (HIGH, 0, 3 + 2 + 2 * 5))


def test_blocks_beside_each_other_are_aligned_at_the_bottom() -> None:
    page = beside(BLOCKS, 5)
    assert (page.width, page.height) == (4 + 9 + 2 + 2 * 5, 7)
    laid(page, (SMALL, 0, 4), (WIDE, 4 + 5, 5), (HIGH, 4 + 9 + 2 * 5, 0))


@pytest.mark.parametrize("blocks", [BLOCKS, BLOCKS[::-1]], ids=["in order", "reversed"])
def test_even_blocks_are_centred_on_the_size_of_the_largest(blocks: Sequence[Block]) -> None:
    for block, page in zip(blocks, even(blocks), strict=True):
        assert (page.width, page.height) == (9, 7)
        left, top = (9 - block.width) // 2, (7 - block.height) // 2
        laid(page, (np.asarray(drawn(block)), left, top))


def test_white_around_a_block() -> None:
    laid(topped(BLOCKS[0], 6, 8), (SMALL, 0, 0))
    wide = margin(BLOCKS[0], 3)
    assert (wide.width, wide.height) == (4 + 6, 3 + 6)
    laid(wide, (SMALL, 3, 3))
    laid(blank(5, 2))


def test_of_a_block_that_is_too_large_the_top_left_is_shown() -> None:
    cut = stack([topped(stack(BLOCKS, 1), 5, 4), BLOCKS[0]], 2)
    assert (cut.width, cut.height) == (5, 4 + 2 + 3)
    laid(cut, (SMALL, 0, 0), (SMALL, 0, 4 + 2))


def test_blocks_of_blocks_lie_where_each_of_them_lies() -> None:
    inner = beside([BLOCKS[0], stack(BLOCKS[1:], 3)], 2)
    assert (inner.width, inner.height) == (4 + 2 + 9, 2 + 3 + 7)
    page = margin(stack([inner, BLOCKS[0]], 1), 4)
    laid(
        page,
        (SMALL, 4, 4 + 12 - 3),
        (WIDE, 4 + 6, 4),
        (HIGH, 4 + 6, 4 + 5),
        (SMALL, 4, 4 + 12 + 1),
    )


def test_a_frame_is_a_line_of_one_pixel() -> None:
    page = np.asarray(drawn(framed(SMALL)))
    assert page.shape == (5, 6, 3)
    np.testing.assert_array_equal(page[1:-1, 1:-1], SMALL)
    for side in (page[0], page[-1], page[:, 0], page[:, -1]):
        np.testing.assert_array_equal(side, np.broadcast_to(FRAME, side.shape))


def test_lines_of_text_are_whole_and_no_more_than_asked() -> None:
    text = " ".join(["gradient"] * 40)
    lines = written(text, 18, (0, 0, 0), 200, 3)
    assert [(line.width, line.height) for line in lines] == [(200, 24)] * 3
    for line in lines:
        inked = np.asarray(drawn(line).convert("L")) < 128
        assert inked.any()
        assert not inked[[0, -1]].any()
    assert written("  ", 18, (0, 0, 0), 200, 3) == []


def test_the_same_words_are_drawn_once_and_others_anew() -> None:
    first, again, other = (written(text, 18, WHITE, 90, 2) for text in ("a b", "a b", "a c"))
    assert first is not again
    assert [*map(id, first)] == [*map(id, again)] != [*map(id, other)]
