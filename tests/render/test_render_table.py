"""Tables of pictures keep their columns, and their legends are drawn as attributions are."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFont

from retrograph.errors import InputError
from retrograph.methods import METHODS, Method
from retrograph.render import SCALE, STYLES, Drawn, Style, Table, enlarge, style_named, values_key
from retrograph.render.blocks import INK, SOFT
from retrograph.render.text import wrap
from support.page_case import find, printed, random_picture


def table(titles: list[str], rows: list[list[np.ndarray]], **more: Any) -> Image.Image:
    made = Table(titles)
    for pictures in rows:
        made.add("name\nscores", pictures)
    return made.page(**{"title": "title", **more})


def test_table_is_a_grid_whatever_the_sizes() -> None:
    """Pictures of a row begin at one height, those of a column at one place from the left."""
    rows = [
        [random_picture(32, 32), random_picture(32, 64)],
        [np.rot90(random_picture(48, 32), 2), random_picture(64, 32)],
        [random_picture(224, 300), random_picture(300, 224)],
    ]
    page = table(["a", "b"], rows)
    places = [[find(page, enlarge(each, 224)) for each in row] for row in rows]
    assert all(first[1] == second[1] for first, second in places)
    assert len({first[0] for first, _ in places}) == 1
    assert len({second[0] for _, second in places}) == 1
    tops = [row[0][1] for row in places]
    heights = [max(len(enlarge(each, 224)) for each in row) for row in rows]
    assert all(b - a > height for a, b, height in zip(tops, tops[1:], heights, strict=False))
    assert places[0][1][0] - places[0][0][0] > 300  # the widest of the first column


def test_table_titles_begin_where_their_columns_do() -> None:
    small = random_picture(32, 32)
    page = table(["", "H" * 3], [[small, small[::-1]]])
    left, top = find(page, enlarge(small[::-1], 224))
    above = np.asarray(page)[top - 30 : top - 1]
    inked = np.flatnonzero((above < 100).all(axis=2).any(axis=0))
    assert left <= inked[0] < left + 4


def test_table_titles_grow_and_shrink_but_stay_in_their_columns() -> None:
    small = random_picture(32, 32)
    for titles in (["a"] * 12, ["lrp-epsilon-alpha2-beta1 [1]"] * 12, ["W" * 60] * 2):
        page = table(titles, [[np.roll(small, i, axis=0) for i in range(len(titles))]])
        lefts = [find(page, enlarge(np.roll(small, i, axis=0), 224)) for i in range(len(titles))]
        top = lefts[0][1]
        for (left, _), (right, _) in itertools.pairwise(lefts):
            gap = np.asarray(page)[top - 60 : top - 1, left + 227 : right - 2]
            assert (gap == 255).all()


def test_table_scales_large_pictures_down() -> None:
    page = table(["a"], [[random_picture(3000, 2000)]] * 2)
    assert page.height < 1300
    assert page.width < 900


def test_table_text_never_leaves_the_page() -> None:
    words = "W" * 400 + " " + "word " * 400
    made = Table([words, words])
    made.add("\n".join([words] * 3), [random_picture(32, 32), random_picture(2000, 8)])
    keys = [(words, each) for each in (*(s.key() for s in STYLES.values()), values_key(True))]
    page = made.page("\n".join([words] * 2), keys, [words, SCALE])
    border = np.asarray(page).copy()
    border[40:-40, 40:-40] = 255
    assert (border == 255).all()


def test_table_holds_its_keys_and_notes() -> None:
    rows = [[random_picture(32, 32)]]
    plain = table(["a"], rows)
    with_key = table(["a"], rows, keys=[("a", STYLES["heat"].key())])
    find(with_key, STYLES["heat"].key().bar)
    assert with_key.height > plain.height
    assert table(["a"], rows, notes=["note"]).height > plain.height


def test_table_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        Table(["a"]).page("title")


def test_key_of_signed_shows_each_colour_by_itself() -> None:
    bar = STYLES["signed"].key().bar
    stripes = bar[:: len(bar) // 4][:4]
    ends = {"left": stripes[:, 0], "right": stripes[:, -1]}
    np.testing.assert_array_equal(ends["right"][0], [255] * 3)
    np.testing.assert_array_equal(ends["left"][0], [1] * 3)
    np.testing.assert_array_equal(ends["right"][1:], 128 + 127 * np.eye(3))
    np.testing.assert_array_equal(ends["left"][1:], 128 - 127 * np.eye(3))
    middle = stripes[:, bar.shape[1] // 2].astype(int)
    assert np.abs(middle - 128).max() <= 1


def test_keys_are_drawn_as_attributions_are() -> None:
    for key in (STYLES["signed"].key(Drawn(coloured=False)), values_key(True)):
        bar = key.bar
        assert (bar == bar[:1]).all()
        assert bar[0, 0].tolist() == [1] * 3
        assert bar[0, -1].tolist() == [255] * 3
    assert STYLES["heat"].key().bar[0, 0].tolist() == [0x00, 0x00, 0x04]
    assert STYLES["heat"].key().bar[0, -1].tolist() == [0xFC, 0xFD, 0xBF]
    dim = STYLES["overlay"].key().bar[0, 0].astype(int)
    np.testing.assert_allclose(dim, 0.55 * 128, atol=4)


def test_a_title_and_its_further_lines_are_drawn() -> None:
    rows = [[random_picture(32, 32)]]
    bare, one, other, more = (
        table(["a"], rows, title=title) for title in ("", "net.onnx", "cat.onnx", "net.onnx\nmore")
    )
    assert bare.height < one.height == other.height < more.height
    assert one.pixels.tobytes() != other.pixels.tobytes()
    find(one, printed("net.onnx", 32, INK))
    find(more, printed("more", 22, SOFT))


@pytest.mark.parametrize(
    "style", [each for each in STYLES.values() if each.has_sign], ids=lambda each: each.name
)
def test_a_legend_names_its_ends_for_and_against(style: Style) -> None:
    """What is drawn of -1 and of 1 has the colours of the ends that are called so."""
    key = style.key(Drawn(coloured=False))
    ends = dict(zip(key.ends, key.bar[0, [0, key.bar.shape[1] // 2, -1]], strict=True))
    for value, name in ((-1.0, "against"), (1.0, "for")):
        drawn = style.draw(np.full((1, 1, 2), value))
        np.testing.assert_array_equal(drawn[0, 0], ends[name])
    np.testing.assert_allclose(style.draw(np.zeros((1, 1, 2)))[0, 0], ends["0"], atol=4)


def test_the_ends_of_a_legend_are_named_at_their_sides() -> None:
    positive, heat_key = np.full((1, 1, 2), 1.0), STYLES["heat"].key()
    assert heat_key.ends == ("0", "most")
    assert (STYLES["heat"].draw(positive)[0, 0] == heat_key.bar[0, -1]).all()
    assert (STYLES["heat"].draw(0 * positive)[0, 0] == heat_key.bar[0, 0]).all()
    assert values_key(True).ends == ("negative", "0", "positive")
    assert values_key(False).ends == ("least", "most")
    assert values_key(True, (-2.5, 10)).ends == ("-10", "0", "10")
    assert values_key(False, (0.5, 10)).ends == ("0.5", "10")


def test_the_page_has_the_ends_where_the_bar_has_them() -> None:
    """Of two keys that differ in an end's name, pages differ at that end of the bar alone."""
    key = STYLES["signed"].key(Drawn(coloured=False))
    other = replace(key, ends=("against", "0", "FOR"))
    pages = [
        np.asarray(table(["a"], [[random_picture(32, 32)]], keys=[("a", k)])) for k in (key, other)
    ]
    left, _ = find(Image.fromarray(pages[0]), key.bar)
    columns = np.flatnonzero((pages[0] != pages[1]).any(axis=(0, 2)))
    assert columns.size
    assert columns.min() > left + key.bar.shape[1] * 0.75


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda m: m.name)
def test_a_method_is_drawn_in_a_style_that_there_is(method: Method) -> None:
    assert style_named(method.style).name == method.style.partition(",")[0]


def test_a_style_that_needs_a_picture_gives_way_without_one() -> None:
    assert style_named("overlay").name == "overlay"
    assert style_named("overlay", has_picture=False).name == "heat"
    assert style_named("heat", has_picture=False).name == "heat"
    with pytest.raises(InputError, match="choose one of: signed, red-blue, heat, overlay"):
        style_named("glow")


def test_long_words_break_after_a_hyphen() -> None:
    font = ImageFont.load_default(20)
    assert wrap("alpha-beta", font, font.getlength("alpha-be"), 3) == ["alpha-", "beta"]
    assert wrap("alphabeta", font, font.getlength("alphabe"), 3) == ["alphabe", "ta"]
