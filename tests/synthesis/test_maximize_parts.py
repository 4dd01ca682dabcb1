"""The parts of an ascent, each against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from retrograph import PRESETS, InputError
from retrograph.preprocess import Preprocessing, axes_by_size, prepare, restore
from retrograph.synthesis.ascent import of_unit_size
from retrograph.synthesis.banded import Banded
from retrograph.synthesis.octaves import octaves
from retrograph.synthesis.regularisers import (
    Blur,
    ClipContribution,
    ClipNorm,
    Decay,
    TotalVariation,
)
from retrograph.synthesis.settings import Settings
from retrograph.synthesis.slope import probabilities
from retrograph.synthesis.smoothing import Smoothing
from retrograph.synthesis.space import space_of
from retrograph.synthesis.views import Shaking, Window, resized, sampling
from support.graphs import Array

RNG = np.random.default_rng(3)
CANVAS = RNG.uniform(-0.5, 0.5, (2, 3, 9, 7))
GRADIENT = RNG.standard_normal(CANVAS.shape)


def test_decay_shrinks_towards_grey() -> None:
    assert np.allclose(Decay(0.25)(CANVAS, GRADIENT, 1), 0.75 * CANVAS)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_blur_is_scipys_and_comes_every_so_many_steps(sigma: float) -> None:
    blur = Blur(sigma, every=3)
    assert blur(CANVAS, GRADIENT, 1) is CANVAS
    assert blur(CANVAS, GRADIENT, 2) is CANVAS
    whole = [0, 0, sigma, sigma]
    wanted = ndimage.gaussian_filter(CANVAS, whole, mode="reflect", truncate=4.0)
    radius = int(np.ceil(4 * sigma))
    assert radius == int(4 * sigma + 0.5)  # so that both windows end at the same place
    assert np.allclose(blur(CANVAS, GRADIENT, 3), wanted, atol=1e-12)


def test_pixels_of_small_norm_become_grey() -> None:
    clipped = ClipNorm(30)(CANVAS, GRADIENT, 1)
    for before, after in zip(CANVAS, clipped, strict=True):
        norms = np.linalg.norm(before, axis=0)
        small = norms < np.percentile(norms, 30)
        assert 0 < small.sum() < small.size
        assert (after[:, small] == 0).all()
        assert (after[:, ~small] == before[:, ~small]).all()


def test_pixels_of_small_contribution_become_grey() -> None:
    clipped = ClipContribution(60)(CANVAS, GRADIENT, 1)
    for before, gradient, after in zip(CANVAS, GRADIENT, clipped, strict=True):
        size = np.abs(np.einsum("chw,chw->hw", before, gradient))
        small = size < np.percentile(size, 60)
        assert (after[:, small] == 0).all()
        assert (after[:, ~small] == before[:, ~small]).all()


def variation(canvas: Array, epsilon: float) -> float:
    return float(sum(np.sqrt(np.diff(canvas, axis=a) ** 2 + epsilon**2).sum() for a in (2, 3)))


def test_total_variation_goes_down_its_gradient() -> None:
    step = TotalVariation(0.01, epsilon=0.04)
    moved = (CANVAS - step(CANVAS, GRADIENT, 1)) / 0.01
    small = 1e-6
    for place in [(0, 0, 0, 0), (1, 2, 8, 6), (0, 1, 4, 3), (1, 0, 0, 6)]:
        up, down = CANVAS.copy(), CANVAS.copy()
        up[place] += small
        down[place] -= small
        wanted = (variation(up, 0.04) - variation(down, 0.04)) / (2 * small)
        assert moved[place] == pytest.approx(wanted, abs=1e-6)


def test_total_variation_calms_a_chequerboard_at_its_greatest_rate() -> None:
    board = 0.02 * (-1.0) ** np.add.outer(np.arange(16), np.arange(16))[None, None]
    step = TotalVariation(0.01)
    for _ in range(50):
        board = step(board, board, 1)
    assert np.abs(board).max() < 0.005


@pytest.mark.parametrize("size", [(9, 7), (18, 14), (5, 20)])
def test_resizing_is_linear_interpolation_between_pixel_centres(size: tuple[int, int]) -> None:
    places = [(np.arange(n) + 0.5) * m / n - 0.5 for n, m in zip(size, (9, 7), strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    wanted = ndimage.map_coordinates(CANVAS[0, 1], grid, order=1, mode="reflect")
    assert np.allclose(resized(CANVAS, size)[0, 1], wanted, atol=1e-12)


def test_a_views_gradient_is_its_transpose() -> None:
    view = Window(sampling(6, 9, pitch=0.7, shift=1.3), sampling(5, 7, pitch=1.1, shift=-0.4))
    seen = RNG.standard_normal((2, 3, 6, 5))
    assert np.vdot(view.of(CANVAS), seen) == pytest.approx(np.vdot(CANVAS, view.back(seen)))


@pytest.mark.parametrize("extents", [(70, 50), (50, 70), (5, 90), (90, 5)])
def test_a_banded_matrix_multiplies_as_the_dense_one(extents: tuple[int, int]) -> None:
    seen, size = extents
    matrix = sampling(seen, size, pitch=0.9 * size / seen, shift=4.2)
    banded, planes = Banded.of(matrix), RNG.standard_normal((2, 3, size, size))
    np.testing.assert_allclose(banded.along_rows(planes), matrix @ planes, atol=1e-12)
    np.testing.assert_allclose(banded.along_columns(planes), planes @ matrix.T, atol=1e-12)


def test_rows_of_zeros_of_a_banded_matrix_give_zeros() -> None:
    matrix = np.zeros((60, 7))
    matrix[3, 2] = 2.0
    planes = RNG.standard_normal((1, 1, 7, 7))
    np.testing.assert_array_equal(Banded.of(matrix).along_rows(planes), matrix @ planes)
    assert sum(numbers.size for *_, numbers in Banded.of(matrix).blocks) == 24


@pytest.mark.parametrize("canvas", [(8, 8), (32, 32), (40, 70), (33, 96)])
def test_views_see_all_of_a_canvas(canvas: tuple[int, int]) -> None:
    views = Shaking(0.0, 0.0).views((32, 32), canvas, np.random.default_rng(0))
    seen = sum(v.back(np.ones((1, 1, 32, 32))) for v in views)
    small = [c <= 32 for c in canvas]
    assert len(views) == 1 if all(small) else len(views) > 1
    assert (np.asarray(seen) > 0).mean() > 0.8


def test_smoothing_divides_by_the_frequency() -> None:
    """Two waves, of 1 and of 4 cycles over 32 pixels, keep amplitudes of 4 : 1."""
    x = np.arange(32)
    waves = [np.cos(2 * np.pi * f * x / 32) for f in (1, 4)]
    gradient = np.broadcast_to(waves[0] + waves[1], (1, 1, 32, 32))
    smooth = Smoothing(1.0).applied(gradient)[0, 0, 0]
    parts = [float(smooth @ wave) for wave in waves]
    assert parts[0] / parts[1] == pytest.approx(4)
    assert Smoothing(0.0).applied(gradient) is gradient


def test_what_all_colours_share_weighs_more() -> None:
    grey, red = np.ones((1, 3, 4, 4)), np.zeros((1, 3, 4, 4))
    red[:, 0], red[:, 1:] = 1, -0.5
    smoothing = Smoothing(0.0, grey=3.0)
    assert np.allclose(smoothing.applied(grey), 4 * grey)
    assert np.allclose(smoothing.applied(red), red)


def test_octaves_grow_to_the_size_and_share_the_steps() -> None:
    found = octaves((60, 90), count=3, ratio=2.0, steps=100, window=None)
    assert [o.canvas for o in found] == [(15, 22), (30, 45), (60, 90)]
    assert [o.window for o in found] == [o.canvas for o in found]
    assert sum(o.steps for o in found) == 100
    assert max(o.steps for o in found) - min(o.steps for o in found) <= 1
    assert [o.canvas for o in octaves((10, 10), count=4, ratio=2.0, steps=9, window=(10, 10))] == [
        (10, 10)
    ]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("shape", [(1, 3, 6, 5), (1, 6, 5, 3), (1, 1, 6, 5), (1, 6, 5, 1)])
def test_a_canvas_counts_as_the_preprocessing_does(preset: str, shape: tuple[int, ...]) -> None:
    recipe = PRESETS[preset]
    if 1 in shape[1:] and len(recipe.mean) > 1:
        recipe = Preprocessing(scale=recipe.scale, mean=recipe.mean[:1], std=recipe.std[:1])
    recipe = recipe.for_shape(shape)
    space = space_of(axes_by_size(shape), recipe, None, None)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    x, shown = prepare(
        Image.fromarray(pixels), Preprocessing(**{**recipe.__dict__, "resize": "none"}), shape
    )
    canvas = space.from_input(x[np.newaxis])
    assert canvas.min() >= -0.5 - 1e-6
    assert canvas.max() <= 0.5 + 1e-6
    assert np.allclose(space.to_input(canvas)[0], x, atol=1e-4)
    grey = restore(space.to_input(np.zeros((1, *space.item)))[0], recipe)
    assert set(np.unique(grey)) <= {127, 128}
    for value, byte in ((-0.5, 0), (0.5, 255)):
        ends = restore(space.to_input(np.full((1, *space.item), value))[0], recipe)
        assert (ends == byte).all()
    assert (restore(space.to_input(space.rounded(canvas))[0], recipe) == np.asarray(shown)).all()


def test_a_canvas_gradient_is_that_of_the_input_by_the_chain_rule() -> None:
    recipe = PRESETS["imagenet"].for_shape((1, 4, 4, 3))
    space = space_of(axes_by_size((1, 4, 4, 3)), recipe, None, None)
    canvas, weights = RNG.uniform(-0.4, 0.4, (1, 3, 4, 4)), RNG.standard_normal((1, 4, 4, 3))
    change = 0.01 * RNG.standard_normal(canvas.shape)
    moved = space.to_input(canvas + change) - space.to_input(canvas)
    assert np.vdot(moved, weights) == pytest.approx(
        np.vdot(space.gradient(weights), change), rel=1e-4
    )


def test_steps_are_of_one_length_whatever_the_gradient() -> None:
    found = of_unit_size(np.stack([GRADIENT[0] * 1e-20, GRADIENT[1] * 1e9, GRADIENT[0] * 0]))
    assert np.allclose(np.sqrt((found**2).mean(axis=(1, 2, 3))), [1, 1, 0])


def test_probabilities_are_the_scores_themselves_or_their_softmax() -> None:
    logits = np.array([[1.0, 3.0, -2.0]])
    wanted = np.exp(logits) / np.exp(logits).sum()
    assert np.allclose(probabilities(logits), wanted)
    assert np.allclose(probabilities(logits.reshape(1, 3, 1, 1)), wanted)
    assert np.allclose(probabilities(wanted), wanted)
    assert probabilities(np.array([[0.9, 0.8, 0.1]])) is None
    assert probabilities(np.zeros((1, 3, 4, 4))) is None


@pytest.mark.parametrize(
    ("field", "value"), [("steps", 0), ("variation", 0.5), ("ratio", 1.0), ("clip_norm", 101)]
)
def test_impossible_settings_are_refused(field: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{field} is .*; give a number from"):
        Settings(**{field: value})
