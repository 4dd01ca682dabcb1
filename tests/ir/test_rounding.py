"""Rounding written out in floating point, and the Sign of binarised networks."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx.parser
import pytest
from onnx import ModelProto, numpy_helper

import retrograph
from support import nets
from support.cli_case import run
from support.finite import runtime

Array = np.ndarray[Any, Any]

RANDOM = np.random.default_rng(15)
X = RANDOM.standard_normal((2, 3, 8, 8)).astype(np.float32)
W = (0.3 * RANDOM.standard_normal((4, 3, 3, 3))).astype(np.float32)
V = RANDOM.random((4, 5)).astype(np.float32)
CT = RANDOM.standard_normal((2, 5)).astype(np.float32)
STEP = 0.0625


def net(body: str, **stored: Any) -> ModelProto:
    """A network of which `body` makes k of the tensor r."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> net (float[2,3,8,8] x) => (float[2,5] y)'
        f"{{ c = Conv (x, w) {body} p = GlobalAveragePool (k) q = Flatten (p) u = MatMul (q, v)"
        "  y = Relu (u) }"
    )
    for name, value in {"w": W, "v": V, "s": STEP, **stored}.items():
        array = value if isinstance(value, np.ndarray) else np.array(value, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


def explained(model: ModelProto, method: str = "gradient", **options: Any) -> dict[str, Array]:
    built = retrograph.build(model, method=method, select="cotangent", layer="y", **options)
    found = [runtime(built, optimised=o)({"x": X, "cotangent": CT}) for o in (False, True)]
    wanted = runtime(model, optimised=False)({"x": X})["y"]
    for one in found:
        np.testing.assert_allclose(one["y"], wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[0]["attribution"], found[1]["attribution"], atol=1e-5)
    return found[0]


I8 = np.array(0, np.int8)
U8 = np.array(0, np.uint8)
MIDDLE = np.array(96, np.uint8)
SAME_AS_LINEAR: dict[str, tuple[str, dict[str, float], Array]] = {
    "x / s, Round, Clip, times s": (
        "d = Div (r, s) o = Round (d) l = Clip (o, a, b) k = Mul (l, s)",
        {"a": -128, "b": 127},
        I8,
    ),
    "times 1 / s, and divided": (
        "d = Mul (r, t) o = Round (d) l = Clip (o, a, b) k = Div (l, t)",
        {"t": 1 / STEP, "a": 0, "b": 255},
        U8,
    ),
    "with a zero point": (
        "d = Div (r, s) o = Round (d) z1 = Add (o, n) l = Clip (z1, a, b) m = Sub (l, n)"
        " k = Mul (m, s)",
        {"n": 96, "a": 0, "b": 255},
        MIDDLE,
    ),
    "Max and Min": (
        "d = Div (r, s) o = Round (d) l = Max (o, a) m = Min (l, b) k = Mul (m, s)",
        {"a": -128, "b": 127},
        I8,
    ),
    "Where": (
        "d = Div (r, s) o = Round (d) f = Greater (o, b) l = Where (f, b, o) k = Mul (l, s)",
        {"b": 127},
        I8,
    ),
    "x + (r - x), as it is trained": (
        "d = Div (r, s) o = Round (d) l = Clip (o, a, b) m = Mul (l, s) e = Sub (m, r)"
        " k = Add (r, e)",
        {"a": -128, "b": 127},
        I8,
    ),
    "through a Cast": (
        "d = Div (r, s) o = Round (d) l = Clip (o, a, b) i = Cast <to = 3> (l)"
        " f = Cast <to = 1> (i) k = Mul (f, s)",
        {"a": -128, "b": 127},
        I8,
    ),
    "a Cast before DequantizeLinear": (
        "d = Div (r, s) o = Round (d) l = Clip (o, a, b) i = Cast <to = 3> (l)"
        " k = DequantizeLinear (i, s)",
        {"a": -128, "b": 127},
        I8,
    ),
    "Floor of half a step more": (
        "d = Div (r, s) h = Add (d, t) o = Floor (h) l = Clip (o, a, b) k = Mul (l, s)",
        {"t": 0.5, "a": -128, "b": 127},
        I8,
    ),
    "away from zero": (
        "d = Div (r, s) g = Sign (d) n = Abs (d) h = Add (n, t) o = Floor (h) f = Mul (g, o)"
        " l = Clip (f, a, b) k = Mul (l, s)",
        {"t": 0.5, "a": -128, "b": 127},
        I8,
    ),
}
SOURCES = {"a ReLU": "r = Relu (c)", "a LeakyRelu": "r = LeakyRelu <alpha = 0.3> (c)"}


@pytest.mark.parametrize("method", ["gradient", "guided"])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", SAME_AS_LINEAR)
def test_it_passes_as_inside_quantize_linear(name: str, source: str, method: str) -> None:
    body, stored, zero = SAME_AS_LINEAR[name]
    found = explained(net(f"{SOURCES[source]} {body}", **stored), method)
    twin = net(
        f"{SOURCES[source]} i = QuantizeLinear (r, s, z) k = DequantizeLinear (i, s, z)", z=zero
    )
    wanted = explained(twin, method)
    np.testing.assert_allclose(found["attribution"], wanted["attribution"], rtol=1e-4, atol=1e-6)
    assert np.abs(wanted["attribution"]).max() > 0


@pytest.mark.parametrize("method", ["gradient", "guided", "deconvnet"])
def test_the_quantiser_of_an_input_is_no_relu(method: str) -> None:
    """A picture of 0 to 1 has the zero point 0 too, and no ReLU was dropped before it."""
    text = "i = QuantizeLinear (x, s, z) j = DequantizeLinear (i, s, z) c = Conv (j, w)"
    whole = net("r = Relu (c) k = Identity (r)", z=U8, s=1 / 1024)
    quantised = net("r = Relu (c) k = Identity (r)", z=np.array(0, np.uint16), s=1 / 1024)
    del quantised.graph.node[0]
    for node in reversed(
        onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 21]> g (float[2,3,8,8] x) => (float[2,4,6,6] c)'
            f"{{ {text} }}"
        ).graph.node
    ):
        quantised.graph.node.insert(0, node)
    quantised.opset_import[0].version = 21
    given = {"x": np.abs(X) + np.float32(0.01), "cotangent": np.abs(CT)}
    found, wanted = (
        runtime(retrograph.build(m, method=method, select="cotangent", layer="y"))(given)
        for m in (quantised, whole)
    )
    assert (wanted["attribution"] < 0).any()
    np.testing.assert_allclose(found["attribution"], wanted["attribution"], rtol=1e-3, atol=1e-5)
    assert len(retrograph.check(quantised, layer="y").relu) == 2


