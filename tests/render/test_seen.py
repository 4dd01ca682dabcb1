"""What a unit sees: a box around it, and the part in it by itself."""

from __future__ import annotations

import numpy as np

from retrograph.render import enlarge
from retrograph.render.box_labels import _overlap, _sides, label_area
from retrograph.render.seen import Seen, boxed, seen_rows
from support.page_case import random_picture

WINDOW = ((8, 20), (12, 30))


def test_a_box_lies_around_its_window_and_stands_out() -> None:
    picture = random_picture(64, 64)
    drawn, plain = boxed(picture, [WINDOW], 256), enlarge(picture, 256)
    np.testing.assert_array_equal(drawn[32:80, 48:120], plain[32:80, 48:120])
    changed = np.argwhere((drawn != plain).any(axis=2))
    assert changed.min(axis=0).tolist() >= [28, 44]
    assert changed.max(axis=0).tolist() <= [84, 124]
    edge = {tuple(pixel) for pixel in drawn[28:32, 80]}
    assert (255, 255, 255) in edge
    assert (20, 20, 20) in edge


def test_a_box_at_the_border_stays_in_the_picture() -> None:
    picture = np.full((64, 64, 3), 128, np.uint8)
    drawn = boxed(picture, [((0, 8), (0, 64))], 64)
    assert drawn.shape == (64, 64, 3)
    assert (drawn[:, 0] != 128).any()
    assert (drawn[16:] == 128).all()


def test_without_windows_nothing_is_drawn() -> None:
    picture = random_picture(32, 32)
    ((input_cell, cell),) = seen_rows(("input", picture), [Seen("guided", picture)], 64)
    assert input_cell is not None
    assert cell is not None
    for _, drawn in (input_cell, cell):
        np.testing.assert_array_equal(drawn, enlarge(picture, 64))


def test_the_parts_lie_under_their_pictures() -> None:
    picture, other = random_picture(32, 32), random_picture(32, 32)[::-1]
    window = ((4, 8), (10, 18))
    whole, parts = seen_rows(
        ("input", picture), [Seen("guided", other, [("the unit", window)])], 64
    )
    assert [cell and cell[0] for cell in whole] == ["input", "guided"]
    for cell, source in zip(parts, (picture, other), strict=True):
        assert cell is not None
        wanted = source[4:8, 10:18].repeat(8, axis=0).repeat(8, axis=1)
        np.testing.assert_array_equal(cell[1], wanted)
    assert parts[0] is not None
    assert parts[0][0] == "receptive field (white box)\n4 x 8 px"


def test_several_units_are_numbered_and_have_parts_of_their_own() -> None:
    picture, window, other = random_picture(32, 32), ((4, 8), (10, 18)), ((0, 4), (0, 4))
    maps = [
        Seen("a", picture, [("the unit", window)]),
        Seen("b", picture, [("the unit", other)]),
        Seen("c", picture),
    ]
    whole, inputs, attributions = seen_rows(("input", picture), maps, 64)
    assert [cell and cell[0] for cell in whole] == ["input", "1 · a", "2 · b", "c"]
    assert [cell is None for cell in inputs] == [True, False, False, True]
    assert [cell is None for cell in attributions] == [True, False, False, True]
    assert inputs[2] is not None
    np.testing.assert_array_equal(inputs[2][1][5:-5, 5:-5], enlarge(picture[:4, :4], 64))


def test_beside_a_difference_titles_have_the_numbers_of_their_boxes() -> None:
    picture = random_picture(32, 32)
    one, two, three = ((4, 8), (10, 18)), ((0, 4), (0, 4)), ((20, 26), (3, 9))
    maps = [
        Seen("a minus b\nvalue 3", picture, [("a", one), ("b", two)]),
        Seen("c", picture, [("the unit", three)]),
    ]
    whole, *parts = seen_rows(("input", picture), maps, 64)
    assert [cell and cell[0] for cell in whole] == ["input", "a minus b\nvalue 3", "3 · c"]
    titles = [[cell and cell[0] for cell in row] for row in parts]
    assert titles == [
        [None, "1 · a\n4 x 8 px", "3 · c\n6 x 6 px"],
        [None, "a minus b\nin box 1 · value 3", "attribution in the box"],
        [None, "2 · b\n4 x 4 px (at border)", None],
        [None, "a minus b\nin box 2 · value 3", None],
    ]


