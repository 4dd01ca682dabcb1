"""The methods that sum over samples: their formulas, their Loop and their parameters."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.errors import InputError, UnsupportedError
from retrograph.methods import Method
from retrograph.methods.noise import SmoothGrad, VarGrad
from retrograph.methods.path_integral import SCHEMES, ExpectedGradients, IntegratedGradients
from support.graphs import (
    FILES,
    SMALL_NET,
    TWO_INPUTS,
    Array,
    golden,
    golden_input,
    noise,
    parse,
    runner,
)
from support.method_nets import DENSE, NCHW, NHWC
from support.random_formula import keys_by_formula, normal_by_formula
from support.sampled_case import SQUARES, attribution, built, pool

X_GRADIENT = IntegratedGradients(1, scheme="right")
"""One point, which is the input: its attribution is input x gradient."""

SMOOTH = NCHW.replace("Relu", "Tanh")
WITH_BODIES = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3] x) => (float[N, 3] y)
<float[3, 3] w, float[3] scale, float[3] shift, float[3] mean, float[3] var = {1.0, 2.0, 3.0},
 int64 turns = {2}, bool on = {1}>
{
    n = BatchNormalization (x, scale, shift, mean, var)
    l = Loop (turns, on, n) <body = step (int64 i, bool go, float[N, 3] s)
        => (bool stay, float[N, 3] t) { stay = Identity (go)  m = MatMul (s, w)  t = Tanh (m) }>
    sum = ReduceSum <keepdims = 0> (l)
    zero = Constant <value = float {0.0}> ()
    up = Greater (sum, zero)
    y = If (up) <then_branch = yes () => (float[N, 3] p) { q = MatMul (l, w)  p = Sigmoid (q) },
                 else_branch = no () => (float[N, 3] r) { r = Mul (l, l) }>
}
"""
PADDED = """
<ir_version: 8, opset_import: ["" : 18]>
net (float[N, 2, 6, 5] x) => (float[N, 4] y)
<float[4, 2, 3, 3] w, int64[4] pads = {1, 2, 0, 1}, int64[8] more = {0, 0, 1, 2, 0, 0, 0, 1},
 float zero = {0.0}, int64[2] axes = {1, 2}>
{
    a = Conv (x, w)
    t = Transpose <perm = [0, 2, 3, 1]> (a)
    p = Pad (t, pads, zero, axes)
    u = Transpose <perm = [0, 3, 1, 2]> (p)
    q = Pad (u, more, zero)
    m = MaxPool <kernel_shape = [3, 3], strides = [2, 2]> (q)
    g = GlobalAveragePool (m)
    y = Flatten (g)
}
"""


def methods(*shape: int) -> list[Method]:
    """All four, for items of a shape, with few samples."""
    return [
        IntegratedGradients(5, 0.25, "midpoint"),
        SmoothGrad(samples=3),
        VarGrad(samples=3),
        ExpectedGradients(pool(4, *shape), samples=3),
    ]


# --- the Loop ----------------------------------------------------------------------------------


@pytest.mark.one_in(3)
@pytest.mark.parametrize("file", FILES)
def test_a_point_at_the_input_gives_input_x_gradient(file: str) -> None:
    x = golden_input(file)
    for level in ("off", "all"):
        wanted, found = (
            runner(retrograph.build(golden(file), method=method), level)(x)["attribution"]
            for method in ("input-x-gradient", X_GRADIENT)
        )
        assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("text", [WITH_BODIES, PADDED], ids=["bodies", "pads"])
