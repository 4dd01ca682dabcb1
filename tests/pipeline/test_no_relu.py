"""A model without any ReLU is explained by its gradient, said aloud, if no method is named."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper, parser

import retrograph
from retrograph.errors import InputError
from support.paths import SAMPLE_MODELS

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(1, 4, 20)).astype(np.float32)


def swish() -> ModelProto:
    """A convolution, a Swish, scores."""
    model = parser.parse_model(
        '<ir_version: 9, opset_import: ["": 17]> g (float[N,4,20] x) => (float[N,3] y)'
        " { c = Conv(x, k) s = Sigmoid(c) t = Mul(c, s) p = GlobalAveragePool(t) f = Flatten(p)"
        " y = MatMul(f, w) }"
    )
    for name, shape in (("k", (5, 4, 3)), ("w", (5, 3))):
        value = RANDOM.normal(size=shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


MODEL = swish()


def test_its_gradient_is_taken_and_said() -> None:
    found = retrograph.explain(MODEL, X)
    record = found.to_dict()
    assert record["methods"] == ["gradient"]
    assert [note for note in record["notes"] if "no ReLU" in note and "method" in note]
    wanted = retrograph.explain(MODEL, X, method="gradient")
    assert np.array_equal(found.attribution, wanted.attribution)
    assert not wanted.to_dict()["notes"]


def test_a_method_that_is_named_is_still_refused() -> None:
    with pytest.raises(InputError, match="is a rule for ReLUs"):
        retrograph.explain(MODEL, X, method="guided")


def test_with_relus_it_is_guided() -> None:
    x = np.zeros((1, 3, 32, 32), np.float32)
    assert retrograph.explain(SAMPLE_MODELS / "cifar10_cnn.onnx", x).context.methods == ("guided",)
