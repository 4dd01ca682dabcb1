"""What a built graph promises: units chosen at run time, inputs and outputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, ValueInfoProto, helper

import retrograph
from retrograph import Explainer, InputError
from support.graphs import (
    FILES,
    SMALL_NET,
    TWO_INPUTS,
    Array,
    assert_close,
    built_run,
    golden,
    golden_input,
    noise,
    parse,
    runner,
)

ARCHITECTURES = ["resnet__ts17.onnx", "mobilenetv2__dynamo.onnx", "cnn1d__ts13.onnx"]
TARGETS = ["scores", "features"]

each_architecture = pytest.mark.parametrize("file", ARCHITECTURES)
each_target = pytest.mark.parametrize("target", TARGETS)


def one_hot(target: Array, unit: Array) -> Array:
    """1 at each item's unit (an index without the batch axis), 0 elsewhere."""
    found = np.zeros_like(target)
    for item, index in enumerate(unit):
        found[(item, *index)] = 1
    return found


def some_units(target: Array, seed: int) -> Array:
    """A random unit of each item."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, n, len(target)) for n in target.shape[1:]], axis=1)


def shape_of(value: ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def element_of(value: ValueInfoProto) -> int:
    return int(value.type.tensor_type.elem_type)


# Which unit.


@each_target
@each_architecture
def test_units_differ_by_select_alone(file: str, target: str) -> None:
    x = golden_input(file, 3)
    chosen = built_run(file, layer=target, select="unit")
    weighted = built_run(file, layer=target, select="cotangent")
    activations = runner(golden(file))(x)[target]
    found = []
    for seed in (1, 2):
        unit = some_units(activations, seed)
        outputs = chosen(x, select=unit)
        np.testing.assert_array_equal(outputs["unit"], unit)
        assert_close(outputs["score"], activations[(np.arange(3), *unit.T)], 1e-5)
        expected = weighted(x, cotangent=one_hot(activations, unit))
        assert_close(outputs["attribution"], expected["attribution"], 1e-5)
        found.append(outputs["attribution"])
    assert np.abs(found[0] - found[1]).max() > 1e-3 * np.abs(found[0]).max()


@each_target
@each_architecture
def test_channels_differ_by_select_alone(file: str, target: str) -> None:
    x = golden_input(file, 3)
    chosen = built_run(file, layer=target, select="channel")
    weighted = built_run(file, layer=target, select="cotangent")
    activations = runner(golden(file))(x)[target]
    found = []
    for channels in (np.array([0, 1, 2]), np.array([2, 3, 0])):
        planes = activations[np.arange(3), channels]
        best = [np.unravel_index(plane.argmax(), plane.shape) for plane in planes]
        unit = np.array([(c, *place) for c, place in zip(channels, best, strict=True)])
        outputs = chosen(x, select=channels[:, None])
        np.testing.assert_array_equal(outputs["unit"], unit)
        assert_close(outputs["score"], planes.reshape(3, -1).max(1), 1e-5)
        expected = weighted(x, cotangent=one_hot(activations, unit))
        assert_close(outputs["attribution"], expected["attribution"], 1e-5)
        found.append(outputs["attribution"])
    assert np.abs(found[0] - found[1]).max() > 1e-3 * np.abs(found[0]).max()


@each_target
@each_architecture
def test_top_is_the_unit_at_the_maximum(file: str, target: str) -> None:
    x = golden_input(file, 3)
    activations = runner(golden(file))(x)[target]
    flat = activations.reshape(3, -1)
    unit = np.stack(np.unravel_index(flat.argmax(1), activations.shape[1:]), axis=1)
    top = built_run(file, layer=target, select="top")(x)
    np.testing.assert_array_equal(top["unit"], unit)
    assert_close(top["score"], flat.max(1), 1e-5)
    expected = built_run(file, layer=target, select="unit")(x, select=unit)
    assert_close(top["attribution"], expected["attribution"], 1e-5)


def test_cotangent_is_linear_and_reports_its_largest_weight() -> None:
    file = ARCHITECTURES[0]
    x = golden_input(file, 2)
    run = built_run(file, method="gradient", layer="features", select="cotangent")
    activations = runner(golden(file))(x)["features"]
    a, b = (noise(*activations.shape, seed=s) for s in (1, 2))
    maps = [run(x, cotangent=c)["attribution"] for c in (a, b, 2 * a - b)]
    assert_close(maps[2], 2 * maps[0] - maps[1], 1e-5)
    outputs = run(x, cotangent=a)
    assert_close(outputs["score"], (a * activations).reshape(2, -1).sum(1), 1e-4)
    largest = np.abs(a).reshape(2, -1).argmax(1)
    np.testing.assert_array_equal(
        outputs["unit"], np.stack(np.unravel_index(largest, a.shape[1:]), axis=1)
    )


def test_a_channel_counts_where_the_layout_has_channels() -> None:
    """NHWC: the last axis of an item counts channels, whether or not a ReLU stands behind."""
    text = SMALL_NET.replace("net (float[N, 2, 6, 6] image)", "net (float[N, 6, 6, 2] picture)")
    text = text.replace("{", "{\n image = Transpose <perm = [0, 3, 1, 2]> (picture)", 1)
    text = text.replace(
        "relu = Relu (conv)",
        """
        turned = Transpose <perm = [0, 2, 3, 1]> (conv)
        map = Relu (turned)
        relu = Transpose <perm = [0, 3, 1, 2]> (map)""",
    )
    model = parse(text)
    x, channels = noise(2, 6, 6, 2), np.array([[3], [1]])
    outputs = runner(retrograph.build(model, layer="map", select="channel"))(x, select=channels)
    model.graph.output.append(helper.make_tensor_value_info("map", 1, ["N", 6, 6, 4]))
    planes = runner(model)(x)["map"][[0, 1], :, :, [3, 1]]
    best = np.stack(np.unravel_index(planes.reshape(2, -1).argmax(1), (6, 6)), axis=1)
    np.testing.assert_array_equal(outputs["unit"], np.hstack([best, channels]))
    assert_close(outputs["score"], planes.reshape(2, -1).max(1), 1e-5)


@pytest.mark.parametrize("excess", [-1, 0, 10_000])
@pytest.mark.parametrize(("kind", "axis"), [("channel", 0), ("unit", 0), ("unit", 1), ("unit", 2)])
def test_out_of_range_explains_nothing(kind: str, axis: int, excess: int) -> None:
    file = ARCHITECTURES[0]
    x = golden_input(file, 3)
    sizes = runner(golden(file))(x)["features"].shape[1:]
    run = built_run(file, layer="features", select=kind)
    good = np.ones((3, 3 if kind == "unit" else 1), np.int64)
    bad = good.copy()
    bad[1, axis] = -1 if excess < 0 else sizes[axis] + excess
    expected, outputs = run(x, select=good), run(x, select=bad)
    np.testing.assert_array_equal(outputs["unit"][1], [-1, -1, -1])
    assert outputs["score"][1] == 0
    assert not outputs["attribution"][1].any()
    for item in (0, 2):
        np.testing.assert_array_equal(outputs["unit"][item], expected["unit"][item])
        assert_close(outputs["attribution"][item], expected["attribution"][item], 1e-5)
    assert expected["attribution"][1].any()


@pytest.mark.parametrize("kind", ["unit", "channel"])
def test_explainer_refuses_what_is_out_of_range(kind: str) -> None:
    file = ARCHITECTURES[0]
    explainer = Explainer(golden(file), layer="scores", select=kind, device="cpu", threads=1)
    (classes,) = explainer.contract.shape
    assert classes is not None
    for wrong in (-1, classes, [classes], [[0], [classes]], np.array([[classes + 7], [1]])):
        with pytest.raises(InputError, match=rf"out of range.*\[{classes}\]"):
            explainer.attribute(golden_input(file, 2), unit=wrong)
    found = explainer.attribute(golden_input(file, 2), unit=[[0], [classes - 1]])
    assert found.unit.tolist() == [[0], [classes - 1]]


# Inputs and outputs.


@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", ["top", "channel", "unit", "cotangent"])
@pytest.mark.parametrize("file", FILES)
def test_inputs_and_outputs(file: str, kind: str) -> None:
    source = golden(file)
    built = retrograph.build(source, layer="features", select=kind)
    onnx.checker.check_model(built, full_check=True)
    weights = {t.name for t in source.graph.initializer}
    own_inputs = [v for v in source.graph.input if v.name not in weights]
    assert list(built.graph.input)[: len(own_inputs)] == own_inputs
    more = list(built.graph.input)[len(own_inputs) :]
    own_outputs = list(source.graph.output)
    assert list(built.graph.output)[: len(own_outputs)] == own_outputs
    x = own_inputs[0]
    target = next(v for v in own_outputs if v.name == "features")
    batch, *item = shape_of(target)
    assert batch == shape_of(x)[0]
    assert isinstance(batch, str)
    expected = {
        "top": [],
        "channel": [("select", TensorProto.INT64, [batch, 1])],
        "unit": [("select", TensorProto.INT64, [batch, len(item)])],
        "cotangent": [("cotangent", TensorProto.FLOAT, [batch, *item])],
    }
    assert [(v.name, element_of(v), shape_of(v)) for v in more] == expected[kind]
    added = list(built.graph.output)[len(own_outputs) :]
    assert [(v.name, element_of(v), shape_of(v)) for v in added] == [
        ("attribution", TensorProto.FLOAT, shape_of(x)),
        ("score", TensorProto.FLOAT, [batch]),
        ("unit", TensorProto.INT64, [batch, len(item)]),
    ]


@pytest.mark.parametrize(
    ("wrt", "names"),
    [
        (None, {"attribution.a": "a", "attribution.b": "b"}),
        ("a", {"attribution": "a"}),
        (["b"], {"attribution": "b"}),
        (["b", "a"], {"attribution.b": "b", "attribution.a": "a"}),
    ],
)
def test_several_inputs(wrt: str | list[str] | None, names: dict[str, str]) -> None:
    model = parse(TWO_INPUTS)
    feeds = {"a": noise(2, 3), "b": noise(2, 4), "count": np.ones((2, 3), np.int64)}
    built = retrograph.build(model, method="gradient", wrt=wrt, select="unit")
    assert [v.name for v in built.graph.input] == ["a", "b", "count", "select"]
    assert [v.name for v in built.graph.output] == ["scores", *names, "score", "unit"]
    select = np.array([[1], [0]])
    outputs = runner(built)(**feeds, select=select)
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    alive = outputs["scores"][[0, 1], [1, 0]] > 0
    for output, name in names.items():
        expected = weights[f"w{name}"][:, [1, 0]].T * alive[:, None]
        assert_close(outputs[output], expected, 1e-6)
    found = Explainer(model, method="gradient", wrt=wrt, select="unit", device="cpu").attribute(
        feeds, unit=select
    )
    assert list(found.attributions) == list(names.values())


GATED = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 3] a, float[N, 3] b, float[N, 3] c) => (float[N, 3] scores)
{
    zero = ConstantOfShape (empty)
    open = Greater (b, zero)
    scores = Where (open, a, zero)
}
"""


