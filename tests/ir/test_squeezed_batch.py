"""Scores that have lost their batch axis are those of one item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper, parser

from retrograph import Explainer, InputError, UnsupportedError
from support.graphs import Array, runner

WEIGHTS = {
    "w": (4, 3, 3, 3),
    "g": (5, 4, 1, 1),
    "one": (1, 4, 1, 1),
    "f": (4, 1),
    "m": (5, 5),
    "v": (5,),
    "s": (),
}
INTS: dict[str, Any] = {"i0": 0, "none": [], "s5": [5], "s66": [6, 6], "line": [-1], "r5": [-1, 5]}
INTS |= {"a0": [0], "a01": [0, 1], "a23": [2, 3], "a023": [0, 2, 3]}

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


def net(
    body: str,
    tail: str,
    shape: tuple[int, ...] | None,
    output: str = "y",
    picture: str = "1,3,8,8",
) -> ModelProto:
    """A net of a picture that ends in `tail`."""
    text = (
        f'<ir_version: 8, opset_import: ["": 18]> net (float[{picture}] x) => (float[1] z) '
        f"{{ c = Conv(x, w) r = Relu(c) {body} {tail} }}"
    )
    model = parser.parse_model(text)
    rank = None if output != "y" else shape
    info = helper.make_tensor_value_info(output, TensorProto.FLOAT, rank)
    model.graph.output[0].CopyFrom(info)
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {k: rng.standard_normal(s).astype("f") for k, s in WEIGHTS.items()}
    values |= {k: np.array(v, np.int64) for k, v in INTS.items()}
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
    found = Explainer(model, method="gradient", layer="y", select="top").attribute(x)
    top = int(y.argmax())
    np.testing.assert_array_equal(found.unit, [np.unravel_index(top, shape or (1,))])
    np.testing.assert_allclose(found.score, [y.reshape(-1)[top]], rtol=1e-5)
    wanted = gradient(body, tail, shape, top)
    np.testing.assert_allclose(found.attribution, wanted, atol=1e-6)
    np.testing.assert_array_equal(found.outputs["y"], y)


@pytest.mark.one_in(2)
@every_case
def test_every_choice_of_a_unit(body: str, tail: str, shape: tuple[int, ...]) -> None:
    x, model, item = picture(), net(body, tail, shape), shape or (1,)
    y = runner(model)(x)["y"]
    last = y.size - 1
    unit = np.unravel_index(last, item)
    by_unit = Explainer(model, method="gradient", layer="y", select="unit")
    assert by_unit.contract.shape == item
    found = by_unit.attribute(x, unit)
    wanted = gradient(body, tail, shape, last)
    np.testing.assert_allclose(found.attribution, wanted, atol=1e-6)
    weights = np.zeros(shape, np.float32)
    weights[unit if shape else ()] = 1
    weighted = Explainer(model, method="gradient", layer="y", select="cotangent").attribute(
        x, weights
    )
    np.testing.assert_allclose(weighted.attribution, wanted, atol=1e-6)
    np.testing.assert_array_equal(weighted.unit, [unit])
    channel = Explainer(model, method="gradient", layer="y", select="channel").attribute(
        x, [unit[0]]
    )
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


OPEN = {
    "scores": (SCORES, "y = Squeeze(p)"),
    "scores, arithmetic": (SCORES, "t = Squeeze(p) u = Mul(t, s) y = Add(u, v)"),
    "scores, in rows": (SCORES, "t = Squeeze(p) e = Softmax<axis = -1>(t) y = MatMul(e, m)"),
    "scores, to numbers": (SCORES, "t = Squeeze(p) e = Reshape(t, r5) y = MatMul(e, m)"),
    "scores, in line": (SCORES, "y = Reshape(p, line)"),
    "scores, in line, arithmetic": (SCORES, "t = Reshape(p, line) y = Mul(t, s)"),
    "scores, two of them": (SCORES, "t = Squeeze(p) e = Tanh(t) y = Concat<axis = -1>(e, t)"),
    "map": (DEPTH, "y = Squeeze(p)"),
    "map, arithmetic": (DEPTH, "t = Squeeze(p) y = Mul(t, s)"),
    "map, means": (DEPTH, "t = Squeeze(p) u = Exp(t) y = ReduceMean<keepdims = 0>(u, line)"),
    "number": (SINGLE, "y = Squeeze(p)"),
    "number, arithmetic": (SINGLE, "t = Squeeze(p) u = Mul(t, s) y = Add(u, s)"),
    "number, in line": (SINGLE, "t = Reshape(p, line) y = Mul(t, s)"),
}
RUNS = [("gradient", "N,3,H,W"), ("guided", "N,3,8,8"), ("integrated-gradients", "N,3,8,8")]
RUNS += [("lrp-epsilon", "N,3,H,W")]
every_open = pytest.mark.parametrize(("body", "tail"), OPEN.values(), ids=OPEN)


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("method", "size"), RUNS)
@every_open
def test_an_open_batch_of_one_equals_a_fixed_one(
    body: str, tail: str, method: str, size: str
) -> None:
    if "Softmax" in tail and method.startswith("lrp"):
        pytest.skip("no rule of relevance conserves it")
    x = np.random.default_rng(5).standard_normal((3, 3, 8, 8)).astype(np.float32)
    free = Explainer(net(body, tail, None, picture=size), method=method, select="top")
    fixed = Explainer(net(body, tail, None), method=method, select="top")
    together = free.attribute(x)
    assert together.score.shape == (3,)
    for i in range(3):
        one, wanted = free.attribute(x[i : i + 1]), fixed.attribute(x[i : i + 1])
        np.testing.assert_array_equal(one.outputs["y"], wanted.outputs["y"])
        np.testing.assert_array_equal(
            one.unit.reshape(-1), wanted.unit.reshape(-1)[-one.unit.size :]
        )
        np.testing.assert_allclose(one.score, wanted.score, rtol=1e-5)
        np.testing.assert_allclose(one.attribution, wanted.attribution, atol=1e-5)
        np.testing.assert_array_equal(together.unit[i], one.unit[0])
        np.testing.assert_allclose(together.attribution[i], one.attribution[0], atol=1e-5)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("items", [1, 2])
@every_open
def test_every_choice_where_the_batch_is_open(body: str, tail: str, items: int) -> None:
    x = np.random.default_rng(5).standard_normal((items, 3, 8, 8)).astype(np.float32)
    model = net(body, tail, None, picture="N,3,8,8")
    top = Explainer(model, method="gradient", select="top").attribute(x)
    unit = Explainer(model, method="gradient", select="unit").attribute(x, top.unit)
    channel = Explainer(model, method="gradient", select="channel").attribute(x, top.unit[:, :1])
    for found in (unit, channel):
        np.testing.assert_array_equal(found.unit, top.unit)
        np.testing.assert_allclose(found.attribution, top.attribution, atol=1e-6)
    weighted = Explainer(model, method="gradient", select="cotangent")
    weights = np.zeros((items, *(size or 0 for size in weighted.contract.shape)), np.float32)
    weights[(np.arange(items), *top.unit.T)] = 1
    in_line = body == SINGLE or "Reshape(p, line)" in tail
    found = weighted.attribute(x, weights.reshape(-1) if in_line else weights)
    np.testing.assert_array_equal(found.unit, top.unit)
    np.testing.assert_allclose(found.attribution, top.attribution, atol=1e-6)


@pytest.mark.parametrize(
    ("tail", "node"),
    [
        ("t = Squeeze(p) u = Softmax<axis = 0>(t) y = MatMul(u, m)", "Softmax"),
        ("t = Squeeze(p) u = Exp(t) y = ReduceSum<keepdims = 0>(u, a0)", "ReduceSum"),
        ("t = Squeeze(p) y = Gather<axis = 0>(t, a0)", "Gather"),
    ],
)
def test_an_axis_that_is_another_in_a_batch_of_one_is_refused(tail: str, node: str) -> None:
    """Alone, the axis of Softmax is that of the classes; in a batch it is the batch."""
    model = net(SCORES, tail, None, picture="N,3,8,8")
    with pytest.raises(UnsupportedError, match=rf"{node} .*its axis 0 is another of '[tu]'"):
        Explainer(model, method="gradient")


def test_a_rank_that_nobody_knows_is_laid_to_its_node() -> None:
    model = net(SCORES, "n = NonZero(p) s0 = Shape(n) y = Reshape(p, s0)", None, picture="N,3,8,8")
    model.graph.node[-1].input[1] = "sizes"
    model.graph.input.append(helper.make_tensor_value_info("sizes", TensorProto.INT64, ["R"]))
    with pytest.raises(InputError, match=r"rank of target 'y' is not known: .* \(Reshape\)"):
        Explainer(model, method="gradient")


@pytest.mark.parametrize("declared", [[5], ["N"], ["N", 5], []], ids=str)
@pytest.mark.parametrize("tail", ["y = Squeeze(p)", "t = Squeeze(p) y = Identity(t)"])
@pytest.mark.parametrize("items", [1, 2])
def test_axes_that_an_exporter_wrote_down_are_a_guess(
    declared: list[Any], tail: str, items: int
) -> None:
    plain = net(SCORES, tail, None, picture="N,3,8,8")
    model = net(SCORES, tail, None, picture="N,3,8,8")
    info = helper.make_tensor_value_info("y", TensorProto.FLOAT, declared)
    model.graph.output[0].CopyFrom(info)
    x = np.concatenate([picture(), 0.5 * picture()])[:items]
    found = Explainer(model, method="gradient").attribute(x)
    closed = Explainer(net(SCORES, tail, (5,)), method="gradient")
    for row in range(items):
        alone = closed.attribute(x[row : row + 1])
        assert found.unit[row].tolist() == alone.unit[0].tolist()
        np.testing.assert_allclose(found.attribution[row], alone.attribution[0], atol=1e-6)
    same = Explainer(plain, method="gradient").attribute(x)
    np.testing.assert_array_equal(found.attribution, same.attribution)
