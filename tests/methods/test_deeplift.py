"""DeepLIFT's Rescale rule: against Captum put right, against NumPy, and that its sums are whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto

import retrograph
from retrograph.methods.deeplift import DeepLiftRescale
from support import nets
from support.deeplift_case import HEAD, build
from support.graphs import TWO_INPUTS, Array, assert_close, noise, parse, runner
from support.method_golden_case import assert_near, attribution, each_file, golden
from support.smooth_nets import NAMES, SMOOTH_U, SMOOTH_V, SPELLINGS, function, smooth_net


def explained(model: ModelProto, x: Array, baseline: Any = 0.0, target: str = "y") -> Array:
    """The attribution of the sum of a target."""
    run = runner(build(model, baseline, layer=target, select="cotangent"))
    y = runner(model)(x)[target]
    found: Array = run(x, cotangent=np.ones_like(y))["attribution"]
    return found


def assert_whole(
    model: ModelProto, x: Array, baseline: Any, tolerance: float = 1e-5, target: str = "y"
) -> None:
    """The attributions sum to what the outputs, weighted at random, differ by from the baseline."""
    start = np.ascontiguousarray(np.broadcast_to(np.asarray(baseline, x.dtype), x.shape))
    y, y0 = (runner(model)(a)[target].astype(np.float64) for a in (x, start))
    ct = noise(*y.shape, seed=7).astype(x.dtype)
    built = build(model, baseline, layer=target, select="cotangent")
    found = runner(built)(x, cotangent=ct)["attribution"].astype(np.float64).reshape(len(x), -1)
    wanted = (ct * (y - y0)).reshape(len(x), -1).sum(1)
    scale = np.abs(found).sum(1).max()
    assert scale > 0
    assert np.abs(found.sum(1) - wanted).max() <= tolerance * scale


# Against the tool, and against formulas.


@each_file
@pytest.mark.parametrize("baseline", ["zero", "baseline"])
def test_captum_put_right(file: str, baseline: str) -> None:
    start = 0.0 if baseline == "zero" else golden(file)["baseline"]
    wanted = golden(file)[f"deeplift-rescale__{baseline}"]
    assert_near(attribution(file, DeepLiftRescale(start)), wanted)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_smooth_activations_in_any_spelling(spelling: str) -> None:
    x, b = noise(4, 6, seed=3), noise(1, 6, seed=4)
    u, v, z, z0 = SMOOTH_U, SMOOTH_V, *(a.astype(np.float64) @ SMOOTH_U for a in (x, b))
    name = NAMES[spelling]
    slope = (function(name, z) - function(name, z0)) / (z - z0)
    wanted = (x - b) * ((v.sum(1) * slope) @ u.T)
    tolerance = 2e-3 if spelling == "gelu_tanh" else 1e-5  # which is another function
    found = explained(smooth_net(spelling), x, b)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("step", [0.0, 1e-7, 1e-5, 1e-3])
def test_near_the_baseline_it_is_the_derivative(spelling: str, step: float) -> None:
    """The quotient of differences would be noise there."""
    b = noise(1, 6, seed=4)
    x = b + np.float32(step) * noise(4, 6, seed=3)
    z = b.astype(np.float64) @ SMOOTH_U
    h = 1e-5
    slope = (function(NAMES[spelling], z + h) - function(NAMES[spelling], z - h)) / (2 * h)
    m = np.broadcast_to((SMOOTH_V.sum(1) * slope) @ SMOOTH_U.T, x.shape)
    found = explained(smooth_net(spelling), x, b)
    wanted = (x.astype(np.float64) - b) * m
    assert np.abs(found - wanted).max() <= 5e-3 * np.abs(wanted).max()


@pytest.mark.parametrize(
    "body", ["r = Relu (a)", "r = Tanh (a)", "r = MaxPool <kernel_shape = [2]> (a)"]
)
def test_where_nothing_changes_it_is_the_derivative(body: str) -> None:
    """A step in which the two inputs of a node cancel: they share what is 0 in sum."""
    text = f"""{HEAD} (float[N, 1, 2] x) => (float[N, 1, P] r)
        <float[2, 2] u = {{1.0, 0.5, -1.0, -0.5}}, float[2] shift = {{0.0, 0.25}}>
        {{ m = MatMul (x, u) a = Add (m, shift) {body} }}"""
    model, x = onnx.parser.parse_model(text), np.full((1, 1, 2), 2, np.float32)
    built = retrograph.build(model, method="gradient", layer="r", select="cotangent")
    gradient, r = runner(built), runner(model)(x)["r"]
    wanted = x * gradient(x, cotangent=np.ones_like(r))["attribution"]
    assert np.abs(wanted).max() > 0
    np.testing.assert_allclose(explained(model, x, 0.0, "r"), wanted, rtol=1e-6)


def test_where_the_derivative_is_no_number_it_is_the_quotient() -> None:
    """Swish as x / (1 + exp(-x)), far below 0: its parts are infinite, its change is not."""
    text = f"""{HEAD} (float[N, 3] x) => (float[N, 3] y) <float one = {{1}}>
        {{ m = Neg (x) a = Exp (m) d = Add (a, one) y = Div (x, d) }}"""
    x = np.array([[-100, -1, 2]], np.float32)
    swish = x.astype(np.float64) / (1 + np.exp(-x.astype(np.float64)))
    wanted = swish - 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(
        explained(onnx.parser.parse_model(text), x, 1.0), wanted, rtol=1e-5, atol=1e-6
    )


GATE = f"""{HEAD} (float[N, 5] x) => (float[N, 4] y) <float[5, 4] u, float[5, 4] v>
{{ a = MatMul (x, u) g = MatMul (x, v) s = Sigmoid (g) y = Mul (a, s) }}"""
QUOTIENT = f"""{HEAD} (float[N, 5] x) => (float[N, 4] y) <float[5, 4] u, float[5, 4] v>
{{ a = MatMul (x, u) g = MatMul (x, v) s = Exp (g) y = Div (a, s) }}"""
SQUARE = f"""{HEAD} (float[N, 5] x) => (float[N, 5, 5] y)
<int64[1] one = {{1}}, int64[1] two = {{2}}>
{{ a = Unsqueeze (x, one) b = Unsqueeze (x, two) y = MatMul (b, a) }}"""


def test_a_product_takes_the_means_of_its_factors() -> None:
    model, x, b = parse(GATE), noise(3, 5), noise(1, 5, seed=2)
    u, v = (onnx.numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer)
    g, g0 = x @ v, b @ v
    s, s0 = (1 / (1 + np.exp(-t)) for t in (g, g0))
    m = ((s + s0) / 2) @ u.T + ((x @ u + b @ u) / 2 * (s - s0) / (g - g0)) @ v.T
    np.testing.assert_allclose(explained(model, x, b), (x - b) * m, rtol=1e-4, atol=1e-6)


def test_a_quotient_is_a_product_with_the_reciprocal() -> None:
    model, x, b = parse(QUOTIENT), noise(3, 5), noise(1, 5, seed=2)
    u, v = (onnx.numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer)
    g, g0 = x @ v, b @ v
    s, s0 = np.exp(g), np.exp(g0)
    reciprocal = (1 / s - 1 / s0) / (s - s0)
    inner = (x @ u + b @ u) / 2 * reciprocal * (s - s0) / (g - g0)
    m = ((1 / s + 1 / s0) / 2) @ u.T + inner @ v.T
    np.testing.assert_allclose(explained(model, x, b), (x - b) * m, rtol=1e-4, atol=1e-5)


def test_a_product_of_two_matrices() -> None:
    """The sum of x x^T is the square of the sum of x."""
    x, b = noise(3, 5), noise(1, 5, seed=2)
    wanted = (x - b) * (x.sum(1, keepdims=True) + b.sum(1, keepdims=True))
    np.testing.assert_allclose(explained(parse(SQUARE), x, b), wanted, rtol=1e-4, atol=1e-5)


def pooled(x: Array, x0: Array, kernel: int, stride: int, pad: int, dilation: int) -> Array:
    """The attribution of the sum of a max-pool's outputs, window by window; x, x0: [H, W]"""
    outputs = [(n + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 for n in x.shape]
    found = np.zeros(x.shape)
    for corner in np.ndindex(*outputs):
        steps = [[c * stride - pad + k * dilation for k in range(kernel)] for c in corner]
        places = [(h, w) for h in steps[0] for w in steps[1]]
        inside = [p for p in places if 0 <= p[0] < x.shape[0] and 0 <= p[1] < x.shape[1]]
        i, j = (inside[int(np.argmax([a[p] for p in inside]))] for a in (x, x0))  # the first
        higher = max(x[i], x0[j])
        found[i] += higher - x0[j]
        found[j] += x[i] - higher
    return found


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"),
    [(2, 2, 0, 1), (3, 2, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (2, 1, 0, 2), (3, 1, 2, 2)],
)
@pytest.mark.parametrize("levels", [0, 3])
def test_max_pool(kernel: int, stride: int, pad: int, dilation: int, levels: int) -> None:
    """Windows apart and overlapping, with ties where there are few levels."""
    x, b = noise(2, 3, 7, 8), noise(1, 3, 7, 8, seed=2)
    if levels:
        x, b = (np.round(a * levels / 2) for a in (x, b))
    text = f"""{HEAD} (float[N, 3, 7, 8] x) => (float[N, P, Q, R] y) {{ y = MaxPool <kernel_shape =
        [{kernel}, {kernel}], strides = [{stride}, {stride}], pads = [{pad}, {pad}, {pad}, {pad}],
        dilations = [{dilation}, {dilation}]> (x) }}"""
    wanted = np.array(
        [[pooled(a, a0, kernel, stride, pad, dilation) for a, a0 in zip(i, b[0], strict=True)]
         for i in x]
    )  # fmt: skip
    found = explained(onnx.parser.parse_model(text), x, b)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "body",
    [
        "y = GlobalMaxPool (x)",
        "y = ReduceMax (x, axes)",
        "y = ReduceMin (x, axes)",
        "a = Slice (x, zero, one, one) b = Slice (x, one, three, one) y = Max (a, b)",
        "a = Slice (x, zero, one, one) b = Slice (x, one, three, one) y = Min (b, a)",
        "y = Max (x, limit)",
        "y = Min (limit, x)",
    ],
)
def test_maxima_of_any_kind(body: str) -> None:
    text = f"""{HEAD} (float[N, 3, 4, 5] x) => (float[N, P, Q, R] y)
        <int64[2] axes = {{2, 3}}, int64[1] zero = {{0}}, int64[1] one = {{1}},
         int64[1] three = {{3}}, float limit = {{0.3}}> {{ {body} }}"""
    model = onnx.parser.parse_model(text)
    assert_whole(model, noise(2, 3, 4, 5), noise(1, 3, 4, 5, seed=2))
    few = [np.round(noise(n, 3, 4, 5, seed=n)) for n in (1, 2)]
    assert_whole(model, few[1], few[0])