@pytest.mark.parametrize("level", ["off", "all"])
def test_what_is_hard_to_compute_twice(text: str, level: str) -> None:
    x = noise(2, 3) if text == WITH_BODIES else noise(2, 2, 6, 5)
    for sign in (1, -1):  # both branches of the If
        wanted, found = (
            runner(built(text, method, select="top"), level)(sign * x)["attribution"]
            for method in ("input-x-gradient", X_GRADIENT)
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("text", [WITH_BODIES, PADDED], ids=["bodies", "pads"])
def test_each_method_runs_there(text: str) -> None:
    shape = (3,) if text == WITH_BODIES else (2, 6, 5)
    for method in methods(*shape):
        found = runner(built(text, method, select="top"))(noise(2, *shape))["attribution"]
        assert found.shape == (2, *shape)
        assert np.abs(found).max() > 0


def test_the_graph_is_as_large_for_many_samples_as_for_few() -> None:
    few, many = (built(NCHW, SmoothGrad(samples=n)) for n in (2, 200))
    assert len(few.graph.node) == len(many.graph.node)
    assert len(many.SerializeToString()) - len(few.SerializeToString()) < 200 * 8 + 50


def test_the_unit_is_the_one_at_the_input() -> None:
    """Halfway to the baseline another unit is the most active one."""
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 1] x) => (float[N, 2] y)
    <float[1, 2] u = {1.0, 0.0}, float[1, 2] v = {0.0, 3.0}>
    { xx = Mul (x, x)  a = MatMul (xx, u)  b = MatMul (x, v)  y = Add (a, b) }
    """
    outputs = runner(built(text, IntegratedGradients(20), select="top"))(
        np.array([[4], [2]], np.float32)
    )
    assert outputs["unit"].ravel().tolist() == [0, 1]
    np.testing.assert_allclose(outputs["attribution"], [[16], [6]], rtol=1e-5)


def test_a_node_without_a_rule_is_named() -> None:
    text = NCHW.replace('"" : 17]', '"" : 17, "mine" : 1]').replace("r = Relu", "r = mine.Odd")
    with pytest.raises(UnsupportedError) as caught:
        retrograph.build(parse(text), method=SmoothGrad(), layer="r")
    assert [problem.op for problem in caught.value.problems] == ["mine.Odd"]


# --- the formulas ------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_integrated_gradients_are_complete(scheme: str) -> None:
    """Their sum is the difference of the scores, but for the rule's error."""
    x, start = noise(2, 3, 9, 8), noise(3, 9, 8, seed=4)
    score = runner(parse(SMOOTH))
    wanted = (score(x)["y"] - score(start[None])["y"])[:, 0]
    found = attribution(SMOOTH, IntegratedGradients(400, start, scheme), x)
    error = {"left": 2e-2, "right": 2e-2, "midpoint": 1e-4, "trapezoid": 1e-4}.get(scheme, 1e-5)
    np.testing.assert_allclose(found.sum((1, 2, 3)), wanted, atol=error * np.abs(wanted).max())


def test_completeness_over_kinks() -> None:
    x = noise(2, 3, 9, 8)
    score = runner(parse(NCHW))
    wanted = (score(x)["y"] - score(0 * x)["y"])[:, 0]
    found = attribution(NCHW, IntegratedGradients(300, scheme="midpoint"), x).sum((1, 2, 3))
    np.testing.assert_allclose(found, wanted, atol=1e-3 * np.abs(wanted).max())


def squares(method: Method, x: dict[str, Array]) -> dict[str, Array]:
    outputs = runner(built(SQUARES, method))(**x, select=np.zeros((len(x["a"]), 1), np.int64))
    return {name: outputs[f"attribution.{name}"] for name in x}


def weights() -> dict[str, Array]:
    """The gradient of SQUARES is 2 w p."""
    u, v = (onnx.numpy_helper.to_array(t)[:, 0] for t in parse(SQUARES).graph.initializer)
    return {"a": u, "b": v.reshape(3, 5)}