def test_without_outputs_nothing_behind_the_target_is_computed() -> None:
    source, x = golden("resnet__ts17.onnx"), golden_input("resnet__ts17.onnx")
    whole = retrograph.build(source, layer="relu1", select="unit")
    alone = retrograph.build(source, layer="relu1", select="unit", outputs=False)
    names = [value.name for value in alone.graph.output]
    assert names == ["attribution", "score", "unit"]
    assert len(alone.graph.node) < len(whole.graph.node) - 10
    unit = np.array([[1, 2, 3]] * len(x))
    expected = runner(whole)(x, unit)
    for name, found in runner(alone)(x, unit).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-5, atol=1e-6)


def test_inputs_that_no_gradient_reaches_are_not_explained() -> None:
    """b decides, without a derivative; c is not read at all."""
    model = onnx.parser.parse_model(GATED)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(0, np.int64), "empty"))
    built = retrograph.build(model, method="gradient")
    assert [v.name for v in built.graph.output][1] == "attribution"
    feeds = {name: noise(2, 3, seed=i) for i, name in enumerate("abc")}
    assert runner(built)(**feeds)["attribution"].any()
    for wrt, why in ((["a", "b"], "depends on 'b' only through.*Greater"), ("c", "not depend on")):
        with pytest.raises(InputError, match=why):
            retrograph.build(model, method="gradient", wrt=wrt)


