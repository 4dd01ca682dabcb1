"""Methods against the attributions of iNNvestigate (tools/goldens/make_innvestigate_goldens.py)."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import retrograph as rg
from support.graphs import Array
from support.paths import GOLDENS

UNIT = 3
M = rg.methods
EQUAL = {
    "gradient": "gradient",
    "input_t_gradient": "input-x-gradient",
    "integrated_gradients": M.IntegratedGradients(steps=16, scheme="left"),
    "lrp.epsilon": M.LrpEpsilon(epsilon=1e-3),
    "lrp.z_plus": M.LrpZPlus(biases="ignore"),
}
WITHOUT_BIASES = {
    "lrp.alpha_1_beta_0": M.LrpAlphaBeta(alpha=1, beta=0),
    "lrp.alpha_2_beta_1": M.LrpAlphaBeta(alpha=2, beta=1),
    "lrp.sequential_preset_a": M.LrpEpsilonPlus(epsilon=0.1),
    "lrp.sequential_preset_b": M.LrpEpsilonAlpha2Beta1(epsilon=0.1),
}


@pytest.fixture(scope="module")
def golden() -> dict[str, Array]:
    with np.load(GOLDENS / "innvestigate" / "network.npz") as file:
        return dict(file)


def network(golden: dict[str, Array], *, biases: bool) -> onnx.ModelProto:
    """The network of Keras, channels last, as tf2onnx writes it."""
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 13]>
        keras (float[N,16,16,3] image) => (float[N,10] scores) <int64[2] shape = {-1, 150}>
        {
            t = Transpose<perm=[0,3,1,2]>(image)
            c1 = Conv(t, weight0, weight1)
            r1 = Relu(c1)
            p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r1)
            c2 = Conv(p, weight2, weight3)
            r2 = Relu(c2)
            l = Transpose<perm=[0,2,3,1]>(r2)
            f = Reshape(l, shape)
            m = MatMul(f, weight4)
            scores = Add(m, weight5)
        }""")
    for number in range(6):
        weight = golden[f"weight{number}"]
        weight = weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight
        weight = weight if biases or weight.ndim > 1 else np.zeros_like(weight)
        tensor = numpy_helper.from_array(np.ascontiguousarray(weight), f"weight{number}")
        model.graph.initializer.append(tensor)
    return model


def explained(
    golden: dict[str, Array], method: str | rg.methods.Method, *, biases: bool
) -> rg.Attribution:
    explainer = rg.Explainer(network(golden, biases=biases), method=method, select="unit")
    return explainer.attribute(golden["x"], unit=(UNIT,))


def assert_near(ours: Array, theirs: Array) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * np.abs(theirs).max())


def test_the_network_is_the_same(golden: dict[str, Array]) -> None:
    scores = explained(golden, "gradient", biases=True).outputs["scores"]
    np.testing.assert_allclose(scores, golden["scores"], atol=1e-5)


@pytest.mark.parametrize("analyzer", EQUAL)
def test_equal_ones(golden: dict[str, Array], analyzer: str) -> None:
    ours = explained(golden, EQUAL[analyzer], biases=True).attribution
    assert_near(ours, golden[analyzer])


@pytest.mark.parametrize("analyzer", WITHOUT_BIASES)
def test_equal_without_biases(golden: dict[str, Array], analyzer: str) -> None:
    ours = explained(golden, WITHOUT_BIASES[analyzer], biases=False).attribution
    assert_near(ours, golden[f"plain/{analyzer}"])


@pytest.mark.parametrize(
    ("analyzer", "method"), [("guided_backprop", "guided"), ("deconvnet", "deconvnet")]
)
def test_theirs_starts_from_the_units_value(
    golden: dict[str, Array], analyzer: str, method: str
) -> None:
    start = np.zeros_like(golden["scores"])
    start[0, UNIT] = golden["scores"][0, UNIT]
    explainer = rg.Explainer(network(golden, biases=True), method=method, select="cotangent")
    assert_near(explainer.attribute(golden["x"], unit=start).attribution, golden[analyzer])


@pytest.mark.parametrize("prefix", ["", "plain/"])
def test_deep_taylor_is_z_plus_of_a_positive_score(golden: dict[str, Array], prefix: str) -> None:
    a = explained(golden, M.LrpZPlus(biases="ignore"), biases=not prefix)
    theirs = golden[f"{prefix}deep_taylor"]
    if a.score[0] > 0:
        assert_near(a.attribution, theirs)
    else:
        assert not theirs.any()
