"""Where relevance went, as it is printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import retrograph
from retrograph.results.conservation import Balance
from support.cli_case import run
from support.graphs import parse

NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4] x) => (float[N, 2] y)
<float[4, 3] u = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, float[3] b = {1, 0, 0},
 float[3, 2] v = {1, 0, 1, 0, 1, 0}>
{
    a = Gemm (x, u, b)
    r = Relu (a)
    y = MatMul (r, v)
}
"""
X = np.array([[3, 2, 1, 5]], np.float32)
"""The score of unit 0 is (3 + 1) + 2 + 1: of 7, 1 is the bias's."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    onnx.save(parse(NET), "net.onnx")
    np.save("x.npy", X)
    return tmp_path


def test_a_hundredth_that_is_not_in_the_input_is_told() -> None:
    told = str(Balance("lrp", 0, start=1.0, inputs=0.97, biases=0.01))
    assert (
        told == "relevance by lrp: 0.97 of 1 in the input, 0.01 in biases and constants, 0.02 lost"
    )


def test_rounding_is_not_told() -> None:
    told = str(Balance("lrp", 0, start=1.0, inputs=0.9993, biases=0.0005))
    assert told == "relevance by lrp: 0.9993 of 1 in the input"


def test_from_python() -> None:
    found = retrograph.Explainer(parse(NET), method="lrp-epsilon").attribute(X)
    np.testing.assert_allclose(found.attribution, [[3, 2, 1, 0]], atol=1e-5)
    assert found.bias_relevance is not None
    np.testing.assert_allclose(found.bias_relevance, [1], atol=1e-5)
    assert retrograph.Explainer(parse(NET), method="gradient").attribute(X).bias_relevance is None


def test_it_is_printed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--method", "lrp-epsilon,gradient")
    assert "  relevance by lrp-epsilon: 6 of 7 in the input, 1 in biases and constants\n" in ran.out
    assert "relevance by gradient" not in ran.out


def test_it_is_in_the_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods = "lrp-zplus,excitation-backprop"
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--json", "--method", methods)
    (unit,) = json.loads(ran.out)["explained"][0]["units"]
    assert unit["relevance"]["lrp-zplus"] == pytest.approx(
        {"start": 7, "inputs": 6, "biases": 1}, abs=1e-4
    )
    assert unit["relevance"]["excitation-backprop"] == pytest.approx(
        {"start": 1, "inputs": 1, "biases": 0}, abs=1e-4
    )


def test_each_of_many_units(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(capsys, "explain", "net.onnx", "x.npy", "--top", "2", "--method", "lrp-epsilon")
    assert "6 of 7 in the input, 1 in biases and constants" in ran.out
    assert "0 of 0 in the input" in ran.out


def test_what_is_lost_is_said() -> None:
    assert str(Balance("lrp-zplus", 0, 10.0, 6.0, 3.0)) == (
        "relevance by lrp-zplus: 6 of 10 in the input, 3 in biases and constants, 1 lost"
    )


JOINED = """
<ir_version: 8, opset_import: ["" : 18]>
net (float[N, 2] x, float[N, 2] z) => (float[N, 1] score)
<float[4, 1] w = {1, 2, 3, 4}> { a = Concat <axis = 1> (x, z) score = MatMul (a, w) }
"""


def test_another_input_is_no_constant(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(parse(JOINED), "two.onnx")
    np.savez("two.npz", x=np.array([[1, 1]], np.float32), z=np.array([[1, 2]], np.float32))
    ran = run(capsys, "explain", "two.onnx", "two.npz", "--method", "lrp-epsilon")
    assert "3 of 14 in the input, 11 in biases, constants and other inputs\n" in ran.out


BORDER = """
<ir_version: 8, opset_import: ["" : 18]>
net (float[N, 2] x) => (float[N, 1] score)
<int64[4] pads = {0, 1, 0, 1}, float fill = {2}, float[4, 1] w = {1, 2, 3, 4}>
{ a = Pad (x, pads, fill) score = MatMul (a, w) }
"""


def test_a_constant_border(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(parse(BORDER), "border.onnx")
    np.save("pair.npy", np.array([[1, 1]], np.float32))
    ran = run(capsys, "explain", "border.onnx", "pair.npy", "--method", "lrp-epsilon")
    assert "5 of 15 in the input, 10 in biases and constants\n" in ran.out