# That the sums are whole.

WEIGHTS = "<float[4, 3, 3, 3] w, float[4] c, float[4, 4, 3, 3] k, float[4, 4] f, float[8, 4] g>"
BODIES = {
    "squeeze and excite": """
        a = Conv <pads = [1, 1, 1, 1]> (x, w, c) r = Relu (a) p = GlobalAveragePool (r)
        q = Flatten (p) h = MatMul (q, f) i = Relu (h) j = MatMul (i, f) s = HardSigmoid (j)
        t = Unsqueeze (s, last) u = Mul (r, t) b = Conv (u, k) y = GlobalAveragePool (b)""",
    "residual sum": """
        a = Conv <pads = [1, 1, 1, 1]> (x, w, c) r = Relu (a)
        b = Conv <pads = [1, 1, 1, 1]> (r, k) d = Add (b, a) y = LeakyRelu <alpha = 0.2> (d)""",
    "concatenation and average": """
        a = Conv <pads = [1, 1, 1, 1]> (x, w, c) r = Elu (a)
        p = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1],
                         ceil_mode = 1> (r)
        m = MaxPool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1],
                     ceil_mode = 1> (r)
        j = Concat <axis = 1> (p, m) y = Tanh (j)""",
    "overlapping max-pools": """
        a = Conv (x, w, c) r = Relu (a) m = MaxPool <kernel_shape = [3, 3]> (r)
        b = Conv (m, k) s = Softplus (b) y = MaxPool <kernel_shape = [2, 2]> (s)""",
    "by statistics, written out": """
        a = Conv (x, w, c) mean = ReduceMean (a, axes) d = Sub (a, mean) q = Mul (d, d)
        v = ReduceMean (q, axes) e = Add (v, small) t = Sqrt (e) y = Div (d, t)""",
}
FIRST_LAST = {
    "[N, 3, 9, 8]": "",
    "[2, 3, 9, 8]": "",
    "[N, 9, 8, 3]": "x = Transpose <perm = [0, 3, 1, 2]> (nhwc)",
}
each_body = pytest.mark.parametrize("body", BODIES)


