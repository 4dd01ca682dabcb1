"""Relevance where activations are quantised by what they hold: sums of whole numbers are layers.

By the formulas on the matrix of the dequantised weights, and on x as its whole numbers stand for
it; the scale is one for the whole batch.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

import retrograph
from retrograph.methods.relevance.lrp import LrpEpsilon
from support.graphs import Array, noise, runner
from support.relevance_case import BOX, EACH, assert_near, by_items, dense, net

RNG = np.random.default_rng(4)
CODES = RNG.integers(-120, 120, (3, 2, 3, 3)).astype(np.int8)
COLUMNS = RNG.integers(0, 255, (6, 4)).astype(np.uint8)
CONV_SCALE, ZERO = np.float32(0.011), np.int8(3)
SCALES = np.array([0.01, 0.02, 0.005, 0.03], np.float32)
ZEROS = np.array([120, 131, 128, 7], np.uint8)
BIAS, SHIFT = RNG.standard_normal(3).astype(np.float32), RNG.standard_normal(4).astype(np.float32)

CONV = "c = ConvInteger <pads = [1, 1, 1, 1]> (q, codes, zero, w_zero) "
FORMS = {
    "cast_scale_bias": CONV + "f = Cast <to = 1> (c) s = Mul (scale, w_scale) g = Mul (f, s) "
    "y = Add (g, bias)",
    "bias_first": CONV + "f = Cast <to = 1> (c) s = Mul (w_scale, scale) g = Mul (s, f) "
    "y = Add (bias, g)",
    "scaled_twice": CONV + "f = Cast <to = 1> (c) h = Mul (f, scale) g = Mul (h, w_scale) "
    "y = Add (g, bias)",
}
PRODUCT = "c = MatMulInteger (q, codes, zero, w_zero) f = Cast <to = 1> (c) "
PRODUCT += "s = Mul (scale, w_scale) g = Mul (f, s) y = Add (g, bias)"


def quantised(text: str, x: str, y: str, constants: dict[str, Array]) -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17]> net (float[{x}] x) => (float[{y}] y) '
        f"{{ q, scale, zero = DynamicQuantizeLinear (x) {text} }}"
    )
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def conv_model(form: str) -> onnx.ModelProto:
    bias = BIAS.reshape(1, 3, 1, 1)
    constants = {"codes": CODES, "w_scale": CONV_SCALE, "w_zero": ZERO, "bias": bias}
    return quantised(FORMS[form], "N, 2, 5, 4", "N, 3, 5, 4", constants)


def product_model() -> onnx.ModelProto:
    constants = {"codes": COLUMNS, "w_scale": SCALES, "w_zero": ZEROS, "bias": SHIFT}
    return quantised(PRODUCT, "N, 5, 6", "N, 5, 4", constants)


def conv_matrix() -> tuple[Array, Array]:
    weight = (CODES.astype(np.float32) - ZERO) * CONV_SCALE
    numbers = ", ".join(map(repr, weight.reshape(-1).tolist()))
    shifts = ", ".join(map(repr, BIAS.tolist()))
    weights = f"float[3, 2, 3, 3] w = {{{numbers}}}, float[3] b = {{{shifts}}}"
    return dense(
        net("y = Conv <pads = [1, 1, 1, 1]> (x, w, b)", "N, 2, 5, 4", weights=weights), (2, 5, 4)
    )


def product_matrix() -> tuple[Array, Array]:
    weight = (COLUMNS.astype(np.float64) - ZEROS) * SCALES
    return np.kron(np.eye(5), weight.T), np.tile(SHIFT.astype(np.float64), 5)


def steps(x: Array) -> tuple[np.float32, float]:
    """The scale and the zero point by the standard, for a batch."""
    low, high = min(np.float32(0), x.min()), max(np.float32(0), x.max())
    scale = np.float32((high - low) / np.float32(255))
    return scale, float(np.clip(np.rint(-low / scale), 0, 255))


def stood_for(x: Array, by: Array) -> Array:
    """What x is behind the quantiser that the range of `by` makes."""
    scale, zero = steps(by)
    return (np.clip(np.rint(x / scale) + zero, 0, 255) - zero) * np.float64(scale)


def assert_layer(model: onnx.ModelProto, rule: str, x: Array, matrix: tuple[Array, Array]) -> None:
    method, formula = EACH[rule]
    w, b = matrix
    exact = stood_for(x, x)
    y = np.stack([w @ one.reshape(-1) + b for one in exact])
    built = retrograph.build(model, method=method, select="cotangent")
    shape = runner(model)(x=x)["y"].shape
    np.testing.assert_allclose(runner(model)(x=x)["y"].reshape(len(x), -1), y, atol=1e-4)
    ct = noise(*shape)
    found = runner(built)(x=x, cotangent=ct)
    wanted, kept = by_items(formula, w, b, exact, y.reshape(shape) * ct)
    assert_near(found["attribution"], wanted, 1e-3)
    assert_near(found["bias_relevance"], kept, 1e-3)


@pytest.mark.parametrize("rule", EACH)
@pytest.mark.parametrize("form", FORMS)
def test_an_integer_convolution_with_its_scales_and_bias_is_a_layer(form: str, rule: str) -> None:
    assert_layer(conv_model(form), rule, noise(3, 2, 5, 4), conv_matrix())


@pytest.mark.parametrize("rule", EACH)
def test_an_integer_product_with_a_scale_for_each_column_is_a_layer(rule: str) -> None:
    assert_layer(product_model(), rule, noise(2, 5, 6), product_matrix())


def test_bounds_are_counted_in_the_steps_of_the_input() -> None:
    """A quantiser that saw the bounds would have other steps."""
    x, (w, b) = noise(3, 2, 5, 4), conv_matrix()
    method, _ = BOX["z_box"]
    scale, _ = steps(x)
    low, high = (np.rint(end / scale) * np.float64(scale) for end in (-3.0, 4.0))
    exact = stood_for(x, x)
    y = np.stack([w @ one.reshape(-1) + b for one in exact]).reshape(3, 3, 5, 4)
    ct = noise(*y.shape)
    built = retrograph.build(conv_model("cast_scale_bias"), method=method, select="cotangent")
    found = runner(built)(x=x, cotangent=ct)

    def box(w: Array, b: Array, x: Array, r: Array) -> tuple[Array, Array]:
        parts = w * x - np.maximum(w, 0) * low - np.minimum(w, 0) * high
        return (parts * (r / parts.sum(1))[:, None]).sum(0), 0 * b

    wanted, _ = by_items(box, w, b, exact, y * ct)
    assert_near(found["attribution"], wanted, 1e-3)


@pytest.mark.parametrize("method", ["lrp-epsilon", "gradient"])
def test_the_step_beyond_the_highest_number_passes_straight_through(method: str) -> None:
    """From -1 to 1 the scale is 2 / 255 and both roundings go up, to 128 + 128."""
    x = np.linspace(-1, 1, 40, dtype=np.float32).reshape(1, 2, 5, 4)
    x[0, 0, 0, 1] = 1
    w, _ = conv_matrix()
    built = retrograph.build(conv_model("cast_scale_bias"), method=method, select="unit")
    found = runner(built)(x=x, select=np.array([[1, 0, 1]]))
    row = w.reshape(3, 5, 4, -1)[1, 0, 1].reshape(2, 5, 4)
    whole = row * (stood_for(x, x)[0] if method == "lrp-epsilon" else 1)
    assert_near(found["attribution"][0], whole, 1e-3)


def test_a_scale_that_changes_along_the_positions_is_no_part_of_the_layer() -> None:
    text = "w = Relu (z) m = Conv (x, k) s = Mul (m, w) y = Add (s, b)"
    model = net(
        text,
        "N, 2, 5, 4",
        weights="float[3, 2, 3, 3] k, float[3, 1, 1] b",
        more=", float[1, 1, 3, 2] z",
    )
    x, z = noise(2, 2, 5, 4), np.abs(noise(1, 1, 3, 2)) + 0.5
    built = retrograph.build(model, method=LrpEpsilon(), wrt=["x"])
    found = runner(built)(x=x, z=z)
    whole = found["attribution"].sum((1, 2, 3)) + found["bias_relevance"]
    np.testing.assert_allclose(whole, found["score"], rtol=1e-3)
