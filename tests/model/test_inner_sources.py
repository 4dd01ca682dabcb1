"""Explained by an inner tensor: as if the model began there."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper, parser
from onnx.utils import Extractor

import retrograph
from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.results.onto_input import onto_input
from support.finite import Array, runtime
from support.paths import SAMPLE_MODELS

MODEL = SAMPLE_MODELS / "cifar10_cnn.onnx"
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(2, 3, 32, 32)).astype(np.float32)

NAMED = ("gradient", "guided", "integrated-gradients", "smoothgrad", "grad-cam", "lrp-epsilon")


@pytest.fixture(scope="module")
def cut() -> tuple[ModelProto, Array]:
    """The sample model from its second ReLU on, and what that ReLU gives."""
    model = retrograph.Model(MODEL)
    inner, scores, whole = model.target("relu2"), model.target(None), model.proto
    extractor = Extractor(onnx.shape_inference.infer_shapes(whole))
    head = extractor.extract_model([model.inputs[0].name], [inner])
    given = runtime(head)({model.inputs[0].name: X})[inner]
    return extractor.extract_model([inner], [scores]), given


@pytest.mark.parametrize("method", NAMED)
def test_as_if_the_model_began_there(method: str, cut: tuple[ModelProto, Array]) -> None:
    began, inner = cut
    wanted = retrograph.Explainer(began, method=method).attribute(inner)
    found = retrograph.Explainer(MODEL, method=method, wrt="relu2").attribute(X)
    assert found.attribution.shape == wanted.attribution.shape
    np.testing.assert_allclose(found.attribution, wanted.attribution, rtol=1e-5, atol=1e-7)
    assert np.array_equal(found.unit, wanted.unit)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("select", ["unit", "cotangent"])
def test_every_choice_of_a_unit(select: str, many: bool, cut: tuple[ModelProto, Array]) -> None:
    began, inner = cut
    unit: Any = np.array([[3], [7]]) if select == "unit" else RANDOM.normal(size=(2, 10))
    unit = unit if select == "unit" else unit.astype(np.float32)
    if many:
        unit = np.stack([unit, unit], 1)
    options: dict[str, Any] = {"method": "guided", "select": select, "many": many}
    wanted = retrograph.Explainer(began, **options).attribute(inner, unit=unit).attribution
    found = retrograph.Explainer(MODEL, **options, wrt="relu2").attribute(X, unit=unit).attribution
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_the_metadata_say_where_it_lies() -> None:
    built = retrograph.build(MODEL, method="gradient", wrt="relu2")
    contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
    model = retrograph.Model(MODEL)
    assert contract is not None
    assert contract.explained == (model.target("relu2"),)
    assert contract.inputs == (model.inputs[0].name,)
    (layer,) = [each for each in model.layers() if each.alias == "relu2"]
    assert layer.field is not None
    step, size = (int(n[0]) for n in (layer.field.stride, layer.field.size))
    first = int(layer.field.first[0])
    assert contract.places == (
        [None, [-2, step, first + (size - 1) / 2], [-1, step, first + (size - 1) / 2]],
    )
    assert any("explained by" in note for note in contract.notes)


def test_graphs_of_inputs_say_nothing_of_it() -> None:
    keys = {p.key for p in retrograph.build(MODEL).metadata_props}
    assert keys.isdisjoint({"retrograph.inputs", "retrograph.places"})


def test_a_built_graph_draws_it_over_the_picture() -> None:
    ready = retrograph.Explainer(retrograph.build(MODEL, method="gradient", wrt="relu2"))
    found = ready.attribute(X[:1])
    assert found.to_dict()["wrt"] == [retrograph.Model(MODEL).target("relu2")]
    assert found.image().size[0] > 64


def test_a_sum_over_channels_lies_at_the_centres_of_what_positions_see() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)  # two channels of three positions
    found = onto_input(values, [None, [-1, 4, 1.5]], (3, 12))
    assert found is not None
    assert found.shape == (1, 12)
    sums = [3.0, 5.0, 7.0]
    assert np.array_equal(found[0], np.interp(np.arange(12), [1.5, 5.5, 9.5], sums))
    assert onto_input(values, [None, None], (3, 12)) is None


def tokens() -> ModelProto:
    """A text CNN: rows of a table, a convolution, a ReLU, the largest of each channel, scores."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]>'
        " g (int64[N,T] tokens) => (float[N,3] y)"
        " { emb = Gather<axis = 0>(table, tokens) t = Transpose<perm = [0, 2, 1]>(emb)"
        " c = Conv<pads = [1, 1]>(t, k) r = Relu(c) p = GlobalMaxPool(r) f = Flatten(p)"
        " y = MatMul(f, w) }"
    )
    shapes = {"table": (50, 8), "k": (16, 8, 3), "w": (16, 3)}
    for name, shape in shapes.items():
        value = RANDOM.normal(size=shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def test_tokens_are_explained_by_their_embeddings() -> None:
    model, ids = tokens(), np.array([[3, 7, 9, 1, 2, 0]])
    explainer = retrograph.Explainer(model, method="gradient", select="unit")
    found = explainer.attribute(ids, unit=1).attribution
    began = Extractor(onnx.shape_inference.infer_shapes(model)).extract_model(["emb"], ["y"])
    run = runtime(began)
    table = numpy_helper.to_array(model.graph.initializer[0])
    step, numeric = 1e-2, np.empty((6, 8), np.float32)
    for place in np.ndindex(6, 8):
        ends = []
        for sign in (1, -1):
            moved = table[ids]
            moved[(0, *place)] += sign * step
            ends.append(run({"emb": moved})["y"][0, 1])
        numeric[place] = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(found[0], numeric, atol=2e-3)
    assert explainer.contract.inputs == ("tokens",)
    assert json.loads(json.dumps(explainer.contract.places)) == [[[-2, 1.0, 0.0]]]


@pytest.mark.parametrize(
    ("wrt", "why"),
    [
        ("relu99", "no floating-point input 'relu99'.*did you mean"),
        (["input", "relu2"], "is computed from"),
        ("scores", "is the explained layer itself"),
    ],
)
def test_wrong_tensors_are_refused(wrt: Any, why: str) -> None:
    model = retrograph.Model(MODEL)
    name = model.inputs[0].name
    named = {"input": name, "scores": model.target(None)}
    given = named.get(wrt, wrt) if isinstance(wrt, str) else [named.get(w, w) for w in wrt]
    with pytest.raises(InputError, match=why):
        retrograph.build(model, wrt=given)


def test_an_input_of_whole_numbers_has_no_gradient() -> None:
    with pytest.raises(InputError, match="no gradient by it; explain by 'emb'"):
        retrograph.build(tokens(), wrt="tokens")


def test_a_layer_behind_is_no_source() -> None:
    with pytest.raises(InputError, match="does not depend on"):
        retrograph.build(MODEL, layer="relu1", wrt="relu2")