def network(body: str, shape: str = "[N, 3, 9, 8]") -> ModelProto:
    turn = FIRST_LAST[shape]
    return parse(
        f"""{HEAD} (float{shape} {"nhwc" if turn else "x"}) => (float[N, P, Q, R] y)
        <float[4, 3, 3, 3] w, float[4] c, float[4, 4, 3, 3] k, float[4, 4] f,
         int64[2] axes = {{2, 3}}, int64[2] last = {{2, 3}}, float small = {{0.00001}}>
        {{ {turn} {BODIES[body]} }}"""
    )


@each_body
@pytest.mark.parametrize("shape", FIRST_LAST)
def test_sums_are_whole(body: str, shape: str) -> None:
    x, b = noise(2, 3, 9, 8), noise(1, 3, 9, 8, seed=2)
    if FIRST_LAST[shape]:
        x, b = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)) for a in (x, b))
    assert_whole(network(body, shape), x, b)
    assert_whole(network(body, shape), x, 0.25)
    assert_whole(network(body, shape), x, b[0])


@each_body
def test_a_batch_is_its_items_and_many_units_are_single_ones(body: str) -> None:
    model, x = network(body), noise(2, 3, 9, 8)
    y = runner(model)(x)["y"]
    cts = noise(2, 3, *y.shape[1:], seed=5)
    many = runner(build(model, 0.1, select="cotangent", many=True))(x, cotangent=cts)
    single = runner(build(model, 0.1, select="cotangent"))
    assert np.abs(many["attribution"]).max() > 0
    for k in range(3):
        whole = single(x, cotangent=cts[:, k])["attribution"]
        assert_close(many["attribution"][:, k], whole, 1e-5)
        for i in range(2):
            alone = single(x[i : i + 1], cotangent=cts[i : i + 1, k])["attribution"]
            assert_close(whole[i : i + 1], alone, 1e-5)