def test_the_zeros_of_a_relu_are_not_cut_off_by_the_quantiser_behind_it() -> None:
    """Deconvnet passes a ReLU where it is 0, too."""
    body = "r = Relu (c) m = MaxPool <kernel_shape = [2, 2]> (r)"
    quantiser = "i = QuantizeLinear (m, s, z) k = DequantizeLinear (i, s, z)"
    found = explained(net(f"{body} {quantiser}", z=U8), "deconvnet")["attribution"]
    wanted = explained(net(f"{body} k = Identity (m)"), "deconvnet")["attribution"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_range_that_is_computed_is_no_part_of_what_is_rounded() -> None:
    body = (
        "r = LeakyRelu <alpha = 0.3> (c) n = Abs (r) h = ReduceMax <keepdims = 1> (n)"
        " t = Div (h, a) d = Div (r, t) o = Round (d) k = Mul (o, t)"
    )
    found = explained(net(body, a=127.0))["attribution"]
    plain = explained(net("r = LeakyRelu <alpha = 0.3> (c) k = Identity (r)"))["attribution"]
    # The largest number is a step of itself: its own share differs by what t takes of it.
    near = np.isclose(found, plain, rtol=1e-3, atol=1e-5).mean()
    assert near > 0.9


def windows(x: Array) -> Array:
    found: Array = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    return found


def gradient_of_signs(slope: Array, scale: float = 1.0) -> tuple[Array, Array]:
    """By hand: of relu(mean(scale * sign(conv(x))) @ v), the sign passing where it is told."""
    c = np.einsum("nchwij,ocij->nohw", windows(X), W)
    side = np.where(c >= 0, scale, -scale)
    u = side.mean((2, 3)) @ V
    down = ((u > 0) * CT @ V.T)[:, :, None, None] / 36 * scale * slope
    found = np.zeros_like(X, np.float64)
    for i, j in itertools.product(range(6), range(6)):
        found[:, :, i : i + 3, j : j + 3] += np.einsum("no,ocij->ncij", down[:, :, i, j], W)
    return found, np.maximum(u, 0)


SIGNS: dict[str, tuple[str, dict[str, float], float]] = {
    "Sign": ("k = Sign (c)", {}, 1.0),
    "Sign of a Sign": ("d = Sign (c) e = Add (d, t) k = Sign (e)", {"t": 0.1}, 1.0),
    "Where x >= 0": (
        "d = GreaterOrEqual (c, n) k = Where (d, a, b)",
        {"n": 0, "a": 1, "b": -1},
        1.0,
    ),
    "Where x < 0": ("d = Less (c, n) k = Where (d, b, a)", {"n": 0, "a": 0.5, "b": -0.5}, 0.5),
    "Where not 0 > x": (
        "d = Greater (n, c) e = Not (d) k = Where (e, a, b)",
        {"n": 0, "a": 1, "b": -1},
        1.0,
    ),
    "2 (x >= 0) - 1": (
        "d = GreaterOrEqual (c, n) e = Cast <to = 1> (d) f = Mul (e, t) k = Sub (f, a)",
        {"n": 0, "t": 2, "a": 1},
        1.0,
    ),
    "scaled by its mean": (
        "f = Abs (c) g = Mul (f, n) h = ReduceSum (g) d = Sign (c) i = Add (h, a) k = Mul (d, i)",
        {"n": 0, "a": 2},
        2.0,
    ),
}


@pytest.mark.parametrize("name", SIGNS)
def test_the_sign_of_a_binarised_network_passes_where_x_is_at_most_1(name: str) -> None:
    body, stored, scale = SIGNS[name]
    c = np.einsum("nchwij,ocij->nohw", windows(X), W)
    assert (np.abs(c) > 1).any()
    wanted, scores = gradient_of_signs(np.abs(c) <= 1, scale)
    model = net(body, **stored)
    found = explained(model)
    np.testing.assert_allclose(found["attribution"], wanted, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["y"], scores, rtol=1e-4, atol=1e-6)
    notes = retrograph.check(model, layer="y").notes
    assert any("where |x| is at most 1" in note for note in notes)


def test_where_zero_counts_as_a_side_it_stays_so() -> None:
    for op, at in (("Greater", -1), ("GreaterOrEqual", 1), ("Less", -1), ("LessOrEqual", 1)):
        above = op.startswith("Greater")
        model = onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["": 18]> net (float[4] x) => (float[4] y)'
            f"<float n = {{0.25}}, float a = {{1}}, float b = {{-1}}>"
            f"{{ d = {op} (x, n) e = Where (d, a, b) y = Mul (e, a) }}"
        )
        x = np.array([-1, 0.25, 0.5, 3], np.float32)
        built = retrograph.build(model, method="gradient", select="cotangent", layer="y")
        found = runtime(built)({"x": x, "cotangent": np.ones(4, np.float32)})
        sides = [-1, at, 1, 1] if above else [1, at, -1, -1]
        np.testing.assert_array_equal(found["y"], sides)
        slope = 1 if above else -1
        np.testing.assert_array_equal(found["attribution"], [0, slope, slope, 0])


