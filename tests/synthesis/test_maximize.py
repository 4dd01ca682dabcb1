"""Activation maximisation: what is found against closed forms, and that the model agrees."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, numpy_helper

import retrograph
from retrograph import InputError
from retrograph.model import Model
from retrograph.preprocess import InputAxes, restore
from retrograph.synthesis import Maxima, Settings, dream, maximize
from retrograph.synthesis.ascent import Ascent, Step
from retrograph.synthesis.octaves import Octave
from retrograph.synthesis.regularisers import Decay
from retrograph.synthesis.slope import Goal, Slope
from retrograph.synthesis.space import Space
from retrograph.synthesis.views import Still
from support import nets
from support.graphs import TWO_INPUTS, Array, noise, parse, runner
from support.paths import SAMPLE_MODELS

SAMPLE = SAMPLE_MODELS / "cifar10_cnn.onnx"
FEW = Settings(steps=24)

FILTER = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 1, 9, 9] x) => (float[N, 2, 5, 5] y)
<float[2, 1, 5, 5] w>
{ y = Conv (x, w) }
"""

LINEAR = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 12] x) => (float[N, 4] y)
<float[12, 4] w>
{ y = MatMul (x, w) }
"""


def weights(model: ModelProto) -> Array:
    return numpy_helper.to_array(model.graph.initializer[0])


def cosine(a: Array, b: Array) -> float:
    return float(np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("unit", [(0, 2, 2), (1, 0, 4)])
def test_the_optimum_of_a_convolution_is_its_filter(unit: tuple[int, ...]) -> None:
    """Of all changes of one L2 norm that along the filter raises a unit most."""
    model = parse(FILTER)
    settings = Settings(
        steps=30, octaves=1, smooth=0, jitter=0, zoom=0, decay=0, variation=0, rate=0.001
    )
    (found,) = maximize(model, unit, layer="y", start="grey", settings=settings)
    wanted = np.zeros((9, 9))
    wanted[unit[1] : unit[1] + 5, unit[2] : unit[2] + 5] = weights(model)[unit[0], 0]
    assert cosine(found.input[0] - 0.5, wanted) > 0.98  # the rest is rounding to grey levels


def test_what_is_no_picture_is_climbed_exactly_along_the_weights() -> None:
    model = parse(LINEAR)
    settings = Settings(steps=50, decay=0)
    found = maximize(model, [0, 3], start="grey", settings=settings)
    for each in found:
        column = weights(model)[:, each.unit[0]]
        assert cosine(each.input, column) == pytest.approx(1, abs=1e-6)
        assert each.picture is None
        assert each.activation == pytest.approx(float(each.input @ column), rel=1e-5)


def test_decay_ends_where_it_balances_the_step() -> None:
    """x = (x + rate u)(1 - decay) holds at x = u rate (1 - decay) / decay, for a fixed rate."""
    slope = RNG_SLOPE
    ascent = Ascent([Octave((), (), 400)], Step(0.1, 0.0, 1.0), None, Still(), [Decay(0.2)])
    space = Space((12,), None, InputAxes(("N", 12)))
    states = list(
        ascent.climb(
            lambda x, units: (x @ slope, np.broadcast_to(slope, x.shape)),
            space,
            lambda size: np.zeros((1, 12)),
            np.zeros((1, 12)),
            [(0,)],
            np.random.default_rng(0),
        )
    )
    unit = slope / np.sqrt((slope**2).mean())
    assert np.allclose(states[-1].canvas[0], unit * 0.1 * 0.8 / 0.2)


RNG_SLOPE = np.random.default_rng(1).standard_normal(12)


@pytest.mark.parametrize("place", ["mean", "strongest"])
@pytest.mark.parametrize(("layer", "units"), [("b", [0, 2]), ("e", [2]), ("scores", [0, 2])])
def test_activation_rises_on_every_layer(layer: str, units: list[int], place: str) -> None:
    found = maximize(nets.cnn(), units, layer=layer, place=place, settings=FEW)  # type: ignore[arg-type]
    for each in found:
        assert each.activation > each.before + 0.05
        assert each.steps == 24
        assert each.finished


def test_a_silent_unit_is_told() -> None:
    """Of a ReLU whose bias nothing outweighs."""
    model = nets.cnn()
    bias = next(t for t in model.graph.initializer if t.name == "b2")
    values = np.full(5, 0.1, np.float32)
    values[3] = -1e4
    bias.CopyFrom(numpy_helper.from_array(values, "b2"))
    found = maximize(model, [3, 2], layer="e", settings=FEW)
    assert [each.silent for each in found] == [True, False]
    assert found[0].activation == 0


def test_measures_are_what_they_say() -> None:
    """Mean, strongest position, one unit, log-softmax: each from the layer's own values."""
    model, x = nets.cnn(), noise(2, 3, 8, 8)
    layer = {o.name: o for o in model.graph.output}
    assert "scores_out" in layer
    inner = runner(retrograph.build(model, method="gradient", layer="e", select="cotangent"))
    shape = (2, 5, 4, 4)
    each = np.eye(80, dtype=np.float32).reshape(80, *shape[1:])
    values = np.stack(
        [inner(x=x, cotangent=np.stack([w, w]))["score"] for w in each], axis=1
    ).reshape(shape)
    source = Model(model)

    def slope(**goal: object) -> Array:
        made = Slope(source, Goal(**goal))  # type: ignore[arg-type]
        activation, _ = made(x, goal["units"])  # type: ignore[arg-type]
        return activation

    units = ((1,), (4,))
    rows = np.arange(2)
    planes = values[rows, [1, 4]]
    found = slope(layer="e", units=units, place="mean")
    assert np.allclose(found, planes.mean(axis=(1, 2)), atol=1e-5)
    found = slope(layer="e", units=units, place="strongest")
    assert np.allclose(found, planes.max(axis=(1, 2)), atol=1e-5)
    found = slope(layer="e", units=((1, 2, 3), (4, 0, 1)))
    assert np.allclose(found, [values[0, 1, 2, 3], values[1, 4, 0, 1]], atol=1e-5)
    scores = runner(model)(x)["scores_out"].astype(np.float64)
    wanted = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    found = slope(units=(*units[:1], (3,)), measure="log-probability")
    assert np.allclose(found, wanted[rows, [1, 3]], atol=1e-5)
    found = slope(layer="e", units=())
    assert np.allclose(found, (values**2).sum(axis=(1, 2, 3)) / 2, rtol=1e-5)


