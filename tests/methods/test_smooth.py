"""Smooth activations under the rules of ReLU, against the formulas in NumPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import ModelProto

import retrograph
from retrograph.errors import InputError
from retrograph.methods import Method
from retrograph.methods.relu import Deconvnet, Guided, RectGrad
from retrograph.model import Model
from support.cli_case import assert_one_line, run
from support.graphs import Array, noise, runner
from support.smooth_nets import NAMES, SMOOTH_U, SMOOTH_V, SPELLINGS, function, smooth_net

X = noise(4, 6)


def explained(model: ModelProto, method: Method, many: bool = False) -> Array:
    built = retrograph.build(model, method=method, select="unit", many=many)
    onnx.checker.check_model(built, full_check=True)
    select = np.ones((4, 2, 1) if many else (4, 1), np.int64)
    found: Array = runner(built)(x=X, select=select)["attribution"]
    return found[:, 1] if many else found


def expected(spelling: str, method: str) -> Array:
    u, v, x = (t.astype(np.float64) for t in (SMOOTH_U, SMOOTH_V, X))
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
    found = explained(smooth_net(spelling), METHODS[method], many)
    np.testing.assert_allclose(found, expected(spelling, method), rtol=2e-3, atol=2e-3)


@each_spelling
@pytest.mark.parametrize("method", [Deconvnet, Guided])
def test_relu_only_is_the_ordinary_derivative(
    spelling: str, method: type[Deconvnet | Guided]
) -> None:
    found = explained(smooth_net(spelling), method(activations="relu-only"))
    np.testing.assert_allclose(found, expected(spelling, "relu-only"), rtol=2e-3, atol=2e-3)


@each_spelling
def test_without_a_choice_it_is_refused(spelling: str) -> None:
    with pytest.raises(InputError, match=f"only 1 {NAMES[spelling]}.*activations=.gate. or"):
        retrograph.build(smooth_net(spelling), method="guided")


@each_spelling
def test_the_choice_is_recorded(spelling: str) -> None:
    built = retrograph.build(smooth_net(spelling), method=Guided(activations="gate"))
    found = {p.key: p.value for p in built.metadata_props}
    assert json.loads(found["retrograph.parameters"]) == {"activations": "gate"}
    (note,) = json.loads(found["retrograph.notes"])
    assert note == f"guided: the rule of a ReLU at 1 {NAMES[spelling]} (activations: gate)"


def test_what_others_read_is_no_inside_of_an_activation() -> None:
    """The gate of a squeeze-and-excitation: its Sigmoid stays what it is."""
    model = smooth_net("swish", "g = MatMul (s, w) q = Mul (r, g)")
    model.graph.initializer.append(onnx.numpy_helper.from_array(noise(5, 5), "w"))
    model.graph.node[-1].input[0] = "q"
    with pytest.raises(InputError, match="only 1 Sigmoid"):
        retrograph.build(model, method="guided")


def test_a_target_inside_of_an_activation() -> None:
    """What lies above the target has no part in it."""
    built = retrograph.build(smooth_net("swish"), method=Guided(activations="gate"), layer="s")
    found = runner(built)(x=X)
    a = X.astype(np.float64) @ SMOOTH_U
    top = a.argmax(1)
    s = 1 / (1 + np.exp(-a.max(1)))
    np.testing.assert_allclose(
        found["attribution"], (s * (1 - s))[:, None] * SMOOTH_U.T[top], rtol=1e-4
    )


def test_an_output_inside_of_an_activation_changes_nothing() -> None:
    model = smooth_net("swish")
    model.graph.output.append(onnx.helper.make_tensor_value_info("s", 1, ["N", 5]))
    found = explained(model, Guided(activations="gate"))
    np.testing.assert_array_equal(found, explained(smooth_net("swish"), Guided(activations="gate")))


def test_a_wrong_choice() -> None:
    with pytest.raises(InputError, match="activations is 'soft'; give gate or relu-only"):
        RectGrad(activations="soft")


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(smooth_net("swish"), "net.onnx")
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
