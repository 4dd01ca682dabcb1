"""What scales and shifts the channels of a linear layer counts as a part of it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from support.graphs import noise
from support.relevance_case import (
    EACH,
    assert_near,
    assert_rule,
    by_items,
    dense,
    explained,
    item_of,
    net,
    values,
)

CONV = "c = Conv <pads = [1, 1, 0, 0]> (x, k, b)"
TURNED = "c = ConvTranspose <group = 2, strides = [1, 2]> (x, k, b)"
TAILS = {
    "batch_norm": "y = BatchNormalization (c, s, t, mean, var)",
    "add": "y = Add (c, p)",
    "add_left": "y = Add (p, c)",
    "add_number": "y = Add (c, q)",
    "sub": "y = Sub (c, p)",
    "from": "y = Sub (p, c)",
    "from_number": "y = Sub (q, c)",
    "mul": "y = Mul (c, p)",
    "mul_left": "y = Mul (p, c)",
    "mul_number": "y = Mul (q, c)",
    "div": "y = Div (c, p)",
    "div_number": "y = Div (c, q)",
    "mul_add": "d = Mul (c, p) y = Add (d, o)",
    "add_mul": "d = Add (c, p) y = Mul (d, o)",
    "from_div_from": "d = Sub (p, c) f = Div (d, q) y = Sub (o, f)",
    "norm_mul_add": "d = BatchNormalization (c, s, t, mean, var) f = Mul (o, d) y = Add (p, f)",
    "add_norm": "d = Add (c, p) y = BatchNormalization (d, s, t, mean, var)",
    "number_then_channels": "d = Mul (c, q) f = Sub (o, d) y = Mul (f, p)",
    "read_for_its_shape": "n = Shape (c) d = Add (c, p) y = Reshape (d, n)",
}
CHANNELS = (
    "float[4] s, float[4] t, float[4] mean, float[4] var, float[4, 1, 1] p, float[1, 4, 1, 1] o"
)
CHANNELS += ", float q"
TAIL_RULES = ("epsilon_quarter", "gamma", "z_plus", "alpha_beta_ignoring", "w_square")


@pytest.mark.one_in(6)
@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("rule", TAIL_RULES)
@pytest.mark.parametrize("layer", [CONV, TURNED])
def test_tails_of_convolutions(layer: str, tail: str, rule: str) -> None:
    kernel = "float[4, 2, 3, 3] k" if layer == CONV else "float[2, 2, 3, 3] k"
    model = net(f"{layer} {TAILS[tail]}", weights=f"{kernel}, float[4] b, {CHANNELS}")
    assert_rule(model, EACH[rule], (2, 7, 6))


FLAT_TAILS = {
    "add": "y = Add (c, p)",
    "from": "y = Sub (p, c)",
    "mul_add": "d = Mul (p, c) y = Add (d, o)",
    "div": "d = Div (c, o) y = Sub (d, p)",
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("tail", FLAT_TAILS)
@pytest.mark.parametrize("rule", TAIL_RULES)
@pytest.mark.parametrize(
    ("x", "y", "layer", "channels"),
    [
        ("N, 6", "N, m", "Gemm <alpha = 0.5> (x, k, b)", "float[4] p, float[1, 4] o"),
        ("N, 6", "N, m", "Gemm <transB = 1> (x, kt, b)", "float[4] p, float[1, 4] o"),
        ("N, 6", "N, m", "MatMul (x, k)", "float[4] p, float[1, 4] o"),
        ("N, 4, 6", "N, l, m", "MatMul (x, k)", "float[4] p, float[1, 1, 4] o"),
        ("N, 6, 4", "N, m, l", "MatMul (kt, x)", "float[4, 1] p, float[1, 4, 1] o"),
    ],
    ids=["gemm", "gemm_turned", "matmul", "matmul_of_rows", "matmul_left"],
)
def test_tails_of_products(x: str, y: str, layer: str, channels: str, tail: str, rule: str) -> None:
    weights = f"float[6, 4] k, float[4, 6] kt, float[4] b, {channels}"
    assert_rule(net(f"c = {layer} {FLAT_TAILS[tail]}", x, y, weights), EACH[rule], item_of(x))


@pytest.mark.parametrize("rule", TAIL_RULES)
@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        (
            "N, 2, 9",
            "N, m, l",
            "u = Unsqueeze (x, two) c = Conv (u, k, b) d = Squeeze (c, two) y = Add (d, p)",
        ),
        (
            "N, 2, 7, 6",
            "N, h, w, m",
            "c = Conv (x, k, b) d = Transpose <perm = [0, 2, 3, 1]> (c) "
            "f = Mul (d, o) y = Add (f, s)",
        ),
        (
            "N, 2, 7, 6",
            "N, w, h, m",
            "c = Conv (x, k, b) d = Transpose <perm = [0, 2, 3, 1]> (c) "
            "f = Sub (s, d) g = Transpose <perm = [0, 2, 1, 3]> (f) y = Mul (g, o)",
        ),
    ],
    ids=["squeeze", "transpose", "transpose_twice"],
)
def test_tails_behind_moves(x: str, y: str, text: str, rule: str) -> None:
    """As TensorFlow's exporter writes a convolution of signals, and of channels that come last."""
    kernel = "float[4, 2, 1, 3] k" if x.count(",") == 2 else "float[4, 2, 3, 3] k"
    weights = (
        f"{kernel}, float[4] b, float[4] s, float[4, 1] p, float[1, 1, 4] o, int64[1] two = {{2}}"
    )
    assert_rule(net(text, x, y, weights), EACH[rule], item_of(x))