def test_a_box_that_units_share_has_the_numbers_of_all_of_them() -> None:
    picture, shared, other = random_picture(64, 64), ((8, 24), (10, 40)), ((30, 60), (2, 60))
    maps = [
        Seen(name, picture, [("the unit", w)])
        for name, w in zip("abc", (shared, other, shared), strict=True)
    ]
    whole, *_ = seen_rows(("input", picture), maps, 448)
    assert [cell and cell[0] for cell in whole] == ["input", "1 · a", "2 · b", "3 · c"]
    assert whole[0] is not None
    inks = ((255, 214, 10), (80, 205, 255))
    wanted = boxed(picture, [shared, other], 448, labels=["1, 3", "2"], inks=inks)
    np.testing.assert_array_equal(whole[0][1], wanted)
    assert (wanted != boxed(picture, [shared, other], 448, inks=inks)).any()


def test_of_smooth_pictures_the_input_keeps_its_pixels() -> None:
    picture, window = random_picture(32, 32), ((4, 8), (10, 18))
    for windows in ([], [("the unit", window)]):
        maps = [Seen("a", picture, windows)]
        sharp, smooth = (seen_rows(("input", picture), maps, 64, smooth=s) for s in (False, True))
        for row, smooth_row in zip(sharp, smooth, strict=True):
            (first, drawn), (smooth_first, smooth_drawn) = (
                [cell[1] for cell in cells if cell] for cells in (row, smooth_row)
            )
            np.testing.assert_array_equal(smooth_first, first)
            assert (np.asarray(smooth_drawn) != np.asarray(drawn)).any()


def test_windows_that_all_maps_have_in_common_have_a_row_each() -> None:
    picture, other = random_picture(32, 32), random_picture(32, 32)[::-1]
    windows = [("channel 3", ((4, 8), (10, 18))), ("channel 5", ((0, 4), (0, 4)))]
    maps = [Seen("a", picture, windows), Seen("b", other, windows)]
    whole, first, second = seen_rows(("input", picture), maps, 64)
    assert [cell and cell[0] for cell in whole] == ["input", "a", "b"]
    for row, title in (
        (first, "1 · receptive field of channel 3"),
        (second, "2 · receptive field of channel 5"),
    ):
        assert row[0] is not None
        assert row[0][0].startswith(title)
    assert second[2] is not None
    np.testing.assert_array_equal(second[2][1], enlarge(other[:4, :4], 64))


def test_nearly_the_whole_picture_has_a_box_alone() -> None:
    picture = random_picture(32, 32)
    window = ((0, 30), (2, 32))
    assert len(seen_rows(("input", picture), [Seen("a", picture, [("the unit", window)])], 64)) == 1


def test_what_is_0_everywhere_says_so_in_the_whole_and_in_parts() -> None:
    grey, window = np.full((64, 64, 3), 128, np.uint8), ((40, 60), (0, 20))
    live = np.zeros((64, 64), np.bool_)
    live[0, 0] = True
    maps = [Seen("a", grey, live=np.zeros_like(live)), Seen("b", grey, live=live)]
    ((first, blank, other),) = seen_rows(("input", grey), maps, 224)
    drawn = [
        cell is not None and (np.asarray(cell[1]) != 128).any() for cell in (first, blank, other)
    ]
    assert drawn == [False, True, False]
    _, (part, of_map) = seen_rows(
        ("input", grey), [Seen("b", grey, [("the unit", window)], live)], 224
    )
    assert part is not None
    assert of_map is not None
    assert (np.asarray(part[1]) == 128).all()
    assert (np.asarray(of_map[1]) != 128).any()


def test_boxes_have_a_colour_each_that_their_parts_have_too() -> None:
    picture = np.full((32, 32, 3), 60, np.uint8)
    windows = [("the unit", ((4, 12), (10, 18))), ("the unit", ((16, 24), (2, 10)))]
    maps = [Seen(f"unit {n}", picture, [window]) for n, window in enumerate(windows)]
    whole, parts, _ = seen_rows(("input", picture), maps, 64)
    assert whole[0] is not None
    colours = [tuple(np.asarray(cell[1])[0, 0]) for cell in parts if cell]
    assert len({*colours}) == 2
    for colour in colours:
        assert (np.asarray(whole[0][1]) == colour).all(axis=2).any()


def test_a_label_stands_in_its_own_box_and_on_no_line_of_another() -> None:
    """Two large boxes that overlap: each label is inside its own and off the other's lines."""
    first, second = [10, 10, 200, 200], [60, 60, 260, 260]
    area = label_area(first, 40, 20, (300, 300), [], [second])
    other = label_area(second, 40, 20, (300, 300), [area], [first])
    for label, own in ((area, first), (other, second)):
        assert own[0] <= label[0] < label[2] <= own[2]
        assert own[1] <= label[1] < label[3] <= own[3]
    for label, sides in ((area, _sides(second)), (other, _sides(first))):
        assert not any(_overlap(label, side) for side in sides)
