"""What DeepLIFT refuses, by name, and its baseline as a parameter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto

from retrograph.errors import InputError, UnsupportedError
from retrograph.methods.deeplift import DeepLiftRescale
from retrograph.methods.parameters import configured
from retrograph.model import Model
from support import nets
from support.deeplift_case import HEAD, build
from support.graphs import noise, parse, runner

# What has no rule.

FIVE = f"{HEAD} (float[N, 5] x) => (float[N, 5] y)"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("y = Softmax (x)", "Softmax.*no Rescale rule"),
        ("y = LpNormalization (x)", "LpNormalization"),
        ("c = Greater (x, half) n = Mul (x, half) y = Where (c, x, n)", "'c' depends .* by steps"),
        ("c = Floor (x) y = Add (x, c)", "'c' depends on the explained input by steps alone"),
        ("a = Add (x, half) y = PRelu (x, a)", "its 'a' depends on the explained input"),
        ("a = Abs (x) b = MatMul (x, w) y = Pow (a, b)", "its 'b' depends on the explained"),
        ("y = Pow (x, w)", "there is one for one constant exponent"),
        (
            'a = MatMul (x, w) b = MatMul (a, w) y = Einsum <equation = "ni,ni,ni->ni"> (x, a, b)',
            "there is one for two variable operands",
        ),
        ("y = Dropout (x, half, yes)", "there is one in inference"),
        ("y, i = TopK (x, five)", "TopK"),
        ("s = Mul (x, half) a = Round (s) y = Mul (a, x)", "by steps alone|rounds"),
    ],
)
def test_without_a_rule_it_is_refused_by_name(body: str, why: str) -> None:
    text = f"""{FIVE} <float half = {{0.5}}, bool yes = {{1}}, int64[1] five = {{5}},
        float[5, 5] w> {{ {body} }}"""
    with pytest.raises(UnsupportedError, match=why):
        build(parse(text), layer="y", select="cotangent")


def test_rounding_is_refused() -> None:
    text = f"""{FIVE} <float scale = {{0.05}}, int8 zero = {{0}}>
        {{ q = QuantizeLinear (x, scale, zero) d = DequantizeLinear (q, scale, zero)
           y = Relu (d) }}"""
    with pytest.raises(UnsupportedError, match="rounds, which has no Rescale rule"):
        build(onnx.parser.parse_model(text), select="cotangent")


def test_in_front_of_a_softmax_it_is_built() -> None:
    text = f"{FIVE} <float[5, 5] w> {{ a = MatMul (x, w) y = Softmax (a) }}"
    x = noise(2, 5)
    built = build(parse(text), 0.5, layer="a", select="cotangent")
    w = onnx.numpy_helper.to_array(parse(text).graph.initializer[0])
    found = runner(built)(x, cotangent=np.ones((2, 5), np.float32))["attribution"]
    np.testing.assert_allclose(found, (x - 0.5) * w.sum(1), rtol=1e-5, atol=1e-6)


# The baseline.


def parameters(built: ModelProto) -> dict[str, Any]:
    contract = Model(built).contract
    assert contract is not None
    return contract.parameters


def test_a_baseline_is_recorded() -> None:
    model = nets.cnn()
    given = noise(3, 8, 8)
    recorded = parameters(build(model, given))["baseline"]
    assert "[3, 8, 8]" in recorded
    assert "sha256" in recorded
    assert parameters(build(model, 0.5)) == {"baseline": 0.5}
    assert configured(DeepLiftRescale(), {"baseline": "0.5"}) == DeepLiftRescale(0.5)


@pytest.mark.parametrize(
    ("baseline", "why"),
    [
        (np.zeros((3, 8, 7)), r"an array \[3, 8, 7\] does not fit the input 'x'"),
        (np.full((3, 8, 8), np.nan), "not finite"),
        (math.inf, "baseline is inf"),
        ({"z": np.zeros((3, 8, 8))}, "give an array for each of x"),
    ],
)
def test_a_baseline_that_does_not_fit(baseline: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        build(nets.cnn(), baseline)