OPEN = {
    "along_positions": ("y = Add (c, p)", "float[5] p"),
    "along_all": ("y = Mul (c, p)", "float[4, 6, 5] p"),
    "divided": ("y = Div (q, c)", "float q"),
    "of_another_tensor": ("y = Mul (c, c)", "float q"),
}


@pytest.mark.parametrize("tail", OPEN)
@pytest.mark.parametrize("rule", TAIL_RULES)
def test_what_is_no_tail_passes(tail: str, rule: str) -> None:
    """The layer takes its rule by itself, and what is behind it hands relevance on unchanged."""
    text, more = OPEN[tail]
    model = net(f"{CONV} {text}", weights=f"float[4, 2, 3, 3] k, float[4] b, {more}")
    method, by_formula = EACH[rule]
    x = noise(3, 2, 7, 6)
    w, b = dense(model, (2, 7, 6), "c")
    found, ct = explained(model, method, x)
    wanted, kept = by_items(by_formula, w, b, x, values(model, x) * ct)
    assert_near(found["attribution"], wanted)
    assert_near(found["bias_relevance"], kept)


@pytest.mark.parametrize("rule", TAIL_RULES)
def test_what_others_read_is_no_inside_of_a_layer(rule: str) -> None:
    text = f"{CONV} d = Add (c, p) f = Relu (c) y = Concat <axis = 1> (d, f)"
    model = net(text, weights="float[4, 2, 3, 3] k, float[4] b, float[4, 1, 1] p")
    method, by_formula = EACH[rule]
    x = noise(3, 2, 7, 6)
    w, b = dense(model, (2, 7, 6), "c")
    found, ct = explained(model, method, x)
    r = values(model, x) * ct
    wanted, kept = by_items(by_formula, w, b, x, r[:, :4] + r[:, 4:])
    assert_near(found["attribution"], wanted)
    assert_near(found["bias_relevance"], kept)


SCALED = f"{CONV} y = Mul (c, p)"
SCALED_WEIGHTS = "float[4, 2, 3, 3] k, float[4] b, float[4, 1, 1] p"


@pytest.mark.parametrize("rule", TAIL_RULES)
def test_a_target_ends_a_layer(rule: str) -> None:
    model = net(SCALED, weights=SCALED_WEIGHTS)
    method, by_formula = EACH[rule]
    x = noise(3, 2, 7, 6)
    w, b = dense(
        net(f"{CONV} y = Identity (c)", weights="float[4, 2, 3, 3] k, float[4] b"), (2, 7, 6)
    )
    found, ct = explained(model, method, x, "c")
    wanted, kept = by_items(by_formula, w, b, x, values(model, x, "c") * ct)
    assert_near(found["attribution"], wanted)
    assert_near(found["bias_relevance"], kept)


@pytest.mark.parametrize("rule", TAIL_RULES)
def test_an_output_inside_of_a_layer_changes_nothing(rule: str) -> None:
    plain = net(SCALED, weights=SCALED_WEIGHTS)
    more = onnx.ModelProto()
    more.CopyFrom(plain)
    more.graph.output.append(onnx.ValueInfoProto(name="c"))
    method, _ = EACH[rule]
    x = noise(3, 2, 7, 6)
    found, wanted = (
        explained(model, method, x)[0] for model in (onnx.shape_inference.infer_shapes(more), plain)
    )
    assert_near(found["attribution"], wanted["attribution"])


@pytest.mark.parametrize("rule", TAIL_RULES)
@pytest.mark.parametrize("weight", ["quantised", "turned", "computed"])
def test_weights_that_are_no_plain_constants(weight: str, rule: str) -> None:
    """Behind a DequantizeLinear, a Transpose, or arithmetic on constants."""
    text = {
        "quantised": "k = DequantizeLinear <axis = 0> (q, step, nought)",
        "turned": "k = Transpose <perm = [1, 0, 2, 3]> (kt)",
        "computed": "n = Neg (kt) t = Transpose <perm = [1, 0, 2, 3]> (n) k = Add (t, h)",
    }[weight]
    weights = "float[4] step, int8[4] nought = {0, 1, 2, 3}, float[2, 4, 3, 3] kt, float h, "
    weights += "float[4] b, float[4, 1, 1] p, float[1, 4, 1, 1] o, int8[4, 2, 3, 3] q"
    model = net(f"{text} {CONV} d = Mul (c, p) y = Add (d, o)", weights=weights)
    assert_rule(model, EACH[rule], (2, 7, 6))


@pytest.mark.parametrize("rule", TAIL_RULES)
def test_a_vector_of_weights_has_no_channels(rule: str) -> None:
    """What multiplies the places behind it passes, though they are as many as the weights."""
    model = net("c = MatMul (x, k) y = Mul (c, p)", "N, 5, 5", "N, l", "float[5] k, float[5] p")
    method, by_formula = EACH[rule]
    x = noise(3, 5, 5)
    w, b = dense(model, (5, 5), "c")
    found, ct = explained(model, method, x)
    wanted, _ = by_items(by_formula, w, b, x, values(model, x) * ct)
    assert_near(found["attribution"], wanted)


@pytest.mark.parametrize("rule", TAIL_RULES)
def test_channels_of_matrices_that_meet_a_vector(rule: str) -> None:
    model = net("c = MatMul (k, x) y = Mul (c, p)", "6", "g, m", "float[4, 4, 6] k, float[4] p")
    method, by_formula = EACH[rule]
    x = noise(6)
    found, ct = explained(model, method, x)
    w = np.stack([values(model, unit).reshape(-1) for unit in np.eye(6)], 1)
    r = (values(model, x) * ct).reshape(-1)
    wanted, _ = by_formula(w, np.zeros(16), x.astype(np.float64), r)
    assert_near(found["attribution"], wanted)
