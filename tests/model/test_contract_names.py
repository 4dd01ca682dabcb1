"""Names that a model has already stay the model's, and the metadata say what ours are called."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper, parser

import retrograph
from retrograph.contract import Contract
from retrograph.ir.rename import rename
from support.finite import Array, runtime

RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(2, 3, 8, 8)).astype(np.float32)
SHIFT = RANDOM.normal(size=(2, 5)).astype(np.float32)
OURS = ["attribution", "score", "unit", "select", "cotangent", "bias_relevance"]
PLACES = ["x", "shift", "y", "r", "w"]
"""Two inputs, the output, a tensor inside and a weight."""

WEIGHTS = {
    "w": RANDOM.normal(size=(4, 3, 3, 3)).astype(np.float32),
    "f": RANDOM.normal(size=(4, 5)).astype(np.float32),
}


def net(**names: str) -> ModelProto:
    """A classifier of x and of a shift of its scores, y, some of its tensors under other names."""
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]>'
        " g (float[N,3,8,8] x, float[N,5] shift) => (float[N,5] y)"
        " { c = Conv(x, w) r = Relu(c) p = GlobalAveragePool(r) q = Flatten(p)"
        " m = MatMul(q, f) y = Add(m, shift) }"
    )
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in WEIGHTS.items())
    rename(model, names)
    return model


def choice(select: str, many: bool) -> Array | None:
    if select == "cotangent":
        return RANDOM.normal(size=(2, 2, 5) if many else (2, 5)).astype(np.float32)
    if select == "top":
        return np.array([2]) if many else None
    return np.array([[[1], [4]], [[0], [2]]] if many else [[3], [1]])


def contract_of(model: ModelProto) -> Contract:
    found = Contract.from_properties({p.key: p.value for p in model.metadata_props})
    assert found is not None
    return found


@pytest.mark.one_in(5)
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("select", ["top", "channel", "unit", "cotangent"])
@pytest.mark.parametrize("turn", range(len(OURS)))
def test_names_of_ours_give_way(turn: int, select: str, many: bool) -> None:
    places = dict(zip(PLACES, OURS[turn:] + OURS[:turn], strict=False))
    options: dict[str, Any] = {"method": "lrp-epsilon", "select": select, "many": many}
    twin = retrograph.build(net(), wrt="x", **options)
    built = retrograph.build(net(**places), wrt=places["x"], **options)
    contract, chosen = contract_of(built), choice(select, many)
    feeds: dict[str, Array] = {"x": X, "shift": SHIFT}
    given = {places[key]: value for key, value in feeds.items()}
    if chosen is not None:
        feeds["cotangent" if select == "cotangent" else "select"] = chosen
        assert contract.chooser is not None
        given[contract.chooser] = chosen
    wanted, found = runtime(twin)(feeds), runtime(built)(given)
    for key, value in wanted.items():
        called = places["y"] if key == "y" else contract.called(key)
        np.testing.assert_array_equal(found[called], value)
    assert len(found) == len(wanted)
    ends = {places[key] for key in ("x", "shift", "y")}
    for key, called in contract.names.items():
        assert called == (f"retrograph.{key}" if key in ends else key)
    assert contract.names.keys() == contract_of(twin).names.keys()


def test_the_rule_is_applied_as_often_as_it_takes() -> None:
    names = {"y": "score", "shift": "retrograph.score", "x": "retrograph.retrograph.unit"}
    contract = contract_of(retrograph.build(net(**names)))
    assert contract.names["score"] == "retrograph.retrograph.score"
    assert contract.names["unit"] == "unit"


def test_several_inputs() -> None:
    model = net(y="attribution.x", shift="score")
    built = retrograph.build(model, method="gradient")
    contract = contract_of(built)
    assert contract.explained == ("x", "score")
    assert contract.attributions == ("retrograph.attribution.x", "attribution.score")
    assert contract.names["score"] == "retrograph.score"
    made = [v.name for v in built.graph.output]
    assert made == ["attribution.x", *contract.attributions, "retrograph.score", "unit"]
    assert json.loads({p.key: p.value for p in built.metadata_props}["retrograph.names"]) == {
        "attribution.x": "retrograph.attribution.x",
        "attribution.score": "attribution.score",
        "score": "retrograph.score",
        "unit": "unit",
    }


@pytest.mark.one_in(2)
@pytest.mark.parametrize("select", ["top", "channel", "unit", "cotangent"])
@pytest.mark.parametrize("name", OURS)
def test_an_explainer_reads_the_metadata(name: str, select: str) -> None:
    for place in ("shift", "y"):
        options: dict[str, Any] = {"method": "guided", "select": select, "wrt": "x"}
        chosen = choice(select, many=False)
        wanted = retrograph.Explainer(net(), **options).attribute({"x": X, "shift": SHIFT}, chosen)
        explainer = retrograph.Explainer(retrograph.build(net(**{place: name}), **options))
        key = name if place == "shift" else "shift"
        found = explainer.attribute({"x": X, key: SHIFT}, chosen)
        assert [spec.name for spec in explainer.inputs] == ["x", key]
        np.testing.assert_array_equal(found.attribution, wanted.attribution)
        np.testing.assert_array_equal(found.score, wanted.score)
        np.testing.assert_array_equal(found.unit, wanted.unit)
        assert list(found.outputs) == [name if place == "y" else "y"]


def test_without_names_in_the_metadata_they_are_those_of_the_contract() -> None:
    """As in files of before."""
    built = retrograph.build(net(), method="lrp-epsilon", wrt="x")
    kept = [p for p in built.metadata_props if p.key != "retrograph.names"]
    wanted = retrograph.Explainer(built).attribute({"x": X, "shift": SHIFT})
    del built.metadata_props[:]
    built.metadata_props.extend(kept)
    found = retrograph.Explainer(built).attribute({"x": X, "shift": SHIFT})
    np.testing.assert_array_equal(found.attribution, wanted.attribution)
    assert found.bias_relevance is not None
    np.testing.assert_array_equal(found.bias_relevance, wanted.bias_relevance)
    assert list(found.outputs) == ["y"]


def alone(name: str) -> ModelProto:
    """The classifier without its shift, its scores under a name."""
    model = net(y=name)
    del model.graph.input[1]
    model.graph.initializer.append(numpy_helper.from_array(SHIFT[:1], "shift"))
    return model


@pytest.mark.parametrize("name", OURS)
def test_explain_takes_a_model_in_memory(name: str) -> None:
    wanted = retrograph.explain(alone("y"), X, 2, method="gradient")
    found = retrograph.explain(alone(name), X, 2, method="gradient")
    np.testing.assert_array_equal(found.attribution, wanted.attribution)
    np.testing.assert_array_equal(found.outputs[name], wanted.outputs["y"])
    changed = alone(name)
    changed.graph.initializer[0].CopyFrom(numpy_helper.from_array(2 * WEIGHTS["w"], "w"))
    other = retrograph.explain(changed, X, 2, method="gradient")
    assert not np.array_equal(other.attribution, found.attribution)