def test_it_is_the_unit_of_the_input_at_the_baseline_too() -> None:
    """top and channel choose by the input; what is explained is that unit's change."""
    model, x = network("residual sum"), noise(2, 3, 9, 8)
    y, y0 = (runner(model)(a)["y"] for a in (x, np.full_like(x, 0.5)))
    for select, feeds in (("top", {}), ("channel", {"select": np.array([[1], [3]])})):
        out = runner(build(model, 0.5, select=select))(x, **feeds)
        for n in range(2):
            unit = (n, *out["unit"][n])
            found = out["attribution"][n].astype(np.float64).sum()
            assert abs(found - (float(y[unit]) - float(y0[unit]))) < 1e-4


def test_two_inputs_share_the_change() -> None:
    model = parse(TWO_INPUTS)
    a, b, count = noise(2, 3), noise(2, 4, seed=2), np.ones((2, 3), np.int64)
    start = {"a": noise(3, seed=3), "b": noise(4, seed=4)}
    built = build(model, start, select="cotangent")
    out = runner(built)(a, b, count, cotangent=np.ones((2, 2), np.float32))
    below = [np.repeat(start[name][None], 2, 0) for name in "ab"]
    y, y0 = (runner(model)(*pair, count)["scores"] for pair in ((a, b), below))
    wanted = (y - y0).sum(1)
    found = out["attribution.a"].sum(1) + out["attribution.b"].sum(1)
    assert np.abs(wanted).max() > 0
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_float16() -> None:
    model, x = nets.half_cnn(), noise(2, 3, 8, 8).astype(np.float16)
    x[0, :, :4] = 0.5  # the same as the baseline
    for baseline in (0.0, 0.5):
        assert_whole(model, x, baseline, 5e-3, "scores_out")
    found = explained(model, x, 0.5, "scores_out")
    assert found.dtype == np.float16
    assert np.isfinite(found).all()
    assert not found[0, :, :4].any()
