"""Relevance in built graphs: units, batches, element types, parameters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import retrograph
from retrograph import Explainer, InputError, UnsupportedError
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.methods import METHODS, Method
from retrograph.methods.parameters import configured
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.methods.relevance.composites import LrpEpsilonGammaBox, LrpEpsilonPlus
from retrograph.methods.relevance.lrp import LrpAlphaBeta, LrpEpsilon, LrpGamma, LrpZPlus
from support import relevance_case as by
from support.graphs import noise, runner
from support.nets import cnn, half_cnn, nhwc_cnn
from support.relevance_case import EACH, assert_near, net

FAMILY = {name: m for name, m in METHODS.items() if isinstance(m, RelevanceMethod)}
each_method = pytest.mark.parametrize("method", FAMILY)


@cache
def run(method: str, **options: Any) -> Any:
    return runner(retrograph.build(cnn(), method=method, **options))


X = noise(3, 3, 8, 8)


def test_the_family_is_whole() -> None:
    names = {"epsilon", "gamma", "zplus", "alpha-beta", "epsilon-plus", "epsilon-gamma-box"}
    names = {f"lrp-{name}" for name in {*names, "epsilon-alpha2-beta1"}}
    assert FAMILY.keys() == names | {"excitation-backprop"}


# Units and batches.


@each_method
def test_many_units_are_as_single_ones(method: str) -> None:
    select = np.array([[[0], [2]], [[3], [1]], [[2], [2]]])
    together = run(method, select="unit", many=True)(x=X, select=select)
    assert together["bias_relevance"].shape == (3, 2)
    for k in range(2):
        alone = run(method, select="unit")(x=X, select=select[:, k])
        assert_near(together["attribution"][:, k], alone["attribution"], 1e-4)
        assert_near(together["bias_relevance"][:, k], alone["bias_relevance"], 1e-4)


@each_method
@pytest.mark.parametrize("target", ["a", "d", "f"])
def test_many_units_of_a_layer(method: str, target: str) -> None:
    options: dict[str, Any] = {"layer": target, "select": "top"}
    together = run(method, many=True, **options)(x=X, select=np.array([3]))
    alone = run(method, **options)(x=X)
    assert_near(together["attribution"][:, 0], alone["attribution"], 1e-4)
    assert_near(together["bias_relevance"][:, 0], alone["bias_relevance"], 1e-4)


@each_method
@pytest.mark.parametrize("rule", ["flat", "w2"])
def test_many_units_with_a_rule_for_the_first_layer(method: str, rule: str) -> None:
    if "first" not in vars(FAMILY[method]):
        pytest.skip("it has none")
    model, chosen = cnn(), configured(FAMILY[method], {"first": rule})
    together = runner(retrograph.build(model, method=chosen, many=True))(x=X, select=np.array([2]))
    alone = runner(retrograph.build(model, method=chosen))(x=X)
    assert_near(together["attribution"][:, 0], alone["attribution"], 1e-4)


@each_method
def test_items_of_a_batch_are_as_alone(method: str) -> None:
    together = run(method)(x=X)
    for n in range(3):
        alone = run(method)(x=X[n : n + 1])
        assert_near(together["attribution"][n : n + 1], alone["attribution"], 1e-4)
        assert_near(together["bias_relevance"][n : n + 1], alone["bias_relevance"], 1e-4)


@each_method
def test_a_fixed_batch_is_as_an_open_one(method: str) -> None:
    fixed = runner(retrograph.build(cnn(3), method=method))(x=X)
    assert_near(fixed["attribution"], run(method)(x=X)["attribution"], 1e-4)
    assert_near(fixed["bias_relevance"], run(method)(x=X)["bias_relevance"], 1e-4)


@each_method
def test_selectors_agree_on_a_unit(method: str) -> None:
    top = run(method, layer="d")(x=X)
    channel = run(method, layer="d", select="channel")(x=X, select=top["unit"][:, :1])
    unit = run(method, layer="d", select="unit")(x=X, select=top["unit"])
    ct = np.zeros((3, 5, 4, 4), np.float32)
    for n, place in enumerate(top["unit"]):
        ct[n][tuple(place)] = 1
    weighed = run(method, layer="d", select="cotangent")(x=X, cotangent=ct)
    for other in (channel, unit, weighed):
        assert_near(other["attribution"], top["attribution"], 1e-5)
        assert_near(other["bias_relevance"], top["bias_relevance"], 1e-5)


@each_method
def test_declared_shapes(method: str) -> None:
    for many, lead in ((False, ["N"]), (True, ["N", "K"])):
        built = retrograph.build(cnn(), method=method, many=many)
        onnx.checker.check_model(built, full_check=True)
        shapes = {
            o.name: [d.dim_param or d.dim_value for d in o.type.tensor_type.shape.dim]
            for o in built.graph.output
        }
        assert shapes["bias_relevance"] == lead
        assert shapes["attribution"] == [*lead, 3, 8, 8]


@each_method
def test_open_sizes(method: str) -> None:
    found = runner(retrograph.build(cnn(size="S"), method=method))(x=X)
    assert_near(found["attribution"], run(method)(x=X)["attribution"], 1e-4)


def test_a_name_that_is_taken() -> None:
    model = cnn()
    model.graph.node[-1].output[0] = "bias_relevance"
    model.graph.output[0].name = "bias_relevance"
    found = Explainer(model, method="lrp-epsilon").attribute(X)
    assert found.bias_relevance is not None
    assert_near(found.bias_relevance, run("lrp-epsilon")(x=X)["bias_relevance"], 1e-5)


@each_method
def test_channels_that_come_last(method: str) -> None:
    turned = X.transpose(0, 2, 3, 1)
    found = runner(retrograph.build(nhwc_cnn(), method=method))(x=turned)
    wanted = run(method)(x=X)
    assert_near(found["attribution"], wanted["attribution"].transpose(0, 2, 3, 1), 1e-5)
    assert_near(found["bias_relevance"], wanted["bias_relevance"], 1e-5)


# Element types.


@dataclass(frozen=True)
class Started(LrpEpsilon):
    """By epsilon from 64."""

    def start(self, e: Emitter, y: Tensor, ct: Tensor) -> Tensor:
        return e.mul(ct, 64.0)


@each_method
def test_float16(method: str) -> None:
    built = retrograph.build(half_cnn(), method=method)
    onnx.checker.check_model(built, full_check=True)
    found = runner(built)(x=X.astype(np.float16))
    wanted = run(method)(x=X.astype(np.float16).astype(np.float32))
    for name in ("attribution", "bias_relevance"):
        assert found[name].dtype == np.float16
        assert_near(found[name].astype(np.float64), wanted[name], 0.05)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("y = MatMul (x, k)", [[1], [-1 + 2**-10]]),
        ("p = Mul (x, k) y = Add (x, p)", [-1 + 2**-10]),
    ],
    ids=["layer", "sum"],
)
def test_shares_of_a_small_output_are_in_range_in_float16(text: str, weights: list[Any]) -> None:
    """On onnx.reference, which rounds each number: 64 / 2^-13 is beyond float16."""
    model = onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 18]> net (float16[N, 2] x) => (float16[N, m] y)'
        f" {{ {text} }}"
    )
    k = np.array(weights, np.float16)
    model.graph.initializer.append(numpy_helper.from_array(k, "k"))
    built = retrograph.build(model, method=Started(), select="unit", layer="y")
    x = np.array([[0.125, 0.125]], np.float16)
    evaluator = onnx.reference.ReferenceEvaluator(built)
    (found,) = evaluator.run(["attribution"], {"x": x, "select": np.array([[0]])})
    assert np.isfinite(found.astype(np.float64)).all()
    assert found.any()


def test_a_network_of_two_element_types() -> None:
    """Mixed precision: the first layer in float32, the second in float16, between Casts."""
    mixed = net(
        "a = Conv (x, k, b) h = Cast <to = 10> (a) r = Relu (h) c = Conv (r, v, t) "
        "y = Cast <to = 1> (c)",
        weights="float[4, 2, 3, 3] k, float[4] b, float16[3, 4, 2, 2] v, float16[3] t",
    )
    plain = net(
        "a = Conv (x, k, b) r = Relu (a) y = Conv (r, v, t)",
        weights="float[4, 2, 3, 3] k, float[4] b, float[3, 4, 2, 2] v, float[3] t",
    )
    x = noise(2, 2, 7, 6)
    for method, _ in EACH.values():
        wanted = runner(retrograph.build(plain, method=method))(x=x)
        built = retrograph.build(mixed, method=method)
        onnx.checker.check_model(built, full_check=True)
        found = runner(built)(x=x)
        assert_near(found["attribution"], wanted["attribution"], 0.05)
        assert_near(found["bias_relevance"], wanted["bias_relevance"], 0.05)


# Batches that do not lead.


def test_a_target_whose_batch_does_not_lead_is_one_item() -> None:
    model = net("y = MatMul (k, x)", "6, N", "m, N", "float[4, 6] k, float[4, 1] p")
    x = noise(6, 5)
    for method, formula in EACH.values():
        built = retrograph.build(model, method=method, select="unit")
        onnx.checker.check_model(built, full_check=True)
        found = runner(built)(x=x, select=np.array([[2, 3]]))
        k = numpy_helper.to_array(model.graph.initializer[0]).astype(np.float64)
        wanted = np.zeros((6, 5))
        wanted[:, 3] = formula(k[2:3], np.zeros(1), x[:, 3].astype(np.float64), k[2:3] @ x[:, 3])[0]
        assert_near(found["attribution"], wanted)
        assert found["bias_relevance"].shape == (1,)


@pytest.mark.parametrize("rule", EACH)
def test_a_batch_joined_with_places_and_parted_again(rule: str) -> None:
    """As TensorFlow exports a dense layer of rows: [N, L, K] to [N * L, K] and back."""
    text = "f = Reshape (x, rows) c = MatMul (f, k) d = Add (c, b) y = Reshape (d, items)"
    weights = "float[6, 4] k, float[4] b, int64[2] rows = {-1, 6}, int64[3] items = {-1, 3, 4}"
    by.assert_rule(net(text, "N, 3, 6", "N, l, m", weights), EACH[rule], (3, 6))


TURNED = "t = Transpose <perm = [1, 0, 2]> (x) c = MatMul (t, k) d = Add (c, b) "
TURNED += "y = Transpose <perm = [1, 0, 2]> (d)"


@pytest.mark.parametrize("rule", EACH)
def test_a_batch_behind_another_axis_is_known_by_its_name(rule: str) -> None:
    by.assert_rule(
        net(TURNED, "N, 3, 6", "N, l, m", "float[6, 4] k, float[4] b"), EACH[rule], (3, 6)
    )


@pytest.mark.parametrize("rule", EACH)
def test_a_batch_joined_with_places_that_come_first(rule: str) -> None:
    text = "t = Transpose <perm = [1, 0, 2]> (x) f = Reshape (t, rows) c = MatMul (f, k) "
    text += "d = Add (c, b) p = Reshape (d, places) y = Transpose <perm = [1, 0, 2]> (p)"
    weights = "float[6, 4] k, float[4] b, int64[2] rows = {-1, 6}, int64[3] places = {3, -1, 4}"
    by.assert_rule(net(text, "N, 3, 6", "N, l, m", weights), EACH[rule], (3, 6))


def test_a_batch_that_is_lost_track_of() -> None:
    """Its rows fill other rows, and biases cannot be summed for each item: refused, or left out."""
    text = "f = Reshape (x, rows) c = MatMul (k, f) d = Add (c, b) "
    text += "s = Shape <start = 0, end = 1> (x) t = Concat <axis = 0> (s, item) y = Reshape (d, t)"
    weights = "float[6, 6] k, float[6, 1] b, int64[2] rows = {6, -1}, int64[2] item = {3, 6}"
    model = net(text, "N, 3, 6", "N, l, m", weights)
    with pytest.raises(UnsupportedError, match="the items of the batch are not told apart in 'd'"):
        retrograph.build(model, method="lrp-epsilon")
    retrograph.build(model, method=LrpEpsilon(biases="ignore"))


# Parameters.


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        (LrpEpsilon, {"epsilon": 0.0}, "epsilon is 0.0; give a number above 0"),
        (LrpEpsilon, {"epsilon": -1.0}, "epsilon is -1.0; give a number above 0"),
        (LrpEpsilonPlus, {"epsilon": float("nan")}, "epsilon is nan"),
        (LrpGamma, {"gamma": -0.1}, "gamma is -0.1; give a number of 0 or more"),
        (LrpAlphaBeta, {"alpha": 2.0, "beta": 2.0}, "give alpha - beta = 1"),
        (LrpAlphaBeta, {"alpha": 0.0, "beta": -1.0}, "beta is -1.0"),
        (LrpZPlus, {"biases": "drop"}, "biases is 'drop'; give keep or ignore"),
        (LrpEpsilonPlus, {"first": "last"}, "first is 'last'; give flat or w2"),
        (LrpEpsilonGammaBox, {"low": 1.0, "high": 1.0}, "give low < high"),
        (LrpEpsilonGammaBox, {"low": np.inf}, "low is inf"),
    ],
)
def test_wrong_parameters(method: type[Method], given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        method(**given)


def test_parameters_from_text() -> None:
    method = configured(
        METHODS["lrp-epsilon-gamma-box"], {"low": "-1", "high": "2", "gamma": "0.5"}
    )
    assert method == LrpEpsilonGammaBox(gamma=0.5, low=-1.0, high=2.0)
    method = configured(METHODS["lrp-alpha-beta"], {"alpha": "3", "beta": "2"})
    assert method == LrpAlphaBeta(3.0, 2.0)