def test_the_gradient_of_half_the_squares_is_that_of_the_layer_itself() -> None:
    model, x = nets.cnn(), noise(1, 3, 8, 8)
    _, gradient = Slope(Model(model), Goal("e"))(x, ())
    built = runner(retrograph.build(model, method="gradient", layer="e", select="cotangent"))
    each = np.eye(80, dtype=np.float32).reshape(80, 5, 4, 4)
    layer = np.stack([built(x=x, cotangent=w[None])["score"][0] for w in each])
    wanted = built(x=x, cotangent=layer.reshape(1, 5, 4, 4))["attribution"]
    assert np.allclose(gradient, wanted, atol=1e-5)


@pytest.mark.slow
def test_the_sample_model_gives_its_pictures_their_classes() -> None:
    found = maximize(SAMPLE, "all", settings=Settings(steps=48))
    session = ort.InferenceSession(SAMPLE, providers=["CPUExecutionProvider"])
    for each in found:
        assert each.picture is not None
        x = each.picture.transpose(2, 0, 1)[np.newaxis].astype(np.float32) / 255
        logits = session.run(None, {"image": x})[0][0].astype(np.float64)
        chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        assert chances[each.unit[0]] > 0.9
        assert each.probability == pytest.approx(chances[each.unit[0]], abs=1e-4)
        assert each.activation == pytest.approx(logits[each.unit[0]], abs=1e-3)


def arrays(found: Maxima) -> list[Array]:
    return [each.input for each in found]


