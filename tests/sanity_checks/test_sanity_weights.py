"""Weights drawn anew for the sanity checks: which, how, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, numpy_helper

from retrograph import Explainer, sanity_checks
from retrograph.ir.compose.randomise_weights import redrawn, weights_on, with_weights
from retrograph.ir.path import path
from retrograph.model import Model
from retrograph.vjp.engine.walk import blocked
from support import nets
from support.paths import SAMPLE_MODELS

Array = np.ndarray[Any, Any]

SAMPLE = SAMPLE_MODELS / "cifar10_cnn.onnx"


def pictures(count: int, *shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).random((count, *shape), np.float32)


def layered() -> ModelProto:
    """Norms, separate biases and scales behind layers, and a constant that prepares the input."""
    nodes = [
        nets.node("Sub", "x colour", "p"),
        nets.node("Conv", "p w1", "c1"),
        nets.node("BatchNormalization", "c1 s m mean var", "n1"),
        nets.node("Relu", "n1", "r1"),
        nets.node("DequantizeLinear", "w2q scale", "w2d"),
        nets.node("Mul", "w2d stretch", "w2"),
        nets.node("Conv", "r1 w2", "c2"),
        nets.node("Mul", "c2 scales", "c2s"),
        nets.node("Add", "c2s b2", "c2b"),
        nets.node("Relu", "c2b", "r2"),
        nets.node("Flatten", "r2", "f"),
        nets.node("Transpose", "w3", "w3t", perm=[1, 0]),
        nets.node("MatMul", "f w3t", "fc"),
        nets.node("Add", "fc b3", "scores"),
        nets.node("MatMul", "scores after", "out"),
    ]
    constants = {
        "colour": nets.weights(1, 2, 1, 1),
        "w1": nets.weights(4, 2, 3, 3),
        **{name: 1 + nets.weights(4, seed=i) / 4 for i, name in enumerate(("s", "m", "mean"))},
        "var": abs(nets.weights(4, seed=9)),
        "w2q": np.arange(-60, 48, dtype=np.int8).reshape(3, 4, 3, 3),
        "scale": np.float32(0.01),
        "stretch": abs(nets.weights(3, 1, 1, 1)),
        "scales": 1 + nets.weights(3, 1, 1) / 4,
        "b2": 1 + nets.weights(3, 1, 1, seed=1) / 4,
        "w3": nets.weights(5, 48),
        "b3": nets.weights(5),
        "after": nets.weights(5, 5),
    }
    return nets.model(
        nodes, [nets.info("x", ["N", 2, 8, 8])], [nets.info("out", ["N", 5])], constants
    )


LAYERS = [("fc", {"w3t", "b3"}), ("c2", {"w2", "scales", "b2"})]
LAYERS += [("c1", {"w1", "s", "m", "mean", "var"})]


def test_what_counts_as_weights() -> None:
    graph = Model(layered()).graph
    found = weights_on(graph, path(graph, ["x"], ["scores"], blocked(graph).keys()))
    assert [(layer.tensor, {*layer.weights}) for layer in found.layers] == LAYERS
    assert found.layers[2].variances == {"var"}
    assert found.kept == ()


def forward_values(proto: ModelProto, values: dict[str, Array]) -> ModelProto:
    """A file with other weights, set by hand: what the layer reads becomes an initializer."""
    mended = ModelProto()
    mended.CopyFrom(proto)
    kept = [n for n in mended.graph.node if not {*values} & {*n.output}]
    del mended.graph.node[:]
    mended.graph.node.extend(kept)
    stored: list[TensorProto] = [t for t in mended.graph.initializer if t.name not in values]
    del mended.graph.initializer[:]
    mended.graph.initializer.extend(
        [*stored, *(numpy_helper.from_array(v, k) for k, v in values.items())]
    )
    return mended


@pytest.mark.parametrize("method", ["gradient", "guided"])
def test_new_weights_are_those_of_the_whole_built_graph(method: str) -> None:
    """Backward constants too: as if the file had had the new weights from the start."""
    proto = layered()
    model = Model(proto)
    weights = weights_on(model.graph, path(model.graph, ["x"], ["scores"], ()))
    new: dict[str, Array] = {}
    for i, layer in enumerate(weights.layers):
        new |= redrawn(model.graph, layer, np.random.default_rng([0, i]))
    x = pictures(2, 2, 8, 8)
    subject = sanity_checks.Subject.of(model, x, [method], "scores", (2,), "cpu", None)
    found = subject.maps(subject.explainer(method, with_weights(model.graph, new)))
    explainer = Explainer(
        forward_values(proto, new), method=method, layer="scores", select="unit", device="cpu"
    )
    np.testing.assert_allclose(found, explainer.attribute(x, (2,)).attribution, rtol=1e-5)
    assert all(one.any() for one in (*found, *subject.originals[method]))
    assert not np.allclose(found, subject.originals[method])


def test_only_the_named_layer_changes() -> None:
    graph = Model(SAMPLE).graph
    weights = weights_on(graph, path(graph, ["image"], ["scores"], ()))
    assert [layer.tensor for layer in weights.layers] == ["scores", "conv3", "conv2", "conv1"]
    names = {t.name for t in onnx.load(SAMPLE).graph.initializer}
    assert {w for layer in weights.layers for w in layer.weights} <= names
    for layer in weights.layers:
        new = redrawn(graph, layer, np.random.default_rng(0))
        twin = with_weights(graph, new)
        changed = {n for n in graph.constants if not same(twin.value(n), graph.value(n))}
        assert changed == {*layer.weights} == {*new}


def same(a: Array | None, b: Array | None) -> bool:
    assert a is not None
    assert b is not None
    return np.array_equal(a, b)


def test_new_weights_have_the_old_mean_and_deviation() -> None:
    graph = Model(SAMPLE).graph
    for layer in weights_on(graph, path(graph, ["image"], ["scores"], ())).layers:
        new = redrawn(graph, layer, np.random.default_rng(0))
        name = layer.weights[0]
        old = graph.value(name)
        assert old is not None
        assert new[name].dtype == old.dtype
        error = old.std() / np.sqrt(old.size)
        assert new[name].mean() == pytest.approx(old.mean(), abs=5 * error)
        assert new[name].std() == pytest.approx(old.std(), abs=5 * error)


def test_variances_stay_positive() -> None:
    graph = Model(layered()).graph
    weights = weights_on(graph, path(graph, ["x"], ["scores"], ()))
    for seed in range(20):
        assert (redrawn(graph, weights.layers[2], np.random.default_rng(seed))["var"] >= 0).all()


def test_weights_that_the_graph_computes_are_named() -> None:
    nodes = [
        nets.node("Exp", "w", "exp"),
        nets.node("MatMul", "x exp", "a"),
        nets.node("Relu", "a", "b"),
        nets.node("MatMul", "b v", "out"),
    ]
    constants = {"w": nets.weights(80, 60), "v": nets.weights(60, 3)}
    proto = nets.model(nodes, [nets.info("x", ["N", 80])], [nets.info("out", ["N", 3])], constants)
    found = sanity_checks.randomisation(proto, pictures(1, 80), methods=["gradient"])
    assert found.notes == ("not drawn anew: 'exp', which the graph computes",)
    assert len(found.stages) == 1


def test_a_shared_weight_is_drawn_once() -> None:
    nodes = [
        nets.node("MatMul", "x w", "a"),
        nets.node("Relu", "a", "b"),
        nets.node("MatMul", "b w", "out"),
    ]
    proto = nets.model(
        nodes, [nets.info("x", ["N", 6])], [nets.info("out", ["N", 6])], {"w": nets.weights(6, 6)}
    )
    graph = Model(proto).graph
    (layer,) = weights_on(graph, path(graph, ["x"], ["out"], ())).layers
    assert (layer.tensor, layer.weights) == ("out", ("w",))