ARITHMETIC: dict[str, Any] = {
    "the fraction": ("o = Floor (c) k = Sub (c, o)", {}, lambda c: np.ones_like(c)),
    "a signed root": (
        "o = Sign (c) n = Abs (c) e = Add (n, a) h = Sqrt (e) k = Mul (o, h)",
        {"a": 0.01},
        lambda c: 0.5 / np.sqrt(np.abs(c) + 0.01),
    ),
    "a soft threshold": (
        "o = Sign (c) n = Abs (c) e = Sub (n, a) h = Relu (e) k = Mul (h, o)",
        {"a": 0.4},
        lambda c: np.abs(c) > 0.4,
    ),
}


@pytest.mark.parametrize("name", ARITHMETIC)
def test_what_is_joined_with_what_it_rounds_is_arithmetic(name: str) -> None:
    body, stored, slope = ARITHMETIC[name]
    c = np.einsum("nchwij,ocij->nohw", windows(X), W)
    model = net(body, **stored)
    built = retrograph.build(model, method="gradient", select="cotangent", layer="p")
    down = np.broadcast_to(slope(c) / 36, c.shape)
    wanted = np.zeros_like(X, np.float64)
    for i, j in itertools.product(range(6), range(6)):
        wanted[:, :, i : i + 3, j : j + 3] += np.einsum("no,ocij->ncij", down[:, :, i, j], W)
    found = runtime(built)({"x": X, "cotangent": np.ones((2, 4, 1, 1), np.float32)})
    np.testing.assert_allclose(found["attribution"], wanted, rtol=1e-4, atol=1e-6)
    assert not retrograph.check(model, layer="p").straight_through


