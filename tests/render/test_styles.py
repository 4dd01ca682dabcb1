"""Red and blue, smooth maps, and the names that styles are chosen by."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from retrograph.errors import InputError
from retrograph.methods.quantity import CONTRIBUTION, EVIDENCE, GRADIENT
from retrograph.render import STYLES, Caption, Drawn, Subject, enlarge, panels, style_named
from retrograph.render.smoothing import blurred
from support.page_case import find, random_picture

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def test_red_is_for_and_blue_against_in_the_sum_of_the_channels() -> None:
    values = np.zeros((3, 1, 4))
    values[:, 0, 1] = [3, 0, -1]
    values[:, 0, 2] = [-3, 1, 0]
    values[:, 0, 3] = [5, -5, 0]
    red, blue, none, zero = STYLES["red-blue"].draw(values)[0, [1, 2, 3, 0]].astype(int)
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50
    np.testing.assert_array_equal(none, [255] * 3)
    np.testing.assert_array_equal(zero, [255] * 3)


def test_red_and_blue_are_as_dark_in_print_and_darker_with_size() -> None:
    drawn = STYLES["red-blue"].draw(np.linspace(-1, 1, 201)[None, None], percentile=100)
    light = drawn[0] @ LUMINANCE
    assert (np.diff(light[:101]) > 0).all()
    assert (np.diff(light[100:]) < 0).all()
    np.testing.assert_allclose(light, light[::-1], atol=32)


def test_the_picture_is_faint_under_red_and_blue() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0] = 255
    drawn = STYLES["red-blue"].draw(np.zeros((3, 2, 2)), picture=Image.fromarray(picture))
    np.testing.assert_array_equal(drawn[0], 255)
    assert (drawn[1] > 165).all()
    assert (drawn[1] < 195).all()


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_smooth_heat_is_the_blurred_magnitude(layout: str) -> None:
    """Positive and negative numbers side by side must not cancel."""
    checks = (-1.0) ** np.add.outer(np.arange(200), np.arange(300))
    values = np.stack([checks, 0.5 * checks], axis=0 if layout == "nchw" else 2)
    smooth = style_named("heat,smooth").draw(values, layout=layout)
    np.testing.assert_array_equal(smooth, np.broadcast_to(smooth[:1, :1], smooth.shape))
    np.testing.assert_array_equal(smooth[0, 0], [0xFC, 0xFD, 0xBF])


def test_the_blur_is_a_gaussian_of_a_share_of_the_shorter_side() -> None:
    values = np.random.default_rng(0).normal(size=(100, 160))
    wanted = ndimage.gaussian_filter(values, 1.5, mode="reflect", truncate=4)
    np.testing.assert_allclose(blurred(values, 1.5), wanted, atol=1e-12)
    plain, smooth = STYLES["red-blue"], style_named("red-blue,smooth")
    np.testing.assert_array_equal(smooth.draw(values[None]), plain.draw(wanted[None]))


def test_frames_are_blurred_one_by_one() -> None:
    frames = np.zeros((2, 100, 100))
    frames[0] = 1
    drawn = style_named("red-blue,smooth").draw(frames.reshape(1, 200, 100), frames=2)
    np.testing.assert_array_equal(drawn[:100], np.broadcast_to(drawn[0, 0], (100, 100, 3)))
    np.testing.assert_array_equal(drawn[100:], 255)


def test_a_style_is_named_alone_or_with_smooth() -> None:
    assert style_named("smooth", usual="heat") == style_named("heat, smooth")
    assert style_named("heat,smooth").sharp() == STYLES["heat"]
    assert style_named("heat,smooth", has_picture=False) == STYLES["heat"]
    assert "; smoothed, sigma 1.5 % of the shorter side" in style_named("heat,smooth").key().text
    assert style_named("heat,smooth").key(Drawn(sigma=3.4)).text.endswith("sigma 3.4 px")
    assert "smoothed" not in STYLES["heat"].key().text
    for text in ("", "heat,overlay", "heat,soft", "smoother"):
        with pytest.raises(InputError, match="unknown style"):
            style_named(text)


def test_smooth_pictures_have_no_edges_between_their_pixels() -> None:
    small = np.repeat(np.array([[0, 255]], np.uint8)[..., None], 3, axis=2).repeat(2, axis=0)
    assert set(enlarge(small, 100)[50, :, 0]) == {0, 255}
    smooth = enlarge(small, 100, smooth=True)
    assert smooth.shape == enlarge(small, 100).shape
    assert len(set(smooth[50, :, 0])) > 20


def test_panels_are_a_grid_of_places() -> None:
    first, second, part = random_picture(32, 32), random_picture(32, 32)[::-1], random_picture(8, 4)
    page = panels([[("a", first), ("b", second)], [None, ("part", part)]], Caption("text"))
    (left, top), (right, level) = (find(page, enlarge(each, 448)) for each in (first, second))
    assert top == level
    place = find(page, part.repeat(56, axis=0).repeat(56, axis=1))
    assert place[0] == right > left + 448
    assert place[1] > top + 448


def test_the_zero_of_a_legend_over_a_picture_is_as_faint_as_the_map_draws_it() -> None:
    bar = STYLES["red-blue"].key(Drawn(over_picture=True)).bar
    middle = bar.shape[1] // 2
    for row, shade in ((0, 255), (-1, 0)):
        picture = np.full((1, 1, 3), shade, np.uint8)
        drawn = STYLES["red-blue"].draw(np.zeros((3, 1, 1)), picture=Image.fromarray(picture))
        np.testing.assert_allclose(bar[row, middle].astype(int), drawn[0, 0].astype(int), atol=3)


def test_the_ends_of_a_difference_are_named_after_its_units() -> None:
    key = STYLES["red-blue"].key(Drawn(subject=Subject("cat", "dog")))
    assert key.ends == ("dog", "0", "cat")
    assert key.text == "red: for cat; blue: for dog"


def test_a_derivative_says_what_raising_a_value_does_and_a_contribution_what_it_gave() -> None:
    subject = Subject("the class", value="the logit")
    derivative = STYLES["signed"].key(Drawn(GRADIENT, subject))
    assert derivative.text == (
        "brighter: raising this colour value raises the logit; darker: lowers it; grey: no effect"
    )
    assert derivative.ends == ("lowers", "0", "raises")
    assert derivative.rows == ("RGB", "R", "G", "B")
    plain = STYLES["red-blue"].key(Drawn(GRADIENT, subject, over_picture=False))
    assert plain.text == "red: raising the value raises the logit; blue: lowers it"
    contribution = STYLES["red-blue"].key(Drawn(CONTRIBUTION, subject))
    assert contribution.text == "red: for the class; blue: against it"
    assert contribution.ends == ("against", "0", "for")


def test_magnitudes_say_of_what_they_are() -> None:
    assert (
        STYLES["heat"].key(Drawn(EVIDENCE, Subject("the class"))).text == "evidence for the class"
    )
    text = STYLES["overlay"].key(Drawn(GRADIENT)).text
    assert text.startswith("size of the gradient, whatever its sign")
    assert text.endswith("over the dimmed picture")
