"""Matrices with numbered axes, and the greys of inputs that are no pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from retrograph.render import Caption, values_key, values_picture
from retrograph.render.blocks import INK, SOFT
from retrograph.render.page import enlarge, panel_side
from retrograph.render.plane_page import plane_page
from support.page_case import find, find_all, printed, random_picture


@pytest.mark.parametrize(("shape", "is_below"), [((40, 56), False), ((8, 56), True)])
def test_rows_and_columns_are_numbered(shape: tuple[int, int], is_below: bool) -> None:
    first, second = random_picture(*shape), random_picture(*shape)[::-1]
    axes = [("row", shape[0]), ("column", shape[1])]
    cells = [("input\nfile.npy", first), ("input", second)]
    page = plane_page(cells, axes, Caption())
    side = panel_side(first)
    places = [find(page, enlarge(each, side)) for each in (first, second)]
    assert (places[0][0] == places[1][0]) == is_below
    assert (places[0][1] == places[1][1]) != is_below
    height, width = enlarge(first, side).shape[:2]
    across = 1 if is_below else 2
    unit = max(1.0, math.sqrt(height * width) / 448, across * width / 1500)
    for number, count in {"20": 2 if is_below else 4, "40": 2, "column": 2}.items():
        assert len(find_all(page, printed(number, 17 * unit, SOFT))) == count
    assert len(find_all(page, printed("0", 17 * unit, SOFT))) >= 4  # none is cut off
    first_head, second_head = find_all(page, printed("input", 28 * unit, INK))
    assert (first_head[1] == second_head[1]) != is_below


def test_values_are_not_clipped() -> None:
    ramp = np.linspace(3, 4, 1000)[np.newaxis, np.newaxis]
    greys = values_picture(ramp)[0, :, 0].astype(int)
    assert (greys[0], greys[-1]) == (255, 28)
    assert (greys[990:] < greys[980]).all()


def test_values_without_negative_ones_are_dark_on_white() -> None:
    values = np.array([[[0.0, 0.5, 1.0]]])
    white, middle, dark = values_picture(values)[0].astype(int)
    np.testing.assert_array_equal(white, 255)
    assert (dark < middle).all()
    assert (middle < white).all()
    key = values_key(False)
    np.testing.assert_array_equal(key.bar[0, 0], white)
    np.testing.assert_array_equal(key.bar[0, -1], dark)


def test_of_values_with_negative_ones_grey_is_zero() -> None:
    low, zero, high = values_picture(np.array([[[-2.0, 0.0, 2.0]]]))[0, :, 0].tolist()
    assert (low, zero, high) == (1, 128, 255)
    assert values_key(True).bar[0, 0].tolist() == [1] * 3


def test_set_cells_have_a_dot_on_the_maps_and_not_on_the_input() -> None:
    picture = np.full((10, 10, 3), 200, np.uint8)
    dots = np.zeros((10, 10), np.bool_)
    dots[3, 7] = True
    axes = [("row", 10), ("column", 10)]
    cells = [("input", picture), ("a map", picture)]
    plain, dotted = (np.asarray(plane_page(cells, axes, Caption(), d)) for d in (None, dots))
    rows, columns = np.nonzero((plain != dotted).any(axis=2))
    left, top = find_all(Image.fromarray(plain), enlarge(picture, 448))[1]
    side = len(enlarge(picture, 448)) // 10
    assert ((columns >= left + 7 * side) & (columns < left + 8 * side)).all()
    assert ((rows >= top + 3 * side) & (rows < top + 4 * side)).all()
    assert len(rows) > 50
