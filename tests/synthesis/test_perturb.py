"""The smallest change to another class, against closed forms for linear classifiers."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper
from scipy import optimize

from retrograph import PRESETS, InputError
from retrograph.synthesis import perturb
from support import nets
from support.graphs import Array, noise, parse, runner

LINEAR = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[{batch}, {shape}] x) => (float[{batch}, {classes}] y)
<float[48, {classes}] w, float[{classes}] b>
{{
    flat = Flatten (x)
    y = Gemm (flat, w, b)
}}
"""


def linear(shape: str = "3, 4, 4", classes: int = 2, batch: str = "N") -> ModelProto:
    return parse(LINEAR.format(shape=shape, classes=classes, batch=batch))


def parts(model: ModelProto) -> tuple[Array, Array]:
    found = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    return found["w"], found["b"]


@pytest.mark.parametrize("shape", ["48", "6, 8"])
def test_two_classes_by_the_distance_to_the_plane_between_them(shape: str) -> None:
    """|w . x + b| / |w|, along w."""
    model = linear(shape)
    weights, bias = parts(model)
    size = [int(d) for d in shape.split(",")]
    x = noise(*size)
    scores = x.reshape(-1) @ weights + bias
    unit = int(scores.argmin())
    normal = weights[:, unit] - weights[:, 1 - unit]
    distance = (scores[1 - unit] - scores[unit]) / np.linalg.norm(normal)
    perturbation = perturb(model, x, unit)
    assert perturbation.succeeded
    assert perturbation.was == 1 - unit
    assert perturbation.norms.l2 == pytest.approx(distance, rel=2e-3)
    along = (
        perturbation.change.reshape(-1) @ normal / np.linalg.norm(normal) / perturbation.norms.l2
    )
    assert along == pytest.approx(1, abs=1e-4)
    assert perturbation.norms.linf == pytest.approx(np.abs(perturbation.change).max())
    assert perturbation.norms.relative == pytest.approx(perturbation.norms.l2 / np.linalg.norm(x))
    assert perturbation.picture is None


@pytest.mark.parametrize("preset", ["0-1", "0-255", "imagenet", "caffe-bgr"])
def test_norms_are_on_a_pictures_scale_whatever_the_preprocessing(preset: str) -> None:
    """The same classifier of bytes behind each preprocessing needs the same change."""
    recipe = PRESETS[preset]
    model = linear()
    weights, bias = parts(model)
    weights, bias = weights / 100, np.zeros(2)
    gain = np.repeat(255 * recipe.scale / np.broadcast_to(recipe.std, 3), 16)
    shift = np.repeat(-np.broadcast_to(recipe.mean, 3) / np.broadcast_to(recipe.std, 3), 16)
    # y = weights . v of v from 0 to 1 written in x = gain v + shift
    own = weights / gain[:, np.newaxis]
    replaced = {"w": own, "b": bias - shift @ own}
    for tensor in model.graph.initializer:
        value = replaced[tensor.name].astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    bytes_ = np.random.default_rng(0).integers(90, 160, 48) / 255
    scores = bytes_ @ weights
    unit = int(scores.argmin())
    normal = weights[:, unit] - weights[:, 1 - unit]
    x = (bytes_ * gain + shift).reshape(3, 4, 4).astype(np.float32)
    perturbation = perturb(model, x, unit, preprocessing=preset)
    distance = np.abs(scores[0] - scores[1]) / np.linalg.norm(normal)
    assert perturbation.norms.l2 == pytest.approx(distance, rel=5e-3)


def test_of_several_classes_it_ends_on_the_nearest_point_of_the_wanted_one() -> None:
    model = linear("48", classes=5)
    weights, bias = parts(model)
    x = noise(48, seed=7)
    unit = int((x @ weights + bias).argmin())
    perturbation = perturb(model, x, unit)
    scores = runner(model)(perturbation.input[np.newaxis])["y"][0]
    assert scores.argmax() == unit
    assert np.sort(scores)[-1] - np.sort(scores)[-2] < 0.05
    others = [j for j in range(5) if j != unit]
    normals = weights[:, [unit]] - weights[:, others]
    gaps = (x @ weights + bias)[others] - (x @ weights + bias)[unit]
    nearest = optimize.minimize(
        lambda r: r @ r,
        np.zeros(48),
        jac=lambda r: 2 * r,
        method="SLSQP",
        constraints={
            "type": "ineq",
            "fun": lambda r: r @ normals - gaps,
            "jac": lambda r: normals.T,
        },
    )
    assert nearest.success
    wanted = np.linalg.norm(nearest.x)
    singles = gaps / np.linalg.norm(normals, axis=0)
    assert wanted > 1.02 * singles.max()  # more than one plane counts
    assert wanted * 0.999 < perturbation.norms.l2 < wanted * 1.01


def test_a_picture_keeps_its_range_and_the_saved_one_its_class() -> None:
    model = nets.cnn()
    picture = np.random.default_rng(0).integers(0, 256, (3, 8, 8)) / np.float32(255)
    unit = int(runner(model)(picture[np.newaxis].astype(np.float32))["scores_out"].argsort()[0, -2])
    perturbation = perturb(model, picture.astype(np.float32), unit)
    assert perturbation.succeeded
    assert 0 <= perturbation.input.min() <= perturbation.input.max() <= 1
    after = runner(model)(perturbation.input[np.newaxis])["scores_out"][0]
    assert after.argmax() == unit
    assert np.allclose(after, perturbation.scores_after, atol=1e-5)
    assert perturbation.picture is not None
    assert perturbation.picture_norms is not None
    saved = (perturbation.picture.transpose(2, 0, 1)[np.newaxis] / 255).astype(np.float32)
    assert runner(model)(saved)["scores_out"][0].argmax() == unit
    assert perturbation.picture_norms.l2 == pytest.approx(
        np.linalg.norm(saved[0] - picture), rel=1e-3
    )


def test_a_fixed_batch_and_channels_last_are_no_matter() -> None:
    picture = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    was = int(runner(nets.cnn())(picture[np.newaxis])["scores_out"].argmax())
    unit = (was + 2) % nets.CLASSES
    wanted = perturb(nets.cnn(), picture, unit)
    assert perturb(nets.cnn(batch=3), picture, unit).norms.l2 == pytest.approx(
        wanted.norms.l2, rel=1e-3
    )
    last = perturb(nets.nhwc_cnn(), picture.transpose(1, 2, 0), unit)
    assert last.norms.l2 == pytest.approx(wanted.norms.l2, rel=1e-3)
    assert np.allclose(last.change.transpose(2, 0, 1), wanted.change, atol=1e-4)


def test_an_interrupt_gives_back_the_best() -> None:
    def stop(done: int, total: int | None) -> None:
        assert total == 50
        if done == 3:
            raise KeyboardInterrupt

    model, x = linear("48"), noise(48)
    weights, bias = parts(model)
    perturbation = perturb(model, x, int((x @ weights + bias).argmin()), progress=stop)
    assert perturbation.succeeded
    assert perturbation.steps == 3


def test_mistakes_are_told() -> None:
    model, x = linear("48"), noise(48)
    weights, bias = parts(model)
    with pytest.raises(InputError, match=r"the picture has class [01] already"):
        perturb(model, x, int((x @ weights + bias).argmax()))
    with pytest.raises(InputError, match=r"unit=9 is out of range.*2 units"):
        perturb(model, x, 9)
    settings = {"steps": 1, "overshoot": -0.5}
    worst = int((x @ weights + bias).argmin())
    assert not perturb(model, x, worst, settings=settings).succeeded
