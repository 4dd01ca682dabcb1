"""What is taken along axes in front of the batch: the same numbers, and many units in one run."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper, parser

import retrograph
from retrograph.errors import UnsupportedError
from retrograph.ir.passes.canonicalize import canonicalize
from support.graphs import runner

CONSTANTS = {
    "zero": np.array(0),
    "last": np.array(-1),
    "first": np.array([0]),
    "second": np.array([1]),
    "three": np.array([0, 3, 2, 3]),
    "grid": np.array([[2, 0], [3, 3]]),
    "parts": np.array([1, 3]),
    "pairs": np.array([[[0, 1], [-1, -2], [3, 2]], [[1, 0], [0, 1], [2, 2]]]),
    "ones": np.array([[1], [-1], [1]]),
    "threes": np.array([[0, 1, 2], [3, -1, 4], [1, 0, 0]]),
    "outside": np.array([[0, 1], [4, 0]]),
}
FRONT = "t = Transpose<perm=[2,0,3,1]>(x)"


def built(body: str, sizes: str = "N,2,4,3") -> ModelProto:
    """The model of a body from x to y, which has a row for each item, behind a sine."""
    text = (
        f'<ir_version: 10, opset_import: ["": 18]> model (float[{sizes}] image) => (float[] scores)'
        f"{{ x = Sin(image) {body} f = Flatten(y) scores = Sin(f) }}"
    )
    found = parser.parse_model(text)
    constants = (numpy_helper.from_array(v, k) for k, v in CONSTANTS.items())
    found.graph.initializer.extend(constants)
    return found


@pytest.mark.parametrize(
    "body",
    [
        f"{FRONT} y = Gather(t, last)",
        f"{FRONT} g = Gather(t, three) y = Transpose<perm=[1,0,2,3]>(g)",
        f"{FRONT} g = Gather<axis=-4>(t, grid) y = Transpose<perm=[2,0,1,3,4]>(g)",
        f"{FRONT} i, j = Split<num_outputs=2>(t) a = Transpose<perm=[1,2,0,3]>(i) "
        "b = Transpose<perm=[1,2,0,3]>(j) y = Mul(a, b)",
        f"{FRONT} i, j = Split<axis=-4>(t, parts) k = Squeeze(i, first) m = Gather(j, zero) "
        "y = Mul(k, m)",
        f"{FRONT} y = ReduceMean<keepdims=0>(t, first)",
        f"{FRONT} r = ReduceSum(t, first) y = Squeeze(r, first)",
        "t = Transpose<perm=[3,1,0,2]>(x) u = Transpose<perm=[1,0,2,3]>(t) g = Gather(u, zero) "
        "h = Gather(g, last) y = Exp(h)",
        "e = Exp(x) a = Unsqueeze(x, first) b = Unsqueeze(e, first) s = Concat<axis=0>(a, b) "
        "y = ReduceMax<keepdims=0>(s, first)",
        "t = Transpose<perm=[1,0,2,3]>(x) g = GatherND(t, ones) y = Transpose<perm=[1,0,2,3]>(g)",
    ],
)
def test_taken_before_the_transpose(body: str) -> None:
    model = built(body)
    _check(model, (3, 2, 4, 3))


@pytest.mark.parametrize("sizes", ["N,2,4,5", "N,P,4,5", "3,2,4,Q"])
def test_places_in_the_last_axes(sizes: str) -> None:
    body = (
        "t = Transpose<perm=[2,3,0,1]>(x) g = GatherND(t, pairs) y = Transpose<perm=[2,3,0,1]>(g)"
    )
    model = built(body, sizes)
    if "Q" in sizes:
        with pytest.raises(UnsupportedError, match="so many=True is not possible"):
            retrograph.build(model, method="gradient", many=True)
    else:
        _check(model, (3, 2, 4, 5))


@pytest.mark.parametrize(
    "body",
    [
        "t = Transpose<perm=[1,2,0,3]>(x) g = GatherND(t, pairs) y = Transpose<perm=[2,3,0,1]>(g)",
        "t = Transpose<perm=[1,2,3,0]>(x) g = GatherND(t, threes) y = Transpose<perm=[1,0]>(g)",
    ],
)
def test_places_in_the_axes_behind_the_batch(body: str) -> None:
    _check(built(body, "N,4,5,6"), (3, 4, 5, 6))


@pytest.mark.parametrize(
    "body",
    [
        "t = Transpose<perm=[2,1,0,3]>(x) g = GatherND(t, pairs) y = Transpose<perm=[2,3,0,1]>(g)",
        "t = Transpose<perm=[1,2,0,3]>(x) g = GatherND(t, outside) y = Transpose<perm=[1,0,2]>(g)",
    ],
)
def test_places_that_stay_behind_the_transpose(body: str) -> None:
    graph = canonicalize(built(body))
    assert "GatherND" in {node.op_type for node in graph.nodes}


def test_a_tensor_keeps_its_name() -> None:
    model = built(f"{FRONT} g = Gather(t, three) y = Transpose<perm=[1,0,2,3]>(g)")
    x = np.random.default_rng(2).normal(size=(2, 2, 4, 3)).astype(np.float32)
    for name in ("t", "g", "y"):
        assert retrograph.build(model, method="gradient", layer=name)
    found = runner(retrograph.build(model, method="gradient", layer="t"), "all")(x)
    assert found["attribution"].shape == x.shape


def _check(model: ModelProto, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    scores = runner(model, "off")(x)["scores"]
    np.testing.assert_allclose(
        runner(canonicalize(model).to_model(), "off")(x)["scores"], scores, rtol=1e-6
    )
    single = runner(retrograph.build(model, method="gradient", select="channel"), "all")
    many = runner(retrograph.build(model, method="gradient", select="channel", many=True), "all")
    units = np.array([[[0], [1], [scores.shape[1] - 1]]] * len(x))
    found = many(x, select=units)["attribution"]
    for k in range(3):
        alone = single(x, select=units[:, k])["attribution"]
        np.testing.assert_allclose(found[:, k], alone, rtol=1e-5, atol=1e-6)
        assert alone.any()