def test_unknown_or_integer_inputs_are_refused() -> None:
    for name, why in (("count", "'count' holds no.*'a' or 'b'"), ("z", "no.*input 'z'.*a, b")):
        with pytest.raises(InputError, match=why):
            retrograph.build(parse(TWO_INPUTS), wrt=name)


def test_initialisers_listed_as_inputs_are_no_inputs() -> None:
    model = parse(SMALL_NET)
    model.ir_version = 3
    for tensor in model.graph.initializer:
        info = helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        model.graph.input.append(info)
    built = retrograph.build(model, select="top")
    assert [v.name for v in built.graph.input] == ["image"]
    onnx.checker.check_model(built, full_check=True)
    x = noise(2, 2, 6, 6)
    expected = runner(retrograph.build(parse(SMALL_NET), select="top"))(x)
    assert_close(runner(built)(x)["attribution"], expected["attribution"], 1e-6)


@pytest.mark.parametrize("taken", ["attribution", "score", "unit", "select"])
def test_an_inner_tensor_may_have_a_name_of_the_contract(taken: str) -> None:
    x, select = noise(2, 2, 6, 6), np.array([[1], [2]])
    expected = runner(retrograph.build(parse(SMALL_NET), select="unit"))(x, select=select)
    built = retrograph.build(parse(SMALL_NET.replace("relu", taken)), select="unit")
    onnx.checker.check_model(built, full_check=True)
    outputs = runner(built)(x, select=select)
    assert list(outputs) == ["scores", "attribution", "score", "unit"]
    for name, value in expected.items():
        assert_close(outputs[name], value, 1e-6)