def test_noise_by_its_formula_in_each_of_two_inputs() -> None:
    x, w = {"a": noise(2, 4), "b": 5 * noise(2, 3, 5)}, weights()
    found, spread = (squares(m(samples=7, noise=0.3, seed=11), x) for m in (SmoothGrad, VarGrad))
    for stream, name in enumerate(x):
        item = x[name].shape[1:]
        z = [normal_by_formula(11, stream, s, int(np.prod(item))).reshape(item) for s in range(7)]
        axes = tuple(range(1, x[name].ndim))
        sigma = 0.3 * (x[name].max(axes, keepdims=True) - x[name].min(axes, keepdims=True))
        gradients = [2 * w[name] * (x[name] + sigma * one) for one in z]
        np.testing.assert_allclose(found[name], np.mean(gradients, 0), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(spread[name], np.var(gradients, 0), rtol=1e-4, atol=1e-4)


def test_integrated_gradients_move_along_in_two_inputs() -> None:
    x, w = {"a": noise(2, 4), "b": noise(2, 3, 5)}, weights()
    start = {"a": noise(4, seed=5), "b": noise(1, 3, 5, seed=6)}
    found = squares(IntegratedGradients(3, start), x)
    for name in x:
        wanted = w[name] * (x[name] ** 2 - start[name] ** 2)
        np.testing.assert_allclose(found[name], wanted, rtol=1e-4, atol=1e-5)


def test_expected_gradients_draw_the_same_for_two_inputs() -> None:
    """The same number of a baseline and the same share of the way, in both."""
    x = {"a": noise(1, 4), "b": noise(1, 3, 5)}
    data = {"a": pool(6, 4), "b": pool(6, 3, 5)}
    method, w = ExpectedGradients(data, samples=9, seed=2), weights()
    found = squares(method, x)
    chosen, alphas = method.drawn(6)
    for name in x:
        parts = []
        for k, alpha in zip(chosen, alphas, strict=True):
            start = data[name][k]
            parts.append((x[name] - start) * 2 * w[name] * (start + alpha * (x[name] - start)))
        np.testing.assert_allclose(found[name], np.mean(parts, 0), rtol=1e-4, atol=1e-5)


def test_draws_reach_every_baseline_and_no_other() -> None:
    chosen, alphas = ExpectedGradients(pool(7, 2), samples=2000).drawn(7)
    assert set(chosen) == set(range(7))
    assert np.abs(np.bincount(chosen) / 2000 - 1 / 7).max() < 0.03
    assert 0 < alphas.min() < 0.01 < 0.99 < alphas.max() < 1


def test_draws_are_those_of_the_formula() -> None:
    chosen, alphas = ExpectedGradients(pool(7, 2), samples=20, seed=5).drawn(7)
    u, v = (np.array(keys_by_formula(5, stream, 20)) / 2**31 for stream in (0, 1))
    np.testing.assert_array_equal(chosen, np.floor(7 * u))
    np.testing.assert_allclose(alphas, v, atol=1e-9)


def test_a_variance_beside_a_large_mean() -> None:
    """E[g^2] - E[g]^2 has nothing left of it in float32."""
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[N, 6] x) => (float[N, 1] y) <float large = {10000.0}, int64[1] axis = {1}>
    { h = Add (x, large)  hh = Mul (h, h)  y = ReduceSum (hh, axis) }
    """
    x = noise(1, 6)
    z = np.array([normal_by_formula(0, 0, s, 6) for s in range(40)])
    wanted = (2 * 0.15 * np.ptp(x) * z).var(0)
    found = attribution(text, VarGrad(samples=40), x)
    np.testing.assert_allclose(found[0], wanted, rtol=2e-2)


@pytest.mark.parametrize("rule", ["deconvnet", "guided", "rectgrad"])
def test_samples_by_another_rule(rule: str) -> None:
    x = noise(2, 3, 9, 8)
    method = IntegratedGradients(1, scheme="right", of=rule)
    wanted = x * attribution(NCHW, rule, x)
    np.testing.assert_allclose(attribution(NCHW, method, x), wanted, rtol=1e-5, atol=1e-7)


def test_a_rule_for_relus_needs_one() -> None:
    with pytest.raises(InputError, match="rule for ReLUs"):
        built(SMOOTH, SmoothGrad(of="guided"))
    for choice in ("gate", "relu-only"):
        built(SMOOTH, SmoothGrad(of="guided", activations=choice))


# --- what is explained -------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "item"), [(NCHW, (3, 9, 8)), (NHWC, (8, 7, 3)), (DENSE, (6,))])
def test_a_batch_is_its_items(text: str, item: tuple[int, ...]) -> None:
    x = noise(3, *item) * np.arange(1, 4).reshape(3, *[1] * len(item)).astype(np.float32)
    for method in methods(*item):
        whole = attribution(text, method, x)
        for n in range(3):
            alone = attribution(text, method, x[n : n + 1])
            np.testing.assert_allclose(whole[n : n + 1], alone, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize(("text", "item"), [(NCHW, (3, 9, 8)), (NHWC, (8, 7, 3)), (DENSE, (6,))])
def test_many_units_are_single_units(text: str, item: tuple[int, ...]) -> None:
    x = noise(2, *item)
    select = np.array([[[0], [2]], [[1], [0]]])
    for method in methods(*item):
        found = runner(built(text, method, many=True))(x, select=select)["attribution"]
        single = runner(built(text, method))
        for k in range(2):
            wanted = single(x, select=select[:, k])["attribution"]
            np.testing.assert_allclose(found[:, k], wanted, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("fixed", [False, True])
def test_every_way_to_choose(fixed: bool) -> None:
    text = SMALL_NET.replace("[N,", "[1,") if fixed else SMALL_NET
    x = noise(1, 2, 6, 6)
    for method in methods(2, 6, 6):
        top = runner(built(text, method, select="top"))(x)
        unit = top["unit"]
        cotangent = (np.arange(3) == unit).astype(np.float32)
        others: dict[str, dict[str, Array]] = {
            "unit": {"select": unit},
            "channel": {"select": unit},
            "cotangent": {"cotangent": cotangent},
        }
        for select, given in others.items():
            found = runner(built(text, method, select=select))(x, **given)["attribution"]
            np.testing.assert_allclose(found, top["attribution"], rtol=1e-4, atol=1e-7)
        best = runner(built(text, method, select="top", many=True))(x, select=np.array([2]))
        assert best["attribution"].shape == (1, 2, 2, 6, 6)
        np.testing.assert_allclose(
            best["attribution"][:, 0], top["attribution"], rtol=1e-4, atol=1e-7
        )


def test_an_input_whose_first_axis_is_no_batch_is_one_item() -> None:
    """Its rows have numbers of their own."""
    text = """
    <ir_version: 8, opset_import: ["" : 17]>
    net (float[3, 4] x) => (float[5] y) <float[12, 5] w, int64[1] line = {-1}>
    { xx = Mul (x, x)  f = Reshape (xx, line)  y = MatMul (f, w) }
    """
    x = noise(3, 4)
    found = runner(built(text, SmoothGrad(samples=1)))(x, select=np.array([[0]]))["attribution"]
    (w,) = (t for t in parse(text).graph.initializer if t.name == "w")
    w = onnx.numpy_helper.to_array(w)[:, 0].reshape(3, 4)
    z = normal_by_formula(0, 0, 0, 12).reshape(3, 4)
    wanted = 2 * w * (x + 0.15 * np.ptp(x) * z)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    start = noise(3, 4, seed=3)
    found = runner(built(text, IntegratedGradients(4, start)))(x, select=np.array([[0]]))
    np.testing.assert_allclose(found["attribution"], w * (x**2 - start**2), rtol=1e-4, atol=1e-5)


def test_some_of_the_inputs_and_open_sizes() -> None:
    feeds = {"a": noise(2, 3), "b": noise(2, 4), "count": np.ones((2, 3), np.int64)}
    for method in methods(4):
        model = retrograph.build(parse(TWO_INPUTS), method=method, wrt="b", select="top")
        onnx.checker.check_model(model, full_check=True)
        assert runner(model)(**feeds)["attribution"].shape == (2, 4)
    open_sizes, x = NCHW, noise(2, 3, 9, 8)
    fixed = NCHW.replace("H, W]", "9, 8]")
    for method in (SmoothGrad(samples=3), VarGrad(samples=3)):
        np.testing.assert_allclose(
            attribution(open_sizes, method, x), attribution(fixed, method, x), rtol=1e-5
        )


@pytest.mark.parametrize(
    ("text", "item", "dtype", "tolerance"),
    [(NCHW, (3, 9, 8), np.float16, 2e-2), (DENSE, (6,), np.float64, 1e-4)],
)
def test_other_types(text: str, item: tuple[int, ...], dtype: type, tolerance: float) -> None:
    """Sums, noise and points are computed in float32 at least."""
    x, model = noise(2, *item), parse(text)
    for tensor in model.graph.initializer:
        value = onnx.numpy_helper.to_array(tensor).astype(dtype)
        tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.elem_type = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    for method in methods(*item):
        wanted = attribution(text, method, x)
        made = retrograph.build(model, method=method, select="unit")
        onnx.checker.check_model(made, full_check=True)
        found = runner(made)(x.astype(dtype), select=np.zeros((2, 1), np.int64))["attribution"]
        assert found.dtype == dtype
        assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()
