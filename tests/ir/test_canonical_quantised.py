"""The canonical form of quantised activations and weights keeps their values."""

from __future__ import annotations

import numpy as np
import pytest

from retrograph.ir.passes.canonicalize import canonicalize
from support.canonical_case import RANDOM, X, canonical_output, model_of
from support.finite import Array, runtime

QUANTISED = {
    "uint8": (np.float32(0.05), np.uint8(120)),
    "int8": (np.float32(0.04), np.int8(-3)),
    "int16": (np.float32(0.001), np.int16(5)),
}


@pytest.mark.parametrize(("scale", "zero"), QUANTISED.values(), ids=QUANTISED)
def test_quantised_activations_keep_their_values(scale: Array, zero: Array) -> None:
    body = "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)"
    model = model_of(body, 21, s=np.asarray(scale), z=np.asarray(zero))
    x = 3 * X
    limits = np.iinfo(zero.dtype)
    whole = np.clip(np.round(x / scale) + int(zero), limits.min, limits.max)
    wanted = ((whole - int(zero)) * scale).astype(np.float32)
    np.testing.assert_allclose(canonical_output(model, x), wanted, rtol=1e-6, atol=1e-7)
    graph = canonicalize(model)
    assert "QuantizeLinear" not in {n.op_type for n in graph.nodes}
    assert len(graph.straight_through) == 1


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_quantised_weights_keep_their_values(kind: type[np.generic], axis: int | None) -> None:
    """ONNX Runtime 1.31.1 quantises x as well where it finds a DequantizeLinear of a weight."""
    weight = RANDOM.integers(0, 100, (3, 2)).astype(kind)
    scale: Array = np.array(0.25, np.float32)
    zero: Array = np.array(7, kind)
    if axis is not None:
        scale = np.arange(1, weight.shape[axis] + 1, dtype=np.float32) / 4
        zero = np.arange(7, weight.shape[axis] + 7, dtype=kind)
    body = f"w = DequantizeLinear<axis={axis or 0}>(v, s, z) y = MatMul(x, w)"
    model = model_of(body, 19, x="N,3", v=weight, s=scale, z=zero)
    behind = (-1, 1) if axis == 0 else (-1,)
    decoded: Array = (weight.astype(np.float32) - zero.reshape(behind)) * scale.reshape(behind)
    wanted = X[:, :, 0] @ decoded
    np.testing.assert_allclose(canonical_output(model, X[:, :, 0]), wanted, rtol=1e-5, atol=1e-5)
    if axis != 0:
        assert not np.allclose(runtime(model)({"x": X[:, :, 0]})["y"], wanted, rtol=1e-5)
