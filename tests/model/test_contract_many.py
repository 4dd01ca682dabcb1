"""Many units at once equal single runs, a batch equals its items, and where that is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import ModelProto

import retrograph
from retrograph import Explainer, UnsupportedError
from support.graphs import (
    SMALL_NET,
    Array,
    assert_close,
    built_run,
    golden,
    golden_input,
    noise,
    parse,
    runner,
)

UNITS = 10
ITEMS = 3
FILES = [
    "resnet__ts17.onnx",
    "mobilenetv2__ts9.onnx",
    "densenet__ts13.onnx",
    "inception__ts9.onnx",
    "overlap_pool__dynamo.onnx",
    "cnn1d__ts13.onnx",
    "cnn3d__dynamo.onnx",
    "se_hardswish__min_max.onnx",
    "asym_stride__ts9_lrn.onnx",
    "ceil_pool__ts11.onnx",
]
CASES = [(file, "scores") for file in FILES]
CASES += [(file, "features") for file in ("deconv_unet__ts18.onnx", "resnet__dynamo.onnx")]

every_case = pytest.mark.parametrize(("file", "target"), CASES)


def units(file: str, target: str) -> Array:
    """Random units int64 [N, K, r]."""
    shape = runner(golden(file))(golden_input(file, 1))[target].shape[1:]
    rng = np.random.default_rng(3)
    return np.stack([rng.integers(0, n, (ITEMS, UNITS)) for n in shape], axis=2)


def check_many(file: str, target: str, select: str, single: list[Array], name: str) -> None:
    """A run of K units at once against K runs of one."""
    x = golden_input(file, ITEMS)
    together = built_run(file, layer=target, select=select, many=True)
    alone = built_run(file, layer=target, select=select)
    outputs = together(x, **{name: np.stack(single, axis=1)})
    assert outputs["attribution"].shape == (ITEMS, UNITS, *x.shape[1:])
    for k, choice in enumerate(single):
        expected = alone(x, **{name: choice})
        np.testing.assert_array_equal(outputs["unit"][:, k], expected["unit"])
        assert_close(outputs["score"][:, k], expected["score"], 1e-5)
        assert_close(outputs["attribution"][:, k], expected["attribution"], 1e-5)
    assert_close(outputs[target], expected[target], 1e-6)


@every_case
def test_units(file: str, target: str) -> None:
    chosen = units(file, target)
    check_many(file, target, "unit", [chosen[:, k] for k in range(UNITS)], "select")


@every_case
def test_channels(file: str, target: str) -> None:
    chosen = units(file, target)
    check_many(file, target, "channel", [chosen[:, k, :1] for k in range(UNITS)], "select")


@every_case
def test_cotangents(file: str, target: str) -> None:
    shape = runner(golden(file))(golden_input(file, ITEMS))[target].shape
    weights = [noise(*shape, seed=k) for k in range(UNITS)]
    check_many(file, target, "cotangent", weights, "cotangent")


@every_case
def test_the_most_active(file: str, target: str) -> None:
    x = golden_input(file, ITEMS)
    activations = runner(golden(file))(x)[target]
    flat = activations.reshape(ITEMS, -1)
    count = min(UNITS, flat.shape[1])
    outputs = built_run(file, layer=target, many=True)(x, select=np.array([count]))
    assert outputs["attribution"].shape == (ITEMS, count, *x.shape[1:])
    assert_close(outputs["score"], -np.sort(-flat, axis=1)[:, :count], 1e-5)
    alone = built_run(file, layer=target, select="unit")
    for k in range(count):
        expected = alone(x, select=outputs["unit"][:, k])
        assert_close(outputs["score"][:, k], expected["score"], 1e-5)
        assert_close(outputs["attribution"][:, k], expected["attribution"], 1e-5)


def test_one_unit_of_many_out_of_range() -> None:
    file = FILES[0]
    x, chosen = golden_input(file, ITEMS), units(file, "features")
    run = built_run(file, layer="features", select="unit", many=True)
    expected = run(x, select=chosen)
    wrong = chosen.copy()
    wrong[1, 4, 0] = 1000
    outputs = run(x, select=wrong)
    assert (outputs["unit"][1, 4] == -1).all()
    assert outputs["score"][1, 4] == 0
    assert not outputs["attribution"][1, 4].any()
    for item, k in ((1, 3), (1, 5), (0, 4), (2, 4)):
        assert_close(outputs["attribution"][item, k], expected["attribution"][item, k], 1e-6)


@pytest.mark.parametrize(("file", "target"), CASES[:3])
def test_explainer_takes_one_list_for_all_items(file: str, target: str) -> None:
    x, chosen = golden_input(file, ITEMS), units(file, target)[0]
    explainer = Explainer(golden(file), layer=target, select="unit", many=True, device="cpu")
    found = explainer.attribute(x, unit=chosen)
    expected = built_run(file, layer=target, select="unit", many=True)(
        x, select=np.stack([chosen] * ITEMS)
    )
    assert_close(found.attribution, expected["attribution"], 1e-6)
    np.testing.assert_array_equal(found.unit, expected["unit"])
    assert found.score.shape == (ITEMS, UNITS)


def with_batch_of_one(model: ModelProto) -> ModelProto:
    """The model with its batch fixed, as exporters write it by default."""
    graph = model.graph
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.checker.check_model(model, full_check=True)
    return model


@every_case
def test_many_with_a_fixed_batch_of_one(file: str, target: str) -> None:
    x, chosen = golden_input(file, 1), units(file, target)[:1]
    built = retrograph.build(
        with_batch_of_one(golden(file)), layer=target, select="unit", many=True
    )
    onnx.checker.check_model(built, full_check=True)
    outputs = runner(built)(x, select=chosen)
    expected = built_run(file, layer=target, select="unit", many=True)(x, select=chosen)
    for name in ("attribution", "score", "unit"):
        assert_close(outputs[name], expected[name], 1e-5)


@every_case
def test_a_batch_equals_its_items(file: str, target: str) -> None:
    x = golden_input(file, 4)
    for method in ("gradient", "guided"):
        run = built_run(file, method=method, layer=target)
        together = run(x)
        for item in range(4):
            alone = run(x[item : item + 1])
            for name in ("attribution", "score", "unit", target):
                assert_close(together[name][item : item + 1], alone[name], 1e-5)


MIXED = {
    "Transpose": "rows = Transpose <perm = [1, 0]> (flat)\n"
    "waves = Sin (rows)\nmixed = Transpose <perm = [1, 0]> (waves)",
    "Reshape": "shape = Constant <value_ints = [-1]> ()\nline = Reshape (flat, shape)\n"
    "back = Constant <value_ints = [-1, 4]> ()\nmixed = Reshape (line, back)",
    "ReduceMean": "all = ReduceMean <axes = [0], keepdims = 1> (flat)\nmixed = Sub (flat, all)",
    "Concat": "twice = Concat <axis = 0> (flat, flat)\n"
    "parts = Constant <value_ints = [2, -1, 4]> ()\nhalves = Reshape (twice, parts)\n"
    "axis = Constant <value_ints = [0]> ()\nmixed = ReduceSum <keepdims = 0> (halves, axis)",
}


def mixed(op: str) -> ModelProto:
    """The small net with something between its pooling and its scores that moves the batch axis."""
    text = SMALL_NET.replace("scores = Gemm", f"{MIXED[op]}\nscores = Gemm")
    return parse(text.replace("(flat, w2)", "(mixed, w2)"))


@pytest.mark.parametrize("op", MIXED)
def test_a_batch_axis_that_does_not_lead_is_refused(op: str) -> None:
    model = mixed(op)
    with pytest.raises(UnsupportedError, match=r"batch axis of '.*' is not in front.*many=True"):
        retrograph.build(model, select="unit", many=True)
    retrograph.build(model, select="unit")
    # Below the layer that mixes, many units are possible.
    retrograph.build(model, layer="relu1", select="unit", many=True)


@pytest.mark.parametrize("op", MIXED)
def test_one_unit_is_right_where_many_are_refused(op: str) -> None:
    model, x = mixed(op), noise(1, 2, 6, 6)
    outputs = runner(retrograph.build(model, method="gradient", layer="scores"))(x)
    weighted = retrograph.build(model, method="gradient", layer="scores", select="cotangent")
    seed = (np.arange(3) == outputs["unit"][..., -1:]).astype(np.float32)
    expected = runner(weighted)(x, cotangent=seed.reshape(outputs["scores"].shape))
    assert_close(outputs["attribution"], expected["attribution"], 1e-6)
    assert outputs["score"][0] == outputs["scores"].max()


def test_shapes_of_many() -> None:
    built = retrograph.build(parse(SMALL_NET), layer="relu1", select="unit", many=True)
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*built.graph.input, *built.graph.output)
    }
    assert shapes == {
        "image": ["N", 2, 6, 6],
        "select": ["N", "K", 3],
        "scores": ["N", 3],
        "attribution": ["N", "K", 2, 6, 6],
        "score": ["N", "K"],
        "unit": ["N", "K", 3],
    }
