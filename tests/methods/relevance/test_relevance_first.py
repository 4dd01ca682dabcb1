"""The first layers, and the bounds of what they read."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper

import retrograph
from retrograph import InputError, Preprocessing
from retrograph.methods import METHODS
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.composites import LrpEpsilonGammaBox, LrpEpsilonPlus
from support import relevance_case as by
from support.graphs import noise, runner
from support.relevance_case import BOX, EACH, assert_near, by_items, dense, explained, net, values

FAMILY = {name: m for name, m in METHODS.items() if isinstance(m, RelevanceMethod)}
each_method = pytest.mark.parametrize("method", FAMILY)


def two_inputs() -> ModelProto:
    return net(
        "p = Conv (x, k, b) q = MatMul (z, m) s = GlobalAveragePool (p) f = Flatten (s) "
        "j = Concat <axis = 1> (f, q) r = Relu (j) y = Gemm (r, w)",
        y="N, m",
        weights="float[4, 2, 3, 3] k, float[4] b, float[5, 3] m, float[7, 3] w",
        more=", float[N, 5] z",
    )


@each_method
def test_several_inputs_share_the_score(method: str) -> None:
    chosen = FAMILY[method]
    built = retrograph.build(two_inputs(), method=chosen)
    onnx.checker.check_model(built, full_check=True)
    feeds = {"x": noise(3, 2, 7, 6), "z": noise(3, 5)}
    found = runner(built)(**feeds)
    assert found["attribution.x"].shape == (3, 2, 7, 6)
    if method in ("lrp-epsilon", "lrp-gamma", "lrp-epsilon-gamma-box"):
        parts = [found[f"attribution.{k}"].reshape(3, -1).sum(1) for k in "xz"]
        total = sum(parts) + found["bias_relevance"]
        np.testing.assert_allclose(total, found["score"], rtol=1e-3)
    one = runner(retrograph.build(two_inputs(), method=chosen, wrt="x"))(**feeds)
    assert np.isfinite(one["attribution"]).all()


FORKED = "p = Conv (x, k, b) q = Conv (x, m) j = Concat <axis = 1> (p, q) r = Relu (j) "
FORKED += "c = Conv (r, w) o = Conv (x, n) y = Add (c, o)"
FORKED_WEIGHTS = "float[3, 2, 3, 3] k, float[3] b, float[2, 2, 3, 3] m, float[4, 5, 1, 1] w, "
FORKED_WEIGHTS += "float[4, 2, 3, 3] n"


@pytest.mark.parametrize("rule", ["flat", "w_square", "z_box"])
def test_first_layers_are_all_that_no_other_lies_before(rule: str) -> None:
    """Three read the input; the one behind two of them is none, though the input reaches it."""
    model, x = net(FORKED, weights=FORKED_WEIGHTS), noise(3, 2, 7, 6)
    method, formula = (EACH | BOX)[rule]
    later = by.gamma(0.25) if rule == "z_box" else by.z_plus
    found, ct = explained(model, method, x)
    c, o, y = (values(model, x, name) for name in ("c", "o", "y"))
    share = y * ct / by.stab(y)
    upper, _ = dense(net("y = Conv (x, w)", "N, 5, 5, 4", weights="float[4, 5, 1, 1] w"), (5, 5, 4))
    weight = numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "w"))
    upper = np.kron(weight.reshape(4, 5), np.eye(20)).astype(np.float64)
    r = values(model, x, "r")
    middle, _ = by_items(later, upper, np.zeros(80), r, c * share)
    wanted = np.zeros(x.shape)
    for name, above in (("p", middle[:, :3]), ("q", middle[:, 3:]), ("o", o * share)):
        wanted += by_items(formula, *dense(model, (2, 7, 6), name), x, above)[0]
    assert_near(found["attribution"], wanted, 1e-3)


def test_a_layer_behind_another_and_the_input_is_no_first_one() -> None:
    text = "p = Conv <pads = [1, 1, 1, 1]> (x, k) s = Add (p, x) y = Conv (s, w)"
    model = net(text, weights="float[2, 2, 3, 3] k, float[3, 2, 1, 1] w")
    x = noise(3, 2, 7, 6)
    found, ct = explained(model, LrpEpsilonPlus(first="flat"), x)
    p, s, y = (values(model, x, name) for name in "psy")
    weight = numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "w"))
    upper = np.kron(weight.reshape(3, 2), np.eye(42)).astype(np.float64)
    middle, _ = by_items(by.z_plus, upper, np.zeros(126), s, y * ct)
    share = middle / by.stab(s)
    wanted, _ = by_items(by.flat, *dense(model, (2, 7, 6), "p"), x, p * share)
    assert_near(found["attribution"], wanted + x * share, 1e-3)


# Bounds.

NORMALISED = "c = Sub (x, mean) n = Div (c, std) y = Conv (n, k, b)"
NORMALISED_WEIGHTS = "float[2, 1, 1] mean = {0.5, -1}, float[2, 1, 1] std = {2, -0.5}, "
NORMALISED_WEIGHTS += "float[3, 2, 3, 3] k, float[3] b"
LOW, HIGH = np.array([-3.0, -4.0]), np.array([3.5, 5.0])


@pytest.mark.parametrize("form", ["numbers", "channels", "row of channels", "item", "default"])
@pytest.mark.parametrize("many", [False, True])
def test_bounds_are_those_of_the_input(form: str, many: bool) -> None:
    """Given in its units and taken through what lies before the first layer, here negative too."""
    model, x = net(NORMALISED, weights=NORMALISED_WEIGHTS), noise(3, 2, 7, 6)
    low, high = {
        "numbers": (-3.0, 3.5),
        "channels": (LOW.reshape(2, 1, 1), HIGH.reshape(2, 1, 1)),
        "row of channels": (LOW.reshape(1, 2, 1, 1), HIGH.reshape(1, 2, 1, 1)),
        "item": (noise(2, 7, 6) - 4, noise(2, 7, 6) + 4),
        "default": (None, None),
    }[form]
    ends = [x.min((1, 2, 3), keepdims=True), x.max((1, 2, 3), keepdims=True)]
    ends = [
        np.broadcast_to(e if g is None else g, x.shape)
        for e, g in zip(ends, (low, high), strict=True)
    ]
    mean, std = (np.reshape(pair, (2, 1, 1)) for pair in ([0.5, -1], [2, -0.5]))
    one, other = ((end - mean) / std for end in ends)
    bottom, top = np.minimum(one, other), np.maximum(one, other)
    inner = net("y = Conv (x, k, b)", weights="float[3, 2, 3, 3] k, float[3] b")
    del inner.graph.initializer[:]
    inner.graph.initializer.extend(t for t in model.graph.initializer if t.name in "kb")
    w, b = dense(inner, (2, 7, 6))
    built = retrograph.build(
        model, method=LrpEpsilonGammaBox(low=low, high=high), select="unit", many=many
    )
    onnx.checker.check_model(built, full_check=True)
    select = np.array([[1, 2, 3]] * 3)
    found = runner(built)(x=x, select=select[:, None] if many else select)["attribution"]
    y, ct = values(model, x), np.zeros((3, 3, 5, 4))
    ct[:, 1, 2, 3] = 1
    n = (x - mean) / std
    wanted = np.stack(
        [
            by.z_box(bottom[i].reshape(-1), top[i].reshape(-1))(
                w, b, n[i].reshape(-1), (y * ct)[i].reshape(-1)
            )[0].reshape(2, 7, 6)
            for i in range(3)
        ]
    )
    assert_near(found[:, 0] if many else found, wanted, 1e-3)


@pytest.mark.parametrize("shape", [(3,), (2, 7), (7, 6), (2, 1, 6), (3, 2, 7, 6), (1, 1, 7, 6)])
def test_bounds_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    model = net("y = Conv (x, k)", weights="float[3, 2, 3, 3] k")
    with pytest.raises(InputError, match=r"low: an array .* does not fit the input 'x'"):
        retrograph.build(model, method=LrpEpsilonGammaBox(low=np.zeros(shape)))


def test_bounds_of_several_inputs_are_named() -> None:
    bounds = {"x": np.full((2, 1, 1), -3.0), "z": np.full(5, -3.0)}
    found = retrograph.build(two_inputs(), method=LrpEpsilonGammaBox(low=bounds, high=4.0))
    feeds = {"x": noise(3, 2, 7, 6), "z": noise(3, 5)}
    wanted = retrograph.build(two_inputs(), method=LrpEpsilonGammaBox(low=-3.0, high=4.0))
    name = "attribution.x"
    assert_near(runner(found)(**feeds)[name], runner(wanted)(**feeds)[name], 1e-6)
    with pytest.raises(InputError, match="give an array for each of x, z"):
        retrograph.build(two_inputs(), method=LrpEpsilonGammaBox(low=np.zeros((2, 1, 1))))


def test_methods_with_equal_bounds_are_equal() -> None:
    one, other = (LrpEpsilonGammaBox(low=np.zeros((2, 1, 1))) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != LrpEpsilonGammaBox(low=np.ones((2, 1, 1)))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_the_preprocessing_tells_the_bounds(layout: str) -> None:
    """Black and white by the recipe, the order of the two turned where a deviation is negative."""
    recipe = Preprocessing(mean=(0.4, 0.5, 0.6), std=(0.2, -0.3, 0.25))
    conv = "c = Conv (t, k)  r = Relu (c)  m = GlobalMaxPool (r)  y = Flatten (m)"
    shape, turn = {
        "nchw": ("N, 3, 6, 6", "t = Identity (x)"),
        "nhwc": ("N, 6, 6, 3", "t = Transpose <perm = [0, 3, 1, 2]> (x)"),
    }[layout]
    model = net(f"{turn} {conv}", shape, "N, 4", "float[4, 3, 3, 3] k")
    line = (3, 1, 1) if layout == "nchw" else (1, 1, 3)
    low = np.array([-2.0, (1 - 0.5) / -0.3, -2.4], np.float32).reshape(line)
    high = np.array([3.0, 0.5 / 0.3, 1.6], np.float32).reshape(line)
    given = retrograph.build(model, method=LrpEpsilonGammaBox(low=low, high=high))
    told = retrograph.build(model, method="lrp-epsilon-gamma-box", preprocessing=recipe)
    x = noise(2, *(int(d) for d in shape.split(", ")[1:]))
    assert_near(runner(told)(x=x)["attribution"], runner(given)(x=x)["attribution"])
    other = retrograph.build(model, method=LrpEpsilonGammaBox(low=-9.0), preprocessing=recipe)
    kept = retrograph.build(model, method=LrpEpsilonGammaBox(low=-9.0, high=high))
    assert_near(runner(other)(x=x)["attribution"], runner(kept)(x=x)["attribution"])
