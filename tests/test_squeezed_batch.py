"""Scores that have lost their batch axis are those of one item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser

from graphs import Array, runner
from retrograph import Explainer

WEIGHTS = {
    "w": (4, 3, 3, 3),
    "g": (5, 4, 1, 1),
    "one": (1, 4, 1, 1),
    "f": (4, 1),
}
INTS = {"i0": 0, "a0": [0], "a01": [0, 1], "a023": [0, 2, 3], "s5": [5], "s66": [6, 6], "none": []}

SCORES = "h = Conv(r, g) p = GlobalAveragePool(h)"
DEPTH = "p = Conv(r, one)"
SINGLE = "q = ReduceMean<keepdims = 0>(r, a23) p = MatMul(q, f)"

CASES = {
    "scores, all": (SCORES, "y = Squeeze(p)", (5,)),
    "scores, named": (SCORES, "y = Squeeze(p, a023)", (5,)),
    "scores, the batch": (SCORES, "y = Squeeze(p, a0)", (5, 1, 1)),
    "scores, reshaped": (SCORES, "y = Reshape(p, s5)", (5,)),
    "scores, taken": (SCORES, "t = Gather<axis = 0>(p, i0) y = Squeeze(t)", (5,)),
    "scores, activated": (SCORES, "t = Squeeze(p) y = Tanh(t)", (5,)),
    "scores, turned": (SCORES, "t = Flatten(p) y = Transpose<perm = [1, 0]>(t)", (5, 1)),
    "map, all": (DEPTH, "y = Squeeze(p)", (6, 6)),
    "map, named": (DEPTH, "y = Squeeze(p, a01)", (6, 6)),
    "map, reshaped": (DEPTH, "y = Reshape(p, s66)", (6, 6)),
    "number, all": (SINGLE, "y = Squeeze(p)", ()),
    "number, named": (SINGLE, "y = Squeeze(p, a01)", ()),
    "number, reshaped": (SINGLE, "y = Reshape(p, none)", ()),
    "number, taken": (SINGLE, "t = Gather(p, i0) y = Gather(t, i0)", ()),
    "number, mean": (SINGLE, "y = ReduceMean<keepdims = 0>(p)", ()),
    "number, activated": (SINGLE, "t = Squeeze(p) y = Tanh(t)", ()),
    "number, vector": (SINGLE, "y = Squeeze(p, a0)", (1,)),
}
every_case = pytest.mark.parametrize(("body", "tail", "shape"), CASES.values(), ids=CASES)


def net(body: str, tail: str, shape: tuple[int, ...], output: str = "y") -> ModelProto:
    """A net of a picture [1, 3, 8, 8] that ends in `tail`."""
    text = (
        '<ir_version: 8, opset_import: ["": 18]> net (float[1,3,8,8] x) => (float[1] z) '
        f"{{ c = Conv(x, w) r = Relu(c) {body} {tail} }}"
    )
    model = parser.parse_model(text)
    rank = None if output != "y" else shape
    info = helper.make_tensor_value_info(output, TensorProto.FLOAT, rank)
    model.graph.output[0].CopyFrom(info)
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {k: rng.standard_normal(s).astype("f") for k, s in WEIGHTS.items()}
    values |= {k: np.array(v, np.int64) for k, v in {**INTS, "a23": [2, 3]}.items()}
    read = {name for node in model.graph.node for name in node.input}
    kept = [numpy_helper.from_array(v, k) for k, v in values.items() if k in read]
    model.graph.initializer.extend(kept)
    return model


def picture() -> Array:
    return np.random.default_rng(3).standard_normal((1, 3, 8, 8)).astype(np.float32)


def gradient(body: str, tail: str, shape: tuple[int, ...], index: int) -> Array:
    """Of one number of y, by that of the tensor p [1, ...] with a batch axis and Tanh's slope."""
    before = runner(net(body, "", shape, "p"))(picture())["p"]
    after = runner(net(body, tail, shape))(picture())["y"]
    explainer = Explainer(net(body, "", shape, "p"), method="gradient", select="unit")
    unit = np.unravel_index(index, before.shape)[1:]
    slope = 1 - after.reshape(-1)[index] ** 2 if "Tanh" in tail else 1.0
    return explainer.attribute(picture(), unit).attribution * slope


@every_case
def test_the_whole_is_one_item(body: str, tail: str, shape: tuple[int, ...]) -> None:
    x, model = picture(), net(body, tail, shape)
    y = runner(model)(x)["y"]
    assert y.shape == shape
    found = Explainer(model, method="gradient", select="top").attribute(x)
    top = int(y.argmax())
    np.testing.assert_array_equal(found.unit, [np.unravel_index(top, shape or (1,))])
    np.testing.assert_allclose(found.score, [y.reshape(-1)[top]], rtol=1e-5)
    wanted = gradient(body, tail, shape, top)
    np.testing.assert_allclose(found.attribution, wanted, atol=1e-6)
    np.testing.assert_array_equal(found.outputs["y"], y)


@every_case
def test_every_choice_of_a_unit(body: str, tail: str, shape: tuple[int, ...]) -> None:
    x, model, item = picture(), net(body, tail, shape), shape or (1,)
    y = runner(model)(x)["y"]
    last = y.size - 1
    unit = np.unravel_index(last, item)
    by_unit = Explainer(model, method="gradient", select="unit")
    assert by_unit.contract.shape == item
    found = by_unit.attribute(x, unit)
    wanted = gradient(body, tail, shape, last)
    np.testing.assert_allclose(found.attribution, wanted, atol=1e-6)
    weights = np.zeros(shape, np.float32)
    weights[unit if shape else ()] = 1
    weighted = Explainer(model, method="gradient", select="cotangent").attribute(x, weights)
    np.testing.assert_allclose(weighted.attribution, wanted, atol=1e-6)
    np.testing.assert_array_equal(weighted.unit, [unit])
    channel = Explainer(model, method="gradient", select="channel").attribute(x, [unit[0]])
    best = int(y.reshape(item[0], -1)[unit[0]].argmax())
    place = int(np.ravel_multi_index(unit[:1], item[:1])) * (y.size // item[0]) + best
    np.testing.assert_allclose(channel.attribution, gradient(body, tail, shape, place), atol=1e-6)


MANY = ("scores, all", "scores, named", "scores, the batch", "scores, reshaped", "map, all")
MANY += ("map, named", "map, reshaped", "number, all", "number, named", "number, reshaped")


@pytest.mark.parametrize("name", MANY)
def test_many_units_where_only_the_shape_has_lost_the_batch(name: str) -> None:
    body, tail, shape = CASES[name]
    x, model = picture(), net(body, tail, shape)
    together = Explainer(model, method="guided", select="top", many=True)
    count = max(1, int(np.prod(shape)) // 2)
    found = together.attribute(x, count)
    alone = Explainer(model, method="guided", select="unit")
    assert found.attribution.shape == (1, count, *x.shape[1:])
    for k in range(count):
        one = alone.attribute(x, found.unit[0, k])
        np.testing.assert_allclose(found.attribution[:, k], one.attribution, atol=1e-6)
        np.testing.assert_allclose(found.score[:, k], one.score, rtol=1e-5)
