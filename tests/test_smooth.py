"""Smooth activations under the rules of ReLU, against the formulas in NumPy."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import ModelProto

import retrograph
from cli_case import assert_one_line, run
from graphs import Array, noise, runner
from retrograph.errors import InputError
from retrograph.methods import Method
from retrograph.methods.relu import Deconvnet, Guided, RectGrad
from retrograph.model import Model

SPELLINGS = {
    "swish": "s = Sigmoid (a)  r = Mul (a, s)",
    "hardswish": "r = HardSwish (a)",
    "hardswish_clip": "t = Add (a, three) s = Clip (t, zero, six) p = Mul (s, a) r = Div (p, six)",
    "mish": "t = Softplus (a) s = Tanh (t) r = Mul (a, s)",
    "gelu": "d = Div (a, root) s = Erf (d) o = Add (s, one) p = Mul (a, o) r = Mul (p, half)",
    "gelu_half_first": "h = Mul (a, half) d = Div (a, root) s = Erf (d) o = Add (one, s) "
    "r = Mul (o, h)",
    "gelu_tanh": "q = Mul (a, a) c = Mul (q, a) k = Mul (c, cubic) i = Add (a, k) "
    "j = Mul (i, slope) s = Tanh (j) o = Add (s, one) p = Mul (a, o) r = Mul (half, p)",
    "elu": "r = Elu <alpha = 1.0> (a)",
    "leaky": "r = LeakyRelu <alpha = 0.1> (a)",
}
NAMES = {
    "swish": "Swish",
    "hardswish": "HardSwish",
    "hardswish_clip": "HardSwish",
    "mish": "Mish",
    "elu": "Elu",
    "leaky": "LeakyRelu",
} | dict.fromkeys(("gelu", "gelu_half_first", "gelu_tanh"), "Gelu")

U, V = noise(6, 5), noise(5, 3)
X = noise(4, 6)


def net(spelling: str, more: str = "") -> ModelProto:
    text = f"""
    <ir_version: 8, opset_import: ["" : 18]>
    net (float[N, 6] x) => (float[N, 3] y)
    <float one = {{1}}, float three = {{3}}, float six = {{6}}, float zero = {{0}},
     float half = {{0.5}}, float root = {{1.41421356}}, float cubic = {{0.044715}},
     float slope = {{0.79788456}}>
    {{ a = MatMul (x, u) {SPELLINGS[spelling]} {more} y = MatMul (r, v) }}
    """
    model = onnx.parser.parse_model(text)
    for name, value in (("u", U), ("v", V)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    return model


def function(name: str, a: Array) -> Array:
    """By its definition, in float64."""
    erf = np.vectorize(math.erf)
    found: Array = {
        "Swish": lambda: a / (1 + np.exp(-a)),
        "HardSwish": lambda: a * np.clip(a / 6 + 0.5, 0, 1),
        "Mish": lambda: a * np.tanh(np.log1p(np.exp(a))),
        "Gelu": lambda: 0.5 * a * (1 + erf(a / np.sqrt(2))),
        "Elu": lambda: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
        "LeakyRelu": lambda: np.where(a > 0, a, 0.1 * a),
    }[name]()
    return found


def explained(model: ModelProto, method: Method, many: bool = False) -> Array:
    built = retrograph.build(model, method=method, select="unit", many=many)
    onnx.checker.check_model(built, full_check=True)
    select = np.ones((4, 2, 1) if many else (4, 1), np.int64)
    found: Array = runner(built)(x=X, select=select)["attribution"]
    return found[:, 1] if many else found


def expected(spelling: str, method: str) -> Array:
    u, v, x = (t.astype(np.float64) for t in (U, V, X))
    a, ct = x @ u, np.broadcast_to(v[:, 1], (4, 5))
    h = 1e-5
    name = NAMES[spelling]
    slope = (function(name, a + h) - function(name, a - h)) / (2 * h)
    share = function(name, a) * ct * slope
    da = {
        "relu-only": ct * slope,
        "deconvnet": np.maximum(ct, 0),
        "guided": np.maximum(ct, 0) * slope * (a > 0),
        "rectgrad": np.where(share > np.quantile(share, 0.5, 1, keepdims=True), ct * slope, 0),
    }[method]
    return np.asarray(da @ u.T)


METHODS = {
    "deconvnet": Deconvnet(activations="gate"),
    "guided": Guided(activations="gate"),
    "rectgrad": RectGrad(0.5, activations="gate"),
}
each_spelling = pytest.mark.parametrize("spelling", SPELLINGS)


@each_spelling
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("many", [False, True])
def test_gate(spelling: str, method: str, many: bool) -> None:
    found = explained(net(spelling), METHODS[method], many)
    np.testing.assert_allclose(found, expected(spelling, method), rtol=2e-3, atol=2e-3)


@each_spelling
@pytest.mark.parametrize("method", [Deconvnet, Guided])
def test_relu_only_is_the_ordinary_derivative(
    spelling: str, method: type[Deconvnet | Guided]
) -> None:
    found = explained(net(spelling), method(activations="relu-only"))
    np.testing.assert_allclose(found, expected(spelling, "relu-only"), rtol=2e-3, atol=2e-3)


@each_spelling
def test_without_a_choice_it_is_refused(spelling: str) -> None:
    with pytest.raises(InputError, match=f"only 1 {NAMES[spelling]}.*activations=.gate. or"):
        retrograph.build(net(spelling), method="guided")


@each_spelling
def test_the_choice_is_recorded(spelling: str) -> None:
    built = retrograph.build(net(spelling), method=Guided(activations="gate"))
    found = {p.key: p.value for p in built.metadata_props}
    assert json.loads(found["retrograph.parameters"]) == {"activations": "gate"}
    (note,) = json.loads(found["retrograph.notes"])
    assert note == f"guided: the rule of a ReLU at 1 {NAMES[spelling]} (activations: gate)"


def test_what_others_read_is_no_inside_of_an_activation() -> None:
    """The gate of a squeeze-and-excitation: its Sigmoid stays what it is."""
    model = net("swish", "g = MatMul (s, w) q = Mul (r, g)")
    model.graph.initializer.append(onnx.numpy_helper.from_array(noise(5, 5), "w"))
    model.graph.node[-1].input[0] = "q"
    with pytest.raises(InputError, match="only 1 Sigmoid"):
        retrograph.build(model, method="guided")


def test_a_target_inside_of_an_activation() -> None:
    """What lies above the target has no part in it."""
    built = retrograph.build(net("swish"), method=Guided(activations="gate"), target="s")
    found = runner(built)(x=X)
    a = X.astype(np.float64) @ U
    top = a.argmax(1)
    s = 1 / (1 + np.exp(-a.max(1)))
    np.testing.assert_allclose(found["attribution"], (s * (1 - s))[:, None] * U.T[top], rtol=1e-4)


def test_an_output_inside_of_an_activation_changes_nothing() -> None:
    model = net("swish")
    model.graph.output.append(onnx.helper.make_tensor_value_info("s", 1, ["N", 5]))
    found = explained(model, Guided(activations="gate"))
    np.testing.assert_array_equal(found, explained(net("swish"), Guided(activations="gate")))


def test_a_wrong_choice() -> None:
    with pytest.raises(InputError, match="activations is 'soft'; give gate or relu-only"):
        RectGrad(activations="soft")


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(net("swish"), "net.onnx")
    np.save("x.npy", X[0])
    build = ("build", "net.onnx", "-o", "b.onnx")
    assert_one_line(run(capsys, *build), "choose what it does there with --activations gate or")
    assert_one_line(run(capsys, *build, "--activations", "soft"), "give gate or relu-only")
    wrong = run(capsys, *build, "--method", "gradient", "--activations", "gate")
    assert_one_line(wrong, "none of gradient has that")
    assert run(capsys, *build, "--activations", "gate").code == 0
    contract = Model("b.onnx").contract
    assert contract is not None
    assert contract.parameters == {"activations": "gate"}
    told = run(capsys, "compare", "net.onnx", "x.npy", "--activations", "gate").out
    assert "guided: the rule of a ReLU at 1 Swish (activations: gate)" in told
