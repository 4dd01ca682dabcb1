"""`import retrograph` does what its docstrings say, argument by argument."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto, helper

import retrograph
from retrograph import PRESETS, Explainer, InputError, Model, Preprocessing
from support import nets

RNG = np.random.default_rng(5)
X = RNG.normal(size=(2, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    nets.save(nets.cnn(), tmp_path / "net.onnx")
    return tmp_path


# --- what is offered ---------------------------------------------------------------------------


def test_all_is_sorted_and_documented() -> None:
    names = retrograph.__all__
    assert names == sorted(names, key=lambda n: (not n.isupper(), n[0].islower() or n[0] == "_", n))
    for name in names:
        thing = getattr(retrograph, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name


@pytest.mark.parametrize(
    "function",
    [
        *(retrograph.build, Explainer, Explainer.attribute),
        *(retrograph.explain, retrograph.explain_all, retrograph.compare),
    ],
)
def test_every_argument_is_documented(function: Callable[..., object]) -> None:
    text = inspect.getdoc(function) or ""
    for name in inspect.signature(function).parameters:
        if name != "self":
            assert f"{name}:" in text or f"{name}," in text, name


def test_public_members_are_documented() -> None:
    for name in retrograph.__all__:
        thing = getattr(retrograph, name)
        if inspect.isclass(thing):
            for key, member in vars(thing).items():
                if not key.startswith("_") and (
                    inspect.isfunction(member) or isinstance(member, property)
                ):
                    assert inspect.getdoc(member), f"{name}.{key}"


def test_the_example_of_the_package(here: Path) -> None:
    x = X
    built = retrograph.build("net.onnx", method="guided", layer="relu2")
    explainer = retrograph.Explainer("net.onnx", method="guided", layer="relu2")
    found = explainer.attribute(x)
    assert isinstance(built, ModelProto)
    assert found.attribution.shape == x.shape


def test_the_example_of_the_explainer(here: Path) -> None:
    explainer = Explainer("net.onnx", method="guided", layer="relu2", select="unit")
    found = explainer.attribute(X, unit=(4, 3, 2))
    assert found.attribution.shape == X.shape
    assert found.unit.tolist() == [[4, 3, 2]] * 2


# --- build -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["path", "str", "proto", "model"])
def test_a_model_in_any_form(here: Path, form: str) -> None:
    proto = nets.cnn()
    model = {"path": Path("net.onnx"), "str": "net.onnx", "proto": proto, "model": Model(proto)}[
        form
    ]
    built = retrograph.build(model)
    onnx.checker.check_model(built, full_check=True)
    source = model if isinstance(model, Model) else Model(model)
    assert [layer.alias for layer in source.layers()][:2] == ["conv1", "relu1"]
    assert Explainer(model).attribute(X).attribution.shape == X.shape
    assert proto == nets.cnn(), "the model that was given has changed"


@pytest.mark.parametrize(
    ("arguments", "inputs", "shapes"),
    [
        ({}, {"x": X}, ((2, 3, 8, 8), (2,), (2, 1))),
        ({"many": True}, {"x": X, "select": [3]}, ((2, 3, 3, 8, 8), (2, 3), (2, 3, 1))),
        ({"select": "unit"}, {"x": X, "select": [[1], [2]]}, ((2, 3, 8, 8), (2,), (2, 1))),
        (
            {"layer": "relu1", "select": "channel"},
            {"x": X, "select": [[1], [5]]},
            ((2, 3, 8, 8), (2,), (2, 3)),
        ),
        (
            {"layer": "relu1", "select": "channel", "many": True},
            {"x": X, "select": [[[1], [5]], [[0], [2]]]},
            ((2, 2, 3, 8, 8), (2, 2), (2, 2, 3)),
        ),
        (
            {"select": "cotangent"},
            {"x": X, "cotangent": RNG.normal(size=(2, 4)).astype(np.float32)},
            ((2, 3, 8, 8), (2,), (2, 1)),
        ),
    ],
)
def test_inputs_and_outputs_of_a_built_graph(
    arguments: dict[str, object], inputs: dict[str, object], shapes: tuple[tuple[int, ...], ...]
) -> None:
    built = retrograph.build(nets.cnn(), **arguments)  # type: ignore[arg-type]
    session = ort.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == list(inputs)
    assert [o.name for o in session.get_outputs()] == ["scores_out", "attribution", "score", "unit"]
    feeds = {k: np.asarray(v) for k, v in inputs.items()}
    found = session.run(["attribution", "score", "unit"], feeds)
    assert tuple(value.shape for value in found) == shapes
    assert found[2].dtype == np.int64


def test_methods_differ() -> None:
    found = {m: Explainer(nets.cnn(), method=m).attribute(X) for m in ("gradient", "guided")}
    assert (found["gradient"].attribution != found["guided"].attribution).any()
    np.testing.assert_array_equal(found["gradient"].score, found["guided"].score)


def test_the_gradient_is_that_of_the_score() -> None:
    explainer = Explainer(nets.cnn(), method="gradient", select="unit")
    step = RNG.normal(size=X.shape).astype(np.float32) * 1e-3
    found = explainer.attribute(X, 1)
    moved = explainer.attribute(X + step, 1).score - explainer.attribute(X - step, 1).score
    told = 2 * (found.attribution * step).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(told, moved, rtol=0.05, atol=1e-6)


def test_wrt_chooses_the_explained_inputs() -> None:
    feeds = {"x": X[0, 0, :2, :5], "state": X[0, 0, :2, :6], "sr": np.array(3)}
    both = Explainer(nets.two_input_net()).attribute(feeds)
    assert list(both.attributions) == ["x", "state"]
    for wrt in ("x", ["x"], ("state",)):
        one = Explainer(nets.two_input_net(), wrt=wrt).attribute(feeds)
        (name,) = [wrt] if isinstance(wrt, str) else wrt
        assert list(one.attributions) == [name]
        np.testing.assert_array_equal(one.attribution, both.attributions[name])
    assert retrograph.build(nets.two_input_net(), wrt=["state", "x"]).graph.output[1].name == (
        "attribution.state"
    )


@pytest.mark.parametrize("given", ["imagenet", PRESETS["imagenet"]])
def test_preprocessing_is_stored_in_the_inputs_layout(given: Preprocessing | str) -> None:
    for model, layout in ((nets.cnn(), "nchw"), (nets.nhwc_cnn(), "nhwc")):
        contract = Explainer(model, preprocessing=given).contract
        stored = Preprocessing.from_json(contract.preprocessing)
        assert stored.layout == layout
        assert stored.mean == PRESETS["imagenet"].mean
    assert Explainer(nets.cnn()).contract.preprocessing == ""
    grey = Explainer(nets.cnn(channels=1), preprocessing="0-1").contract.preprocessing
    assert Preprocessing.from_json(grey).order == "gray"


def test_metadata_of_the_source_are_kept() -> None:
    model = nets.cnn()
    helper.set_model_props(model, {"author": "somebody", "labels": "a\nb\nc\nd"})
    built = retrograph.build(model)
    kept = {p.key: p.value for p in built.metadata_props}
    assert kept["author"] == "somebody"
    contract = Explainer(built).contract
    assert contract.labels == ("a", "b", "c", "d")
    assert contract.source_sha256 == Model(model).sha256
    assert json.loads(kept["retrograph.shape"]) == [4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "giuded"}, "giuded"),
        ({"layer": "relu9"}, "did you mean"),
        ({"select": "best"}, "choose one of: top, channel, unit, cotangent"),
        ({"wrt": "y"}, "the model has: x"),
        ({"wrt": ["x", "y"]}, "the model has: x"),
        ({"preprocessing": "imagnet"}, "choose one of"),
    ],
)
def test_wrong_arguments_of_build(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        retrograph.build(nets.cnn(), **arguments)  # type: ignore[arg-type]


# --- Explainer ---------------------------------------------------------------------------------


def test_an_explainer_of_a_built_graph_brings_everything(here: Path) -> None:
    built = retrograph.build("net.onnx", method="deconvnet", layer="relu1", select="channel")
    retrograph.save(built, "built.onnx")
    source = Explainer("net.onnx", method="deconvnet", layer="relu1", select="channel")
    for explainer in (
        Explainer("built.onnx"),
        Explainer(
            "built.onnx",
            method="deconvnet",
            layer="relu1",
            select="channel",
            many=False,
            wrt=["x"],
        ),
    ):
        assert explainer.contract == source.contract or explainer.contract.source_sha256
        np.testing.assert_array_equal(
            explainer.attribute(X, 2).attribution, source.attribute(X, 2).attribution
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("method", "gradient"),
        ("layer", "relu2"),
        ("select", "unit"),
        ("many", True),
        ("wrt", "y"),
        ("wrt", ["x", "y"]),
    ],
)
def test_a_built_graph_is_not_another(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"built for {key} .*build another"):
        Explainer(retrograph.build(nets.cnn()), **{key: value})  # type: ignore[arg-type]


def test_a_built_graph_that_lacks_an_output_is_refused() -> None:
    built = retrograph.build(nets.cnn())
    del built.graph.output[-1]
    with pytest.raises(InputError, match="lacks the outputs unit"):
        Explainer(built)


def test_the_models_own_outputs_come_too() -> None:
    found = Explainer(nets.cnn()).attribute(X)
    assert list(found.outputs) == ["scores_out"]
    np.testing.assert_array_equal(found.score, found.outputs["scores_out"].max(axis=1))
    np.testing.assert_array_equal(found.unit[:, 0], found.outputs["scores_out"].argmax(axis=1))


def test_device_and_threads() -> None:
    assert Explainer(nets.cnn(), device="cpu", threads=1).device == "cpu"
    assert Explainer(nets.cnn(), device="CPUExecutionProvider").device == "cpu"
    with pytest.raises(retrograph.DeviceError, match="tpu"):
        Explainer(nets.cnn(), device="tpu")


def test_one_index_for_all_or_one_for_each() -> None:
    explainer = Explainer(nets.cnn(), layer="relu1", select="unit")
    same = explainer.attribute(X, (1, 2, 3))
    each = explainer.attribute(X, [[1, 2, 3], [4, 5, 6]])
    assert same.unit.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert each.unit.tolist() == [[1, 2, 3], [4, 5, 6]]
    np.testing.assert_array_equal(same.attribution[0], each.attribution[0])
    many = Explainer(nets.cnn(), layer="relu1", select="unit", many=True)
    shared = many.attribute(X, [[1, 2, 3], [4, 5, 6]])
    assert shared.unit.tolist() == [[[1, 2, 3], [4, 5, 6]]] * 2
    np.testing.assert_allclose(shared.attribution[0, 0], each.attribution[0], atol=1e-6)
    np.testing.assert_allclose(shared.attribution[1, 1], each.attribution[1], atol=1e-6)


def test_a_class_is_its_number_where_the_other_axes_have_size_1() -> None:
    net, x = nets.scores_as_a_map(), np.full((2, 3, 32, 32), 0.5, np.float32)
    x[1, :, 8:20] = 0.9
    explainer = Explainer(net, select="unit")
    spelled = explainer.attribute(x, [[7, 0, 0], [2, 0, 0]])
    alone = explainer.attribute(x, [[7], [2]])
    assert alone.unit.tolist() == [[7, 0, 0], [2, 0, 0]]
    np.testing.assert_array_equal(alone.attribution, spelled.attribution)
    for unit in (7, [7], np.int64(7)):
        assert explainer.attribute(x, unit).unit.tolist() == [[7, 0, 0]] * 2
    many = Explainer(net, select="unit", many=True).attribute(x, [[7], [2]])
    assert many.unit.tolist() == [[[7, 0, 0], [2, 0, 0]]] * 2
    for wrong, said in ((10, "unit 10 is out of range"), (-1, "unit -1 is"), ([1, 2], "by 3 num")):
        with pytest.raises(InputError, match=said):
            explainer.attribute(x, wrong)
    with pytest.raises(InputError, match="by 3 numbers"):
        Explainer(nets.cnn(), layer="relu1", select="unit").attribute(X, 7)


def test_inputs_are_the_models_own() -> None:
    explainer = Explainer(nets.two_input_net(), select="unit")
    assert [str(i) for i in explainer.inputs] == ["float32 [N, 5]", "float32 [N, 6]", "int64 []"]


@pytest.mark.parametrize(
    ("arguments", "x", "select", "message"),
    [
        ({}, X, 1, "give no `unit`"),
        ({}, X[0], None, r"takes float32 \[N, 3, 8, 8\]; what is given is float32 \[3, 8, 8\]"),
        ({}, 1.0, None, "what is given is float64"),
        ({}, X.astype(complex), None, "complex128"),
        ({}, np.full(X.shape, "a"), None, "takes float32"),
        ({}, {"y": X}, None, "no input 'y'; the graph has: x"),
        ({}, {}, None, "missing inputs: 'x'"),
        ({"select": "unit"}, X, None, "give `unit`"),
        ({"select": "unit"}, X, 4, "unit 4 is out of range"),
        ({"select": "unit"}, X, -1, "unit -1 is out of range"),
        ({"select": "unit"}, X, (1, 2), "by 1 numbers"),
        ({"select": "unit"}, X, 0.5, "whole numbers"),
        ({"select": "unit"}, X, "a", "whole numbers"),
        ({"select": "unit"}, X, np.zeros((1, 1, 1), int), "by 1 numbers"),
        ({"select": "unit"}, X, np.zeros((3, 1), int), "3 rows for 2 items"),
        ({"many": True}, X, 5, "5 most active units"),
        ({"many": True}, X, 0, "0 most active units"),
        ({"many": True}, X, (1, 2), "is one number"),
        ({"select": "cotangent"}, X, np.zeros((2, 5), np.float32), "cotangent"),
        ({"select": "cotangent"}, X, None, "give `unit`"),
    ],
)
def test_wrong_arguments_of_attribute(
    arguments: dict[str, object], x: object, select: object, message: str
) -> None:
    explainer = Explainer(nets.cnn(), **arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message) as caught:
        explainer.attribute(x, select)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_layer_without_a_batch_axis_is_one_item() -> None:
    model = nets.model(
        [nets.node("Relu", "x", "a"), nets.node("Transpose", "a", "out", perm=[1, 0])],
        [nets.info("x", [2, 5])],
        [nets.info("out", [5, 2])],
    )
    x = np.arange(10, dtype=np.float32).reshape(2, 5)
    explainer = Explainer(model, select="unit")
    found = explainer.attribute(x, (3, 1))
    assert explainer.contract.notes == (
        "the batch is not the first axis of 'out': all of it is one item",
    )
    assert found.score.tolist() == [8]
    assert np.argwhere(found.attribution).tolist() == [[1, 3]]


def test_saving_is_whole_or_not_at_all(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = retrograph.build("net.onnx")
    retrograph.save(built, "built.onnx")
    assert onnx.load("built.onnx") == built
    with pytest.raises(InputError, match="exists; give force=True"):
        retrograph.save(built, "built.onnx")
    retrograph.save(built, here / "built.onnx", force=True)
    with pytest.raises(InputError, match="cannot be written"):
        retrograph.save(built, here / "none" / "built.onnx")
    assert sorted(path.name for path in here.iterdir()) == ["built.onnx", "net.onnx"]


def test_over_two_gigabytes_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(self: ModelProto) -> bytes:
        raise ValueError("Message onnx.ModelProto exceeds maximum protobuf size of 2GB")

    built = retrograph.build(nets.cnn())
    monkeypatch.setattr(ModelProto, "SerializeToString", too_large)
    with pytest.raises(InputError, match="over 2 GB"):
        retrograph.save(built, "never.onnx")
