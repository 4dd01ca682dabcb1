"""Tables of text as pictures: each cell under its heading, in its colour, and whole."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from retrograph.render import TextTable, text_page
from retrograph.render.blocks import INK, SOFT
from retrograph.render.text_table import BAD, GOOD
from support.page_case import find_all, printed

COLOURS = {"yes": GOOD, "no": BAD}
ROWS = [("guided", "yes", "of 3 ReLUs"), ("deconvnet", "no", "none"), ("saliency", "yes")]


def place(page: Image.Image, text: str, ink: tuple[int, int, int] = INK) -> tuple[int, int]:
    """Where a text stands that the page holds once."""
    ((left, top),) = find_all(page, printed(text, 24, ink))
    return left, top


def test_cells_stand_under_their_headings() -> None:
    page = text_page("title", [TextTable(ROWS, ("method", "possible", "note"), COLOURS)])
    heads = [place(page, heading, SOFT) for heading in ("method", "possible", "note")]
    tops = [place(page, row[0])[1] for row in ROWS]
    assert heads[0][1] < tops[0] < tops[1] < tops[2]
    for row in ROWS[:2]:
        cells = [place(page, row[0]), place(page, row[2])]
        assert cells[0][0] == pytest.approx(heads[0][0], abs=3)
        assert cells[1][0] == pytest.approx(heads[2][0], abs=3)
    yes = find_all(page, printed("yes", 24, GOOD))
    assert len(yes) == 2
    assert {left for left, _ in yes} == {yes[0][0]}
    assert yes[0][0] == pytest.approx(heads[1][0], abs=3)
    assert yes[0][1] < place(page, "no", BAD)[1] < yes[1][1]


def test_columns_that_are_too_wide_are_wrapped_and_stay_apart() -> None:
    """Words of one letter for each column, so that a column's ink is told by its letters."""
    long = [" ".join([letter * 9] * 8) for letter in "ABCD"]
    page = text_page("title", [TextTable([long])])
    edges = []
    for letter in "ABCD":
        word = printed(letter * 9, 24, INK)
        places = find_all(page, word)
        assert places, letter
        lefts = [left for left, _ in places]
        edges.append((min(lefts), max(lefts) + word.shape[1]))
    assert all(first[1] < second[0] for first, second in itertools.pairwise(edges))
    margin = np.asarray(page.image().convert("L"))[:, -20:]
    assert (margin > 200).all()


def test_a_row_between_others_has_lines_around_it() -> None:
    one, three = (text_page("title", [TextTable(ROWS[:n])]).height for n in (1, 3))
    two = text_page("title", [TextTable(ROWS[:2])]).height
    assert three - two == two - one
    assert two - one == 32 + 1 + 2 * 7