def test_seeds_repeat_and_tell_apart() -> None:
    first, again, other = (
        arrays(maximize(nets.cnn(), [1], settings=FEW, seed=seed)) for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch_makes_what_an_open_one_makes(batch: int) -> None:
    units = [0, 1, 2, 3]
    wanted = maximize(nets.cnn(), units, settings=FEW)
    found = maximize(nets.cnn(batch=batch), units, settings=FEW)
    for have, want in zip(found, wanted, strict=True):
        assert have.unit == want.unit
        assert np.abs(have.input - want.input).max() < 0.02


def test_channels_last_makes_what_channels_first_makes() -> None:
    (wanted,) = maximize(nets.cnn(), [2], settings=FEW)
    (found,) = maximize(nets.nhwc_cnn(), [2], settings=FEW)
    assert found.input.shape == (8, 8, 3)
    assert np.abs(found.input.transpose(2, 0, 1) - wanted.input).max() < 0.02
    assert found.picture is not None
    assert np.abs(found.picture.astype(int) - wanted.picture).max() <= 4


@pytest.mark.parametrize("preset", ["0-1", "0-255", "-1-1"])
def test_grey_pictures_stay_in_the_range_of_the_preprocessing(preset: str) -> None:
    model = nets.cnn(channels=1)
    recipe = retrograph.PRESETS[preset].for_shape((1, 1, 8, 8))
    (found,) = maximize(model, [0], preprocessing=preset, settings=Settings(rate=0.3, steps=24))
    low, high = (recipe.scale * byte - recipe.mean[0] for byte in (0, 255))
    assert found.input.shape == (1, 8, 8)
    assert found.input.min() >= low - 1e-4
    assert found.input.max() <= high + 1e-4
    assert np.ptp(found.input) > 0.4 * (high - low)
    assert (restore(found.input, recipe) == found.picture).all()


def test_a_picture_to_start_from_and_an_open_size() -> None:
    start = np.random.default_rng(0).random((3, 10, 14)).astype(np.float32)
    tiny = Settings(steps=1, rate=1e-6, octaves=1, decay=0, variation=0)
    (found,) = maximize(nets.cnn(size="S"), [1], start=start, settings=tiny)
    assert np.abs(found.input - start).max() <= 0.5 / 255 + 1e-3
    (found,) = maximize(nets.cnn(size="S"), [1], size=(12, 20), settings=FEW)
    assert found.input.shape == (3, 12, 20)


def test_progress_and_snapshots_tell_of_the_way() -> None:
    told: list[tuple[int, int | None]] = []
    model = nets.cnn(batch=1)
    found = maximize(
        model,
        [0, 1],
        settings=FEW,
        snapshots=3,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(done, 48) for done in range(1, 49)]
    for each in found:
        assert [step for step, _ in each.snapshots] == [1, 8, 16]
        assert all(value.shape == each.input.shape for _, value in each.snapshots)
        assert len(each.history) == 24


def test_an_interrupt_keeps_what_was_made() -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 24 + 10:
            raise KeyboardInterrupt

    found = maximize(nets.cnn(batch=1), [0, 1, 2], settings=FEW, progress=stop)
    assert [(each.unit, each.steps, each.finished) for each in found] == [
        ((0,), 24, True),
        ((1,), 10, False),
    ]
    assert found[1].activation > found[1].before


def test_a_dream_raises_the_layers_norm_and_stays_near_the_picture() -> None:
    picture = np.random.default_rng(0).uniform(0.3, 0.7, (3, 8, 8)).astype(np.float32)
    (found,) = dream(
        nets.cnn(),
        picture,
        layer="e",
        settings=Settings(steps=6, octaves=1, rate=0.01, decay=0, variation=0, zoom=0),
    )
    assert found.activation > 1.05 * found.before
    assert np.sqrt(((found.input - picture) ** 2).mean()) < 0.08


def test_a_dream_is_seen_in_tiles_by_a_model_of_a_fixed_size() -> None:
    picture = np.random.default_rng(0).uniform(0.3, 0.7, (3, 20, 30)).astype(np.float32)
    (found,) = dream(nets.cnn(), picture, layer="b")
    assert found.input.shape == picture.shape
    moved = np.abs(found.input - picture).max(axis=0)
    corners = [moved[:8, :8], moved[:8, -8:], moved[-8:, :8], moved[-8:, -8:]]
    assert all(corner.max() > 0.05 for corner in corners)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": 7}, ["unit=7 is out of range", "count from 0"]),
        ({"unit": (0, 1), "layer": "e"}, ["has 2 numbers", "a channel 1"]),
        ({"unit": 0, "size": (9, 9)}, ["height 8, not 9"]),
        ({"unit": 0, "start": np.zeros((3, 4, 4), np.float32)}, ["3x4x4", "3x8x8"]),
        ({"unit": 0, "bounds": (0.0, 1.0)}, ["no pictures"]),
    ],
)
def test_mistakes_are_told(options: dict[str, object], words: list[str]) -> None:
    with pytest.raises(InputError) as raised:
        maximize(nets.cnn(), **options)  # type: ignore[arg-type]
    for word in words:
        assert word in str(raised.value)


def test_a_model_of_two_inputs_is_refused() -> None:
    with pytest.raises(InputError, match="only one input can be made"):
        maximize(parse(TWO_INPUTS), [0])