STRICT = {
    "Round": "r = Relu (c) d = Div (r, s) o = Round (d) k = Mul (o, s)",
    "Sign": "k = Sign (c)",
    "QuantizeLinear": "r = Relu (c) q1 = QuantizeLinear (r, s) k = DequantizeLinear (q1, s)",
}


@pytest.mark.parametrize("name", STRICT)
def test_without_straight_through_the_gradient_is_zero(name: str) -> None:
    model = net(STRICT[name])
    found = explained(model, straight_through=False)
    np.testing.assert_array_equal(found["attribution"], np.zeros_like(X))
    built = retrograph.build(model, method="gradient", layer="y", straight_through=False)
    explainer = retrograph.Explainer(built)
    assert not explainer.contract.straight_through
    assert any("pass nothing" in note for note in explainer.contract.notes)
    with pytest.raises(retrograph.InputError, match="straight_through"):
        retrograph.Explainer(built, straight_through=True)
    passed = retrograph.build(model, method="gradient", layer="y")
    assert retrograph.Explainer(passed, straight_through=True).contract.straight_through


def test_beside_a_rounding_only_the_other_way_is_left() -> None:
    body = "r = Relu (c) d = Div (r, s) o = Round (d) m = Mul (o, s) f = Sigmoid (c) k = Add (m, f)"
    alone = explained(net("k = Sigmoid (c)"))["attribution"]
    strict = explained(net(body), straight_through=False)["attribution"]
    both = explained(net(body))["attribution"]
    np.testing.assert_allclose(np.sign(CT).sum() * strict, np.sign(CT).sum() * alone, atol=1e-6)
    assert np.abs(both - strict).max() > 1e-3


def test_the_command_line_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    nets.save(net(STRICT["Round"]), tmp_path / "net.onnx")
    np.save("x.npy", X)
    command = ["build", "net.onnx", "-o", "out.onnx", "--method", "gradient"]
    assert "straight through" in run(capsys, *command).out
    ran = run(capsys, *command, "--force", "--straight-through", "no")
    assert ran.code == 0
    assert "note: 1 quantised activations pass nothing" in ran.out
    assert run(capsys, *command, "--force", "--straight-through", "maybe").code == 2
    ran = run(capsys, "explain", "out.onnx", "x.npy", "--straight-through", "yes")
    assert ran.code == 2
    assert "straight_through" in ran.err
