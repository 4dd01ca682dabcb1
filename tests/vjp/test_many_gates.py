"""The gates of ReLUs and max-pools, which the units of an item share."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper, parser

from retrograph.ir.builder import DEVICES, Device
from retrograph.model import Model
from support.finite import Array, runtime

ITEMS, UNITS = 2, 3

NETS = {
    "a pool that tiles": "b = Relu(a) y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b)",
    "a pool before the ReLU": "b = MaxPool<kernel_shape=[2,3], strides=[2,3]>(a) y = Relu(b)",
    "pools on pools": "b = MaxPool<kernel_shape=[2,2], strides=[2,2]>(a)"
    " c = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b) d = Relu(c) y = Relu(d)",
    "a pool that leaves a rest": "b = Relu(a) y = MaxPool<kernel_shape=[5,5], strides=[5,5]>(b)",
    "a pool that overlaps": "b = Relu(a) y = MaxPool<kernel_shape=[3,3], strides=[2,2]>(b)",
    "two bounds": "b = Clip(a, zero, one) y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b)",
    "two readers": "b = Relu(a) c = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b)"
    " d = AveragePool<kernel_shape=[2,2], strides=[2,2]>(b) y = Add(c, d)",
    "an average behind a ReLU": "b = Relu(a) y = AveragePool<kernel_shape=[2,2], strides=[2,2]>(b)",
    "a slope that may be negative": "s1 = Sigmoid(a) b = Mul(a, s1) c = Relu(b)"
    " d = Sigmoid(c) y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(d)",
}
"""Behind a convolution and in front of another, both with 16 channels; images are 12 x 12."""


def net(body: str, lead: str) -> Model:
    text = f"a = Conv<pads=[1,1,1,1]>(x, k) {body} z = Conv(y, w) out = Relu(z)"
    graph = parser.parse_graph(f"g (float[{lead},3,12,12] x) => (float[N,16,P,Q] out) {{ {text} }}")
    random = np.random.default_rng(5)
    values = {"k": random.normal(size=(16, 3, 3, 3)), "w": random.normal(size=(16, 16, 2, 2))}
    values |= {"zero": np.array(0.0), "one": np.array(1.0), "whole": np.array([0, 16, 12, 12])}
    for name, value in values.items():
        if any(name in node.input for node in graph.node):
            kind = np.float32 if value.dtype.kind == "f" else np.int64
            graph.initializer.append(numpy_helper.from_array(value.astype(kind), name))
    opsets = [helper.make_opsetid("", 18)]
    return Model(helper.make_model(graph, opset_imports=opsets, ir_version=8))


def picture(items: int) -> Array:
    """Whole numbers, so that windows have several maxima."""
    return np.random.default_rng(6).integers(-1, 2, (items, 3, 12, 12)).astype(np.float32)


def cotangents(model: ModelProto, x: Array) -> Array:
    item = np.shape(runtime(model)({"x": x})["out"])[1:]
    return np.random.default_rng(7).normal(size=(len(x), UNITS, *item)).astype(np.float32)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("method", ["gradient", "deconvnet", "guided"])
@pytest.mark.parametrize("lead", ["N", "1"])
@pytest.mark.parametrize("name", NETS)
def test_they_are_those_of_single_units(name: str, lead: str, method: str, device: Device) -> None:
    model, x = net(NETS[name], lead), picture(1 if lead == "1" else ITEMS)
    ct = cotangents(model.proto, x)
    alone, together = (
        runtime(model.build(request))
        for request in (
            model.request(method=method, select="cotangent", many=many, device=device)
            for many in (False, True)
        )
    )
    found = together({"x": x, "cotangent": ct})["attribution"]
    assert np.abs(found).max() > 0
    for k in range(UNITS):
        expected = alone({"x": x, "cotangent": ct[:, k]})["attribution"]
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-4, atol=1e-4)


def test_a_long_chain_is_no_deep_recursion() -> None:
    chain = " ".join(f"t{i + 1} = Reshape(t{i}, whole)" for i in range(1500))
    model, x = net(f"b = Relu(a) t0 = Identity(b) {chain} y = Identity(t1500)", "N"), picture(ITEMS)
    ct = cotangents(model.proto, x)
    alone, together = (
        runtime(model.build(model.request(method="guided", select="cotangent", many=many)))
        for many in (False, True)
    )
    found = together({"x": x, "cotangent": ct})["attribution"]
    expected = alone({"x": x, "cotangent": ct[:, 1]})["attribution"]
    np.testing.assert_allclose(found[:, 1], expected, rtol=1e-4, atol=1e-4)
