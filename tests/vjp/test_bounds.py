"""Bounds of a Clip as exporters write them: a number, or an array of one."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto

from retrograph import Explainer
from support.nets import info, model, node, weights


def _clipped(bound: np.ndarray) -> ModelProto:
    nodes = [
        node("Conv", "x w", "c"),
        node("Clip", "c low high", "r"),
        node("GlobalAveragePool", "r", "g"),
        node("Flatten", "g", "y"),
    ]
    constants = {"w": weights(4, 3, 3, 3), "low": 0 * bound, "high": bound}
    ends = [info("x", ["N", 3, 6, 6])], [info("y", ["N", 4])]
    return model(nodes, *ends, constants)


@pytest.mark.parametrize("method", ["gradient", "guided"])
def test_a_bound_may_be_an_array_of_one(method: str) -> None:
    x = np.random.default_rng(2).normal(size=(1, 3, 6, 6)).astype(np.float32)
    maps = [
        Explainer(_clipped(bound), method=method).attribute(x).attributions
        for bound in (np.float32(0.6), np.array([0.6], np.float32))
    ]
    (first,), (second,) = (each.values() for each in maps)
    assert first.any()
    np.testing.assert_array_equal(first, second)
