"""Attributions are drawn as they are, pages hold what they are given, files are whole or not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from retrograph.errors import InputError
from retrograph.render import Caption, enlarge, heat, overlay, panel, save_picture, sheet, signed
from retrograph.render.styles import Key
from retrograph.render.text import legible, wrap
from support.page_case import find, random_picture


def attribution(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)


def test_signed_zero_is_exactly_mid_grey() -> None:
    assert (signed(np.zeros((3, 4, 5))) == 128).all()
    values = attribution(3, 8, 8)
    values[:, 2, 3] = 0
    assert (signed(values)[2, 3] == 128).all()


def test_signed_is_symmetric() -> None:
    values = attribution(3, 16, 16)
    both = signed(values).astype(int) + signed(-values)
    assert (both == 256).all()


def test_signed_ends_by_hand() -> None:
    drawn = signed(np.array([[[-2.0, -1.0, 0.0, 1.0, 2.0]]]), percentile=100)
    np.testing.assert_array_equal(drawn[0, :, 0], [1, 64, 128, 192, 255])


def test_signed_channels_share_one_scale() -> None:
    values = np.stack([np.full((2, 2), 4.0), np.full((2, 2), 1.0), np.full((2, 2), -2.0)])
    np.testing.assert_array_equal(signed(values, percentile=100)[0, 0], [255, 160, 64])


def test_one_outlier_does_not_wash_out() -> None:
    values = attribution(3, 64, 64)
    before = signed(values)
    values[0, 0, 0] = 1e6
    after = signed(values)
    assert after[0, 0, 0] == 255
    assert np.abs(after.astype(int) - before)[1:].max() <= 1


def test_a_small_field_is_drawn_as_strong_as_a_large_one() -> None:
    small = np.zeros((3, 224, 224))
    small[:, 100:107, 100:107] = attribution(3, 7, 7)
    np.testing.assert_array_equal(
        signed(small)[100:107, 100:107], signed(small[:, 100:107, 100:107])
    )


def test_signed_bgr_and_layout() -> None:
    values = attribution(3, 6, 5)
    drawn = signed(values)
    np.testing.assert_array_equal(signed(values[::-1], order="bgr"), drawn)
    np.testing.assert_array_equal(signed(values.transpose(1, 2, 0), layout="nhwc"), drawn)


def test_signed_other_channel_counts() -> None:
    values = attribution(9, 6, 5)
    grey = signed(values.sum(axis=0, keepdims=True))
    assert grey.shape == (6, 5, 3)
    assert (grey == grey[..., :1]).all()
    np.testing.assert_array_equal(signed(values), grey)


def test_heat_takes_the_largest_channel_whatever_the_sign() -> None:
    values = np.zeros((3, 1, 4))
    values[0, 0, 1] = -8
    values[1, 0, 2] = 8
    values[:, 0, 3] = [1, -4, 2]
    drawn = heat(values, percentile=100).astype(int)
    np.testing.assert_array_equal(drawn[0, 0], [0x00, 0x00, 0x04])
    np.testing.assert_array_equal(drawn[0, 1], [0xFC, 0xFD, 0xBF])
    np.testing.assert_array_equal(drawn[0, 2], drawn[0, 1])
    np.testing.assert_allclose(drawn[0, 3], [183, 55, 121], atol=3)  # the middle of magma


def test_heat_grows_brighter_with_magnitude() -> None:
    light = heat(np.linspace(0, 1, 200)[None, None], percentile=100) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light[0]) > -0.5).all()
    assert light[0, -1] - light[0, 0] > 200


def test_overlay_is_the_dimmed_picture_where_nothing_matters() -> None:
    grey = np.full((4, 4, 3), 200, np.uint8)
    values = np.zeros((3, 4, 4))
    values[1, 2, 2] = -1
    drawn = overlay(Image.fromarray(grey), values)
    np.testing.assert_allclose(drawn[0, 0], 0.55 * 200, atol=3)
    assert (drawn[2, 2] > drawn[0, 0]).all()


@pytest.mark.parametrize("draw", [signed, heat])
def test_values_that_are_not_finite_are_refused(draw: Callable[[np.ndarray], np.ndarray]) -> None:
    values = attribution(3, 4, 4)
    values[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        draw(values)


def test_enlarge_repeats_pixels_exactly() -> None:
    small = random_picture(32, 48)
    large = enlarge(small)
    assert large.shape == (224, 336, 3)
    np.testing.assert_array_equal(large[3::7, 3::7], small)
    np.testing.assert_array_equal(large, np.kron(small, np.ones((7, 7, 1), np.uint8)))


def test_enlarge_leaves_large_and_elongated_pictures() -> None:
    assert enlarge(random_picture(224, 224)).shape == (224, 224, 3)
    assert enlarge(random_picture(225, 300)).shape == (225, 300, 3)
    assert enlarge(random_picture(100, 100)).shape == (300, 300, 3)
    assert enlarge(random_picture(1, 1000)).shape == (2, 2000, 3)


def test_panel_holds_its_pictures_side_by_side() -> None:
    first, second = random_picture(32, 32), random_picture(32, 32)[::-1]
    page = panel([("input", first), ("guided", second)], Caption("relu3"))
    (left, top), (right, other) = (find(page, enlarge(p, 448)) for p in (first, second))
    assert top == other
    assert right > left + 448
    assert page.pixels.dtype == np.uint8


def test_panel_aligns_pictures_under_titles_of_unequal_length() -> None:
    first, second = random_picture(32, 32), random_picture(32, 32)[::-1]
    page = panel([("short", first), ("a long title " * 9, second)])
    assert find(page, enlarge(first, 448))[1] == find(page, enlarge(second, 448))[1]


def test_text_never_leaves_the_page() -> None:
    small = random_picture(32, 32)
    words = "W" * 400 + " " + "word " * 400
    for page in (
        panel([(words, small)], Caption("\n".join([words] * 3), notes=[words])),
        sheet([(words, [small, small])] * 3, 2, "\n".join([words] * 3)),
    ):
        border = np.asarray(page).copy()
        border[40:-40, 40:-40] = 255
        assert (border == 255).all()
    assert panel([(words, small)], Caption(words)).width == panel([("", small)]).width


def test_text_is_drawn() -> None:
    small = random_picture(32, 32)
    assert panel([("", small)], Caption("caption")).height > panel([("", small)]).height
    assert panel([("title", small)]).height > panel([("", small)]).height
    plain, titled = (panel([(title, small)], Caption("first")) for title in "ab")
    assert plain.pixels.shape == titled.pixels.shape
    assert (plain.pixels != titled.pixels).any()


@pytest.mark.parametrize("width", [300, 800, 1500])
def test_bars_of_a_legend_begin_at_one_left_edge(width: int) -> None:
    bars = [np.roll(random_picture(80, 300), i, axis=0) for i in range(2)]
    keys = [Key(bars[0], ("least", "most"), "words"), Key(bars[1], ("0", "most"), "words", ("R",))]
    legend = Caption(keys=[("", keys[0]), ("", keys[1]), ("", keys[0]), ("", keys[1])])
    page = panel([("", np.zeros((100, width, 3), np.uint8))], legend)
    assert find(page, bars[0])[0] == find(page, bars[1])[0]


def test_sheet_is_a_grid() -> None:
    pictures = [np.roll(random_picture(32, 32), i, axis=0) for i in range(5)]
    page = sheet([(str(i), [each, 255 - each]) for i, each in enumerate(pictures)], 2, "title")
    places = [find(page, enlarge(each, 160)) for each in pictures]
    columns, rows = sorted({x for x, _ in places}), sorted({y for _, y in places})
    assert places == [(columns[i % 2], rows[i // 2]) for i in range(5)]
    for each, (x, y) in zip(pictures, places, strict=True):
        beside, level = find(page, enlarge(255 - each, 160))
        assert level == y
        assert 160 < beside - x < 180


def test_sheet_scales_large_pictures_down() -> None:
    assert sheet([("", [random_picture(3000, 2000)])], 1).height < 700


def test_pages_take_pictures_of_unequal_size() -> None:
    page = panel([("a", random_picture(500, 700)), ("b", random_picture(600, 450))])
    find(page, random_picture(500, 700))
    find(page, random_picture(600, 450))


def test_wrap_fits_and_shortens() -> None:
    font = ImageFont.load_default(24)
    text = "some words and one_that_is_far_too_long_for_any_of_the_lines_here and more"
    lines = wrap(text, font, 200, 20)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(font.getlength(line) for line in lines) <= 200
    short = wrap(text, font, 200, 2)
    assert len(short) == 2
    assert short[0] == lines[0]
    assert short[1].endswith("…")
    assert font.getlength(short[1]) <= 200


def test_legible_has_a_glyph_for_everything() -> None:
    assert legible("relu3 · 5 % ± é n\u0303 \u00d7 \u2192") == "relu3 · 5 % ± e n x ->"
    assert legible("a\tb\u6f22") == "a b?"


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".JPG", ".webp"])
def test_save_writes_what_is_drawn(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    pixels = np.full((20, 30, 3), (10, 120, 250), np.uint8)
    save_picture(pixels, path)
    with Image.open(path) as saved:
        np.testing.assert_allclose(np.asarray(saved.convert("RGB")), pixels, atol=4)
    assert os.listdir(tmp_path) == [path.name]
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_save_replaces_only_with_force(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_text("precious")
    with pytest.raises(InputError, match="force=True"):
        save_picture(random_picture(4, 4), path)
    assert path.read_text() == "precious"
    with path.open() as reader:
        save_picture(random_picture(4, 4), path, force=True)
        assert reader.read() == "precious"  # replaced, not written over
    with Image.open(path) as saved:
        np.testing.assert_array_equal(np.asarray(saved), random_picture(4, 4))


def test_save_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    path.write_text("precious")

    def full(target: Path, data: bytes) -> int:
        with target.open("wb") as file:
            file.write(bytes(data)[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        save_picture(random_picture(4, 4), path, force=True)
    assert os.listdir(tmp_path) == ["out.png"]
    assert path.read_text() == "precious"


def test_save_names_the_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for name, reason in (
        ("out.xyz", r"\.png"),
        ("out", r"\.png"),
        ("missing/out.png", "cannot be written"),
        ("file/out.png", "cannot be written"),
        ("folder.png", "is a folder"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            save_picture(random_picture(4, 4), tmp_path / name, force=True)
        assert str(tmp_path / name) in str(caught.value)
