"""The nine large models of ONNX's backend suite: AlexNet to ZFNet, opset 9, written by Caffe2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, numpy_helper

from check_corpus import TOLERANCE
from corpus_float64 import compare, run_in_float64
from retrograph.model import Model
from support.backend_cases import light_models
from support.graphs import METHODS, Array

MODELS = light_models()


def with_weights(file: Path) -> ModelProto:
    """The model, random weights in the place of the constant ones that it is shipped with."""
    model = onnx.load(file)
    rng = np.random.default_rng(0)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in [n for n in model.graph.node if n.op_type == "ConstantOfShape"]:
        value = _weight(node.output[0], [int(d) for d in shapes[node.input[0]]], rng)
        model.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        model.graph.node.remove(node)
    return model


def _weight(name: str, shape: list[int], rng: np.random.Generator) -> Array:
    if len(shape) > 1:
        spread = (2 / np.prod(shape[1:])) ** 0.5
        return (spread * rng.standard_normal(shape)).astype(np.float32)
    return rng.uniform(0.5, 1.5, shape).astype(np.float32)


def test_there_are_nine() -> None:
    assert len(MODELS) == 9


@pytest.mark.one_in(4)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("file", MODELS, ids=lambda f: f.stem)
def test_light_models_build(file: Path, method: str) -> None:
    model = Model(file)
    request = model.request(method=method)
    assert model.report(request).relu
    onnx.checker.check_model(model.build(request), full_check=True)


@pytest.mark.slow
@pytest.mark.parametrize("file", MODELS, ids=lambda f: f.stem)
def test_the_gradient_of_a_light_model_is_the_derivative(file: Path) -> None:
    model = Model(with_weights(file))
    request = model.request(method="gradient")
    source = request.sources[0]
    shape = [d if isinstance(d, int) else 1 for d in model.inputs[0].shape or ()]
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    found = run_in_float64(model.build(request), {source: x})
    told = compare(request.graph, source, request.target, {source: x}, found, directions=1)
    assert told.worst < TOLERANCE
