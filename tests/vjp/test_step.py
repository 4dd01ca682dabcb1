"""The gate of float32: a product with steep slopes, exactly what a choice gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from onnx import AttributeProto, ModelProto, TensorProto, helper

from retrograph.ir.emit import FLOAT32, Emitter
from retrograph.ir.graph import Extra, Graph, Tensor
from retrograph.vjp.lowering.gates import between
from support.finite import Array, runtime

LEAST = float(np.finfo(np.float32).tiny)
BOUNDS = [
    0.0,
    1.0,
    6.0,
    -1.0,
    0.1,
    -3.3,
    1e-30,
    1e30,
    3e-38,
    -6.0,
    2.0**-126,
    2.0**-100,
    -1.5e-30,
    65504.0,
]


def near(bound: float) -> Array:
    """Numbers around a bound, as near as they come, and far ones; no subnormal (see `between`)."""
    at = np.float32(bound)
    around = [at]
    for end in (np.inf, -np.inf):
        for _ in range(4):
            around.append(np.nextafter(around[-1] if len(around) > 1 else at, np.float32(end)))
        around.append(at)
    far = [0.0, 1.0, -1.0, 6.0, 1e-3, -1e-3, 1e10, -1e10, 3e38, -3e38, LEAST, -LEAST, math.inf]
    found = np.array([*around, *far, -math.inf], np.float32)
    return found[(np.abs(found) >= LEAST) | (found == 0)]


def gated(low: float | None, high: float | None) -> ModelProto:
    """y = between(ct, x, low, high)"""
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N"]) for n in ("x", "ct")]
    model = helper.make_model(
        helper.make_graph([], "g", inputs, []),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )
    graph = Graph(model)
    e = Emitter(graph)
    both = [Tensor(name, FLOAT32, ("N",)) for name in ("ct", "x")]
    extra: Extra = e.finish({"y": between(e, *both, low, high)})
    built = graph.to_model(extra)
    built.graph.output.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"]))
    return built


def gate(low: float | None, high: float | None, x: Array, ct: Array) -> Array:
    return runtime(gated(low, high))({"x": x, "ct": ct})["y"]


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_step_is_a_step(bound: float, side: str) -> None:
    x = near(bound)
    ct = np.linspace(-7, 7, len(x), dtype=np.float32)
    low, high = (bound, None) if side == "low" else (None, bound)
    at = np.float32(bound)
    passes = x > at if side == "low" else x < at
    np.testing.assert_array_equal(gate(low, high, x, ct), np.where(passes, ct, np.float32(0)))


def test_between_two_bounds() -> None:
    x = np.concatenate([near(0.0), near(6.0)])
    ct = np.full_like(x, 3.0)
    wanted = np.where((x > 0) & (x < 6), np.float32(3), np.float32(0))
    np.testing.assert_array_equal(gate(0.0, 6.0, x, ct), wanted)


def test_without_bounds_all_passes() -> None:
    x = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(gate(None, None, x, x), x)


@pytest.mark.parametrize("bound", [0.0, 1.0, 6.0])
def test_no_attribute_is_zero(bound: float) -> None:
    """OpenVINO takes an attribute of 0 for one that is left out."""
    nodes = [*gated(bound, None).graph.node, *gated(None, bound).graph.node]
    floats = [a.f for node in nodes for a in node.attribute if a.type == AttributeProto.FLOAT]
    assert len(floats) == 4
    assert 0 not in floats
