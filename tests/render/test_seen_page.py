"""What units see, large, beside the whole input."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.render import Caption, enlarge
from retrograph.render.seen import Seen, boxed
from retrograph.render.seen_page import seen_page
from support.page_case import find, find_all, random_picture

WINDOW = ((4, 8), (10, 18))
OTHER = ((20, 28), (2, 10))


def live_in(*windows: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
    live = np.zeros((32, 32), np.bool_)
    for (top, bottom), (left, right) in windows:
        live[top:bottom, left:right] = True
    return live


def part(picture: np.ndarray, window: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
    (top, bottom), (left, right) = window
    cut = picture[top:bottom, left:right]
    return enlarge(cut, 448 // (right - left) * (bottom - top))


def test_the_whole_comes_first_and_the_parts_are_large_right_of_it() -> None:
    picture, drawn = random_picture(32, 32), random_picture(32, 32)[::-1]
    maps = [Seen("guided", drawn, [("the unit", WINDOW)], live_in(WINDOW))]
    page = seen_page(("input", picture), maps, 448, Caption("words"))
    assert page is not None
    assert page.width > page.height
    seen, attribution = find(page, part(picture, WINDOW)), find(page, part(drawn, WINDOW))
    whole = find(page, boxed(picture, [WINDOW], 448))
    assert whole[0] < seen[0] < attribution[0]
    assert seen[1] == attribution[1]
    assert not find_all(page, boxed(drawn, [WINDOW], 448))


def test_an_attribution_that_goes_beyond_the_part_is_there_as_a_whole_too() -> None:
    picture, drawn = random_picture(32, 32), random_picture(32, 32)[::-1]
    maps = [Seen("grad-cam", drawn, [("the unit", WINDOW)], live_in(WINDOW, OTHER))]
    page = seen_page(("input", picture), maps, 448, Caption())
    assert page is not None
    find(page, boxed(drawn, [WINDOW], 448))


def test_the_two_units_of_a_difference_have_a_row_each() -> None:
    picture, drawn = random_picture(32, 32), random_picture(32, 32)[::-1]
    windows = [("channel 3", WINDOW), ("channel 5", OTHER)]
    maps = [Seen("gradient", drawn, windows, live_in(WINDOW, OTHER))]
    page = seen_page(("input", picture), maps, 448, Caption())
    assert page is not None
    first, second = (
        [find(page, part(each, window)) for each in (picture, drawn)] for window in (WINDOW, OTHER)
    )
    for (left, top), (right, level) in (first, second):
        assert (left < right, top == level) == (True, True)
    assert first[0][1] < second[0][1]
    assert [x for x, _ in first] == [x for x, _ in second]


def test_without_a_small_part_there_is_no_such_page() -> None:
    picture = random_picture(32, 32)
    for windows in ([], [("the unit", ((0, 30), (2, 32)))]):
        assert seen_page(("input", picture), [Seen("a", picture, windows)], 64, Caption()) is None


@pytest.mark.parametrize(("levels", "is_stretched"), [(20, True), (180, False)])
def test_a_flat_part_of_the_input_has_more_contrast(levels: int, is_stretched: bool) -> None:
    picture = np.full((32, 32, 3), (120, 90, 60), np.uint8)
    picture[4:8, 14:18] = np.clip(picture[4:8, 14:18].astype(int) + levels, 0, 255)
    maps = [Seen("a", picture, [("the unit", WINDOW)], live_in(WINDOW))]
    page = seen_page(("input", picture), maps, 448, Caption())
    assert page is not None
    plain = part(picture, WINDOW)
    assert len(find_all(page, plain)) == (1 if is_stretched else 2)
    if is_stretched:
        ((x, y),) = find_all(page, plain)
        left = x - 450 - 28
        stretched = np.asarray(page)[y : y + 4, left : left + 448].astype(int)
        assert np.ptp(stretched[..., 0]) == 4 * levels


def test_many_units_go_into_lines() -> None:
    picture = random_picture(16, 16)
    drawn = [random_picture(16, 16) + np.uint8(step) for step in range(12)]
    windows = [((row, row + 4), (column, column + 4)) for row in (0, 5, 9) for column in range(4)]
    maps = [
        Seen(f"unit {number}", each, [("the unit", window)], np.zeros((16, 16), np.bool_))
        for number, (each, window) in enumerate(zip(drawn, windows, strict=True))
    ]
    five, twelve = (seen_page(("input", picture), maps[:n], 64, Caption()) for n in (5, 12))
    assert five is not None
    assert twelve is not None
    assert twelve.width == five.width
    assert twelve.height > 2 * five.height
