"""Strips of sequences and slices of volumes: what is drawn where, and in which colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from PIL import Image

from retrograph.errors import InputError
from retrograph.render import STYLES, Track, grey_slices, heat, signed, slices, spaced, strips
from retrograph.render.blocks import SOFT
from support.page_case import cells, find_all, printed

Draw: TypeAlias = Callable[[np.ndarray], np.ndarray]

INK = {"A": (0, 130, 60), "C": (30, 80, 190), "G": (225, 140, 0), "T": (205, 35, 40)}
"""The usual colours of bases: A green, C blue, G orange, T red."""


def values_of(channels: int, length: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(channels, length))


def boxes(page: Image.Image, colour: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
    """The connected columns that hold a colour: left, right, top, bottom."""
    where = (np.asarray(page) == colour).all(axis=2)
    columns = np.flatnonzero(where.any(axis=0))
    runs = np.split(columns, np.flatnonzero(np.diff(columns) > 6) + 1) if len(columns) else []
    found = []
    for run in runs:
        rows = np.flatnonzero(where[:, run[0] : run[-1] + 1].any(axis=1))
        found.append((int(run[0]), int(run[-1]), int(rows[0]), int(rows[-1])))
    return found


@pytest.mark.parametrize(("style", "draw"), [("signed", signed), ("heat", heat)])
def test_a_strip_has_the_colours_of_maps(style: str, draw: Draw) -> None:
    values = values_of(4, 30)
    page = strips([Track("guided", values, STYLES[style])], "ACGT" * 7 + "AC", "ACGT")
    assert len(find_all(page, cells(draw(values[None])))) == 1


def test_many_channels_are_flatter() -> None:
    values = values_of(20, 12)
    page = strips([Track("guided", values, STYLES["signed"])], " " * 12, "ACDEFGHIKLMNPQRSTVWY")
    assert len(find_all(page, cells(signed(values[None]), 14))) == 1


def test_long_sequences_are_wrapped_in_one_scale() -> None:
    values = values_of(4, 170)
    values[:, 90:] *= 0.1
    page = strips([Track("guided", values, STYLES["signed"])], " " * 170, "ACGT")
    drawn = signed(values[None])
    places = [find_all(page, cells(drawn[:, start : start + 80])) for start in (0, 80, 160)]
    assert [len(place) for place in places] == [1, 1, 1]
    (left, _), (second, _), (third, _) = (place[0] for place in places)
    assert left == second == third
    tops = [place[0][1] for place in places]
    assert tops[0] + 72 < tops[1] < tops[2] - 72
    whole = strips([Track("guided", values[:, :100], STYLES["signed"])], " " * 100, "ACGT")
    assert len(find_all(whole, cells(signed(values[None, :, :100])))) == 1


@pytest.mark.parametrize(
    ("letters", "changed"), [("C" * 80 + "A" * 40, 0), ("A" * 80 + "C" * 40, 1)]
)
def test_each_row_has_its_own_letters(letters: str, changed: int) -> None:
    """Where the letters of one row are others, nothing but that row is."""
    values = values_of(4, 120)
    values[:2] = 0  # the letters are A and C, and have no height of their own
    track = Track("guided", values, STYLES["signed"])
    page, other = (strips([track], each, "ACGT") for each in ("A" * 120, letters))
    drawn = signed(values[None])
    tops = [find_all(page, cells(part))[0][1] for part in (drawn[:, :80], drawn[:, 80:])]
    rows = np.flatnonzero((np.asarray(page) != np.asarray(other)).any(axis=(1, 2)))
    assert len(rows)
    assert tops[changed] - 30 < rows[0] <= rows[-1] < tops[changed]


@pytest.mark.parametrize("number", [1, 10, 80, 81, 90, 120])
def test_positions_are_numbered_from_one_in_each_row(number: int) -> None:
    page = strips([Track("guided", np.zeros((4, 120)), STYLES["signed"])], " " * 120, "ACGT")
    left, top = find_all(page, cells(signed(np.zeros((1, 4, 80)))))[0]
    row, column = divmod(number - 1, 80)
    middle = left + 16 * column + 8
    rows = slice(top, None) if row else slice(top)
    area = page.pixels[rows, middle - 20 : middle + 20]
    text = printed(str(number), 14, SOFT)
    ((x, _),) = find_all(area, text)
    assert x + text.shape[1] / 2 == pytest.approx(20, abs=2)


def test_the_letters_have_their_own_channel_s_colour() -> None:
    values = np.zeros((4, 6))
    values[[0, 1, 2, 3], [0, 1, 2, 3]] = 1, -1, 0.5, 0
    values[0, 1:3] = 1, -1  # not what is there
    page = strips([Track("guided", values, STYLES["signed"])], "ACGT  ", "ACGT")
    drawn = signed(values[None])
    left, top = find_all(page, cells(drawn))[0]
    row = np.asarray(page)[top - 22, left + 1 : left + 96 : 16]
    own = [drawn[0, 0], drawn[1, 1], drawn[2, 2], drawn[3, 3], (255, 255, 255), (255, 255, 255)]
    np.testing.assert_array_equal(row, own)


def test_letters_are_as_high_as_their_own_attribution() -> None:
    values = np.zeros((4, 20))
    for channel, place, value in ((0, 2, 4.0), (3, 6, 2.0), (2, 10, 1.0), (1, 14, -1.0)):
        values[channel, place] = value
    letters = "".join({2: "A", 6: "T", 10: "G", 14: "C"}.get(i, " ") for i in range(20))
    page = strips([Track("guided", values, STYLES["signed"])], letters, "ACGT")
    (left, _) = find_all(page, cells(signed(values[None])))[0]
    found = {letter: boxes(page, INK[letter]) for letter in "ATGC"}
    assert {letter: len(each) for letter, each in found.items()} == dict.fromkeys("ATGC", 1)
    for letter, place in (("A", 2), ("T", 6), ("G", 10), ("C", 14)):
        low, high = found[letter][0][:2]
        assert left + 16 * place <= low < high < left + 16 * (place + 1)
    heights = {letter: each[0][3] - each[0][2] + 1 for letter, each in found.items()}
    assert heights["A"] == pytest.approx(64, abs=2)  # four fifths of the logo's 80
    assert heights["T"] == pytest.approx(32, abs=2)
    assert heights["G"] == pytest.approx(16, abs=3)
    base = found["A"][0][3]
    assert abs(found["T"][0][3] - base) <= 1
    assert base < found["C"][0][2] < base + 6  # negative: below the line


def test_an_input_track_has_no_letters_of_its_own() -> None:
    values = values_of(4, 30)
    one = strips([Track("guided", values, STYLES["signed"])], "A" * 30, "ACGT")
    both = strips(
        [
            Track("input", values, STYLES["signed"], is_attribution=False),
            Track("guided", values, STYLES["signed"]),
        ],
        "A" * 30,
        "ACGT",
    )
    places = find_all(both, cells(signed(values[None])))
    assert len(places) == 2
    assert both.height - one.height < 72 + 40  # the strip and its title


def test_channels_that_are_no_letters_are_not_labelled() -> None:
    values = values_of(4, 30)
    labelled, bare = (
        strips([Track("guided", values, STYLES["signed"])], " " * 30, alphabet)
        for alphabet in ("ACGT", "A..T")
    )
    left, top = find_all(labelled, cells(signed(values[None])))[0]

    def inked(page: Image.Image) -> list[bool]:
        gutter = np.asarray(page)[top : top + 72, left - 25 : left - 3]
        return [bool((part < 200).any()) for part in np.split(gutter, 4)]

    assert inked(labelled) == [True, True, True, True]
    assert inked(bare) == [True, False, False, True]


def test_of_very_long_sequences_the_part_that_matters_is_drawn() -> None:
    values = np.zeros((4, 9000))
    values[:, 5000:5100] = values_of(4, 100)
    page = strips([Track("guided", values, STYLES["signed"])], " " * 9000, "ACGT")
    drawn = signed(values[None])
    places = [find_all(page, cells(drawn[:, start : start + 80])) for start in (4960, 5040)]
    assert [len(place) for place in places] == [1, 1]
    assert page.height < 700  # rows of nothing but 0 are left out
    words = "left out, since all is 0 there: positions 4241-4960, 5121-5840"
    silent = printed(words, 0.8 * 17, SOFT)
    assert len(find_all(page, silent)) == 1


def test_a_strip_of_values_that_are_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        strips([Track("guided", np.full((4, 5), np.nan), STYLES["signed"])], "ACGTA", "ACGT")


# --- volumes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("style", "draw"), [("signed", signed), ("heat", heat)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_slices_share_one_scale(style: str, draw: Draw, channels: int) -> None:
    values = np.random.default_rng(3).normal(size=(channels, 5, 6, 7))
    values[:, 0] *= 0.1
    drawn = slices(values, STYLES[style], np.zeros((5, 6, 7, 3), np.uint8))
    assert drawn.shape == (5, 6, 7, 3)
    stacked = draw(np.concatenate([values[:, i] for i in range(5)], axis=1))
    np.testing.assert_array_equal(drawn, np.stack(np.split(stacked, 5)))


def test_an_input_s_slices_go_from_black_to_white() -> None:
    volume = np.zeros((2, 3, 2, 2))
    volume[:, 1, 0, 0], volume[:, 2, 1, 1] = -4, 6
    drawn = grey_slices(volume)
    assert drawn.shape == (3, 2, 2, 3)
    assert (drawn[1, 0, 0] == 0).all()
    assert (drawn[2, 1, 1] == 255).all()
    assert (drawn[0] == 102).all()  # 4 / 10
    assert (grey_slices(np.ones((1, 2, 2, 2))) == 0).all()
    with pytest.raises(InputError, match="NaN"):
        grey_slices(np.full((1, 2, 2, 2), np.nan))


def test_slices_are_evenly_spaced_from_first_to_last() -> None:
    assert spaced(1) == [0]
    assert spaced(5) == [0, 1, 2, 3, 4]
    assert spaced(12) == list(range(12))
    assert spaced(23) == list(range(0, 23, 2))
    many = spaced(1000)
    assert (len(many), many[0], many[-1]) == (12, 0, 999)
    assert max(np.diff(many)) - min(np.diff(many)) <= 1


def test_padding_is_left_out_and_said() -> None:
    """Of 170 positions with 33 letters 40 are drawn."""
    values = values_of(4, 170)
    drawn = signed(values[None])
    page = strips([Track("guided", values, STYLES["signed"])], ("A" * 33).ljust(170), "ACGT")
    assert len(find_all(page, cells(drawn[:, :40]))) == 1
    assert find_all(page, cells(drawn[:, :41])) == []
    full = strips([Track("guided", values, STYLES["signed"])], "A" * 170, "ACGT")
    assert page.height < full.height - 150


def test_a_sequence_is_cut_to_what_the_unit_sees_where_all_is_0_elsewhere() -> None:
    values = np.zeros((4, 900))
    values[:, 120:140] = values_of(4, 20)
    track, letters = Track("gradient", values, STYLES["signed"]), "ACGT" * 225
    page = strips([track], letters, "ACGT", spans=[(118, 146)])
    drawn = signed(values[None])[:, 112:152]
    assert len(find_all(page, cells(drawn).repeat(2, axis=1))) == 1
    values[0, 700] = 1e-3
    whole = strips([track], letters, "ACGT", spans=[(118, 146)])
    assert not find_all(whole, cells(drawn).repeat(2, axis=1))
