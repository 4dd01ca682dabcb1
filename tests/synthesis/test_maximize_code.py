"""A generator before a model: joined exactly, its gradient right, its codes near the prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, helper, version_converter

import retrograph
from retrograph import PRESETS, InputError
from retrograph.model import Model
from retrograph.synthesis import maximize
from retrograph.synthesis.generator import joined, penalised
from retrograph.synthesis.slope import Goal, Slope
from support import nets
from support.generator_nets import GENERATOR, generator
from support.graphs import Array, noise, parse, runner


def flat() -> ModelProto:
    body = "scores_out = Tanh (a)"
    text = GENERATOR.format(opset=17, batch="N", shape="192", sizes="0, 3, 8, 8", body=body)
    return parse(text, seed=2)


def whole(made: ModelProto, model: ModelProto, preset: str = "0-1") -> tuple[ModelProto, str]:
    source = Model(model)
    recipe = PRESETS[preset].for_shape(source.tensor("x").shape or ())
    found = joined(Model(made), source, "x", recipe, None)
    onnx.checker.check_model(found.model.proto, full_check=True)
    return found.model.proto, found.code


def own_picture(made: ModelProto, code: Array, low: float, high: float) -> Array:
    """From 0 to 1, channels first."""
    raw = runner(made)(code)["scores_out"].astype(np.float64).reshape(len(code), -1)
    return (raw - low) / (high - low)


@pytest.mark.parametrize("preset", ["0-1", "0-255", "-1-1", "imagenet", "caffe-bgr"])
@pytest.mark.parametrize(("last", "low"), [("Sigmoid", 0.0), ("Tanh", -1.0)])
def test_the_joined_model_sees_what_the_preprocessing_makes(
    preset: str, last: str, low: float
) -> None:
    made, model, code = generator(last=last), nets.cnn(), noise(3, 5)
    proto, name = whole(made, model, preset)
    found = runner(proto)(**{name: code})
    recipe = PRESETS[preset]
    picture = own_picture(made, code, low, 1.0).reshape(3, 3, 8, 8)
    if recipe.order == "bgr":
        picture = picture[:, ::-1]
    mean, std = (np.reshape(v, (-1, 1, 1)) for v in (recipe.mean, recipe.std))
    x = ((picture * 255 * recipe.scale - mean) / std).astype(np.float32)
    assert np.allclose(found["x"], x, rtol=1e-5, atol=1e-4)
    assert np.allclose(found["scores_out"], runner(model)(x)["scores_out"], rtol=1e-4, atol=1e-3)


def test_axes_and_rows_of_numbers_are_brought_to_the_models_shape() -> None:
    code = noise(2, 5)
    picture = own_picture(generator(), code, 0, 1).reshape(2, 3, 8, 8)
    proto, name = whole(generator(), nets.nhwc_cnn())
    assert np.allclose(runner(proto)(**{name: code})["x"], picture.transpose(0, 2, 3, 1), atol=1e-6)
    proto, name = whole(flat(), nets.cnn())
    picture = own_picture(flat(), code, -1, 1).reshape(2, 3, 8, 8)
    assert np.allclose(runner(proto)(**{name: code})["x"], picture, atol=1e-6)


def test_different_opsets_and_fixed_batches_join() -> None:
    code = noise(1, 5)
    older = generator(opset=11)
    newer = version_converter.convert_version(nets.cnn(), 21)
    wanted, name = whole(generator(), nets.cnn())
    found, _ = whole(older, newer)
    expected = runner(wanted)(**{name: code})["scores_out"]
    assert np.allclose(runner(found)(**{name: code})["scores_out"], expected, atol=1e-5)
    found, _ = whole(generator(), nets.cnn(batch=1))
    assert np.allclose(runner(found)(**{name: code})["scores_out"], expected, atol=1e-5)


def test_its_gradient_is_that_of_finite_differences() -> None:
    made, model, code = generator(last="Tanh"), nets.cnn(), noise(2, 5)
    proto, name = whole(made, model, "imagenet")
    slope = Slope(Model(proto), Goal(units=((1,), (3,)), wrt=name))
    activation, gradient = slope(code, ((1,), (3,)))
    run = runner(proto)
    scores = run(**{name: code})["scores_out"]
    assert np.allclose(activation, scores[[0, 1], [1, 3]], atol=1e-5)
    small = 1e-2
    for i in range(5):
        step = np.zeros_like(code)
        step[:, i] = small
        up, down = (run(**{name: c})["scores_out"] for c in (code + step, code - step))
        wanted = (up - down)[[0, 1], [1, 3]] / (2 * small)
        assert np.allclose(gradient[:, i], wanted, rtol=0.05, atol=0.02 * np.abs(gradient).max())


def test_the_penalty_is_the_codes_own_share_of_the_gradients_size() -> None:
    gradient = np.array([[3.0, 4.0], [0.0, 0.0]])
    code = np.array([[1.0, -2.0], [5.0, 5.0]])
    activation, found = penalised(lambda x, u: (x[:, 0], gradient), 0.5)(code, [(0,)] * 2)
    size = np.sqrt(12.5)
    assert np.allclose(found, [[3 / size - 0.5, 4 / size + 1], [0, 0]])
    assert np.allclose(activation, [1, 5])


@pytest.mark.parametrize("prior", [0.5, 1.0, 2.0])
def test_a_linear_activation_ends_at_a_code_of_the_size_that_the_prior_says(prior: float) -> None:
    made = parse(
        """<ir_version: 8, opset_import: ["" : 17]>
        g (float[N, 6] z) => (float[N, 4] y) <float[6, 4] w> { y = MatMul (z, w) }"""
    )
    model = parse(
        """<ir_version: 8, opset_import: ["" : 17]>
        m (float[N, 4] y) => (float[N, 2] s) <float[4, 2] w> { s = MatMul (y, w) }""",
        seed=1,
    )
    weights = [onnx.numpy_helper.to_array(m.graph.initializer[0]) for m in (made, model)]
    found = maximize(model, [0, 1], generator=made, settings={"steps": 400, "prior": prior})
    for each in found:
        slope = (weights[0] @ weights[1])[:, each.unit[0]]
        wanted = slope / np.sqrt((slope**2).mean()) / prior
        assert each.code is not None
        assert np.abs(each.code - wanted).max() < 0.05 / prior


def test_codes_are_climbed_to_and_their_pictures_are_the_generators() -> None:
    made, model = generator(), nets.cnn()
    found = maximize(model, [0, 2], generator=made, settings={"steps": 40})
    for each in found:
        assert each.code is not None
        assert each.picture is not None
        picture = own_picture(made, each.code[np.newaxis], 0, 1).reshape(3, 8, 8)
        assert np.allclose(each.input, picture, atol=1e-5)
        assert np.abs(each.picture.transpose(2, 0, 1) / 255 - picture).max() <= 0.5 / 255 + 1e-5
        score = runner(model)(each.input[np.newaxis])["scores_out"][0, each.unit[0]]
        assert each.activation == pytest.approx(float(score), abs=1e-4)
        assert each.activation > each.before


def test_a_layer_is_named_as_in_the_model_alone() -> None:
    found = maximize(nets.cnn(), 2, layer="relu2", generator=generator(), settings={"steps": 10})
    layer = runner(retrograph.build(nets.cnn(), method="gradient", layer="relu2", select="channel"))
    assert found[0].activation <= layer(x=found[0].input[np.newaxis], select=[[2]])["score"][0]


def test_quantised_steps_pass_straight_through_in_the_joined_model() -> None:
    nodes = [
        nets.node("QuantizeLinear", "z scale zero", "q"),
        nets.node("DequantizeLinear", "q scale zero", "d"),
        nets.node("MatMul", "d w", "y"),
    ]
    constants = {
        "scale": np.float32(0.1),
        "zero": np.int8(0),
        "w": nets.weights(5, 12),
    }
    made = nets.model(nodes, [nets.info("z", ["N", 5])], [nets.info("y", ["N", 12])], constants)
    model = parse(
        """<ir_version: 8, opset_import: ["" : 17]>
        m (float[N, 12] x) => (float[N, 2] s) <float[12, 2] w> { s = MatMul (x, w) }"""
    )
    found = joined(Model(made), Model(model), "x", None, None)
    slope = Slope(found.model, Goal(units=((0,),), wrt=found.code))
    _, gradient = slope(noise(1, 5) * 0.1, ((0,),))
    wanted = constants["w"] @ onnx.numpy_helper.to_array(model.graph.initializer[0])[:, 0]
    assert np.allclose(gradient[0], wanted, atol=1e-5)


def test_shapes_that_do_not_fit_are_both_told() -> None:
    with pytest.raises(InputError) as raised:
        maximize(nets.cnn(size=10), 0, generator=generator())
    assert "[N, 3, 8, 8]" in str(raised.value)
    assert "[N, 3, 10, 10]" in str(raised.value)


def test_a_stored_range_is_taken_and_a_damaged_one_told(tmp_path: Path) -> None:
    made = generator(last="Identity")
    helper.set_model_props(made, {"output_range": "-2-2"})
    code = noise(1, 5)
    proto, name = whole(made, nets.cnn())
    picture = own_picture(made, code, -2, 2).reshape(1, 3, 8, 8)
    assert np.allclose(runner(proto)(**{name: code})["x"], picture, atol=1e-5)
    helper.set_model_props(made, {"output_range": "bright"})
    with pytest.raises(InputError, match="output_range is 'bright'"):
        whole(made, nets.cnn())
