"""Max-pools whose windows tile their input: the switches are a mask, on every host.

The rule itself is held against central differences (vjp_cases_window.py); here are ties, the
blocked layout, windows at an edge, and what no host need have.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

import retrograph
from retrograph.ir.builder import DEVICES, Device
from support.graphs import runner
from support.paths import SAMPLE_MODELS

Array = np.ndarray[Any, Any]
SAMPLE = SAMPLE_MODELS / "cifar10_cnn.onnx"


def pooled(sizes: tuple[int, ...], kernel: tuple[int, ...], channels: int) -> onnx.ModelProto:
    """A pool of what a convolution makes of one channel: `channels` times the picture."""
    ones = ", ".join(["1.0"] * channels)
    point = ", ".join(["1"] * len(sizes))
    dims = ", ".join(map(str, sizes))
    window = (
        f"kernel_shape=[{', '.join(map(str, kernel))}], strides=[{', '.join(map(str, kernel))}]"
    )
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 1, {dims}] x) => (float[N, {channels}, {", ".join("?" * len(sizes))}] y)
        <float[{channels}, 1, {point}] w = {{{ones}}}>
        {{ c = Conv (x, w) y = MaxPool <{window}> (c) }}"""
    )


def windows(sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    for start in product(*(range(0, s, k) for s, k in zip(sizes, kernel, strict=True))):
        yield tuple(slice(a, a + k) for a, k in zip(start, kernel, strict=True))


def first_maximum(x: Array, kernel: tuple[int, ...]) -> Array:
    """Ones at the first maximum of each window, found one by one"""
    found = np.zeros_like(x)
    for item, window in product(range(len(x)), windows(x.shape[2:], kernel)):
        place = np.unravel_index(np.argmax(x[(item, 0, *window)]), kernel)
        found[(item, 0, *window)][place] = 1
    return found


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("channels", [3, 16, 32])
@pytest.mark.parametrize(
    ("sizes", "kernel"),
    [((12,), (3,)), ((6, 8), (2, 2)), ((9, 4), (3, 1)), ((6, 6), (3, 3)), ((4, 4, 6), (2, 1, 3))],
)
def test_of_equal_maxima_the_first_is_the_switch(
    sizes: tuple[int, ...], kernel: tuple[int, ...], channels: int, device: Device
) -> None:
    built = retrograph.build(
        pooled(sizes, kernel, channels), method="gradient", select="cotangent", device=device
    )
    values = np.array([-np.finfo(np.float32).max, -1.0, -0.0, 1e-30, 1.0, 3e38], np.float32)
    x = np.random.default_rng(0).choice(values, (2, 1, *sizes))
    x[1] = 0.5
    outputs = [s // k for s, k in zip(sizes, kernel, strict=True)]
    ct = np.ones((2, channels, *outputs), np.float32)
    got = runner(built)(x, cotangent=ct)["attribution"]
    np.testing.assert_array_equal(got, channels * first_maximum(x, kernel))


@pytest.mark.parametrize("method", ["gradient", "guided", "deconvnet"])
def test_a_relu_before_the_pool_is_gated_after_it_all_the_same(method: str) -> None:
    """Where relu is 0 in the whole window the gradient is 0, which tells the gate's place."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 1, 4, 4] x) => (float[N, 1, 2, 2] y)
        { r = Relu (x) y = MaxPool <kernel_shape=[2, 2], strides=[2, 2]> (r) }"""
    built = retrograph.build(onnx.parser.parse_model(text), method=method, select="cotangent")
    x = np.array([[1, 2, -1, -2], [2, 0, -3, -4], [0, 0, 5, 5], [0, -1, 5, 5]], np.float32)
    ct = np.array([[3, 4], [-5, -6]], np.float32)
    got = runner(built)(x[None, None], cotangent=ct[None, None])["attribution"][0, 0]
    wanted = np.zeros((4, 4), np.float32)
    wanted[0, 1] = 3
    if method == "deconvnet":
        wanted[0, 2] = 4  # the first of the zeros
    if method == "gradient":
        wanted[2, 2] = -6
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("unit", [(5, 0, 0), (3, 7, 7), (9, 0, 7), (21, 7, 0), (77, 3, 0)])
def test_a_unit_at_an_edge_is_what_its_cotangent_is(unit: tuple[int, int, int]) -> None:
    """Its windows hold places outside of the picture, where no maximum is."""
    one = retrograph.build(SAMPLE, method="gradient", layer="relu3", select="unit")
    all_of_it = retrograph.build(SAMPLE, method="gradient", layer="relu3", select="cotangent")
    x = np.random.default_rng(1).random((2, 3, 32, 32), np.float32)
    ct = np.zeros((2, 256, 8, 8), np.float32)
    ct[(slice(None), *unit)] = 1
    got = runner(one)(x, select=np.array([unit, unit]))["attribution"]
    wanted = runner(all_of_it)(x, cotangent=ct)["attribution"]
    np.testing.assert_allclose(got, wanted, atol=1e-6)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("target", [None, "relu3"])
@pytest.mark.parametrize("method", ["guided", "integrated-gradients"])
def test_no_host_needs_maxunpool_or_indices(
    method: str, target: str | None, device: Device
) -> None:
    built = retrograph.build(SAMPLE, method=method, layer=target, device=device)
    bodies = [a.g for node in built.graph.node for a in node.attribute if a.g.node]
    nodes = [node for graph in (built.graph, *bodies) for node in graph.node]
    assert not [node.op_type for node in nodes if node.op_type == "MaxUnpool"]
    assert all(len(node.output) == 1 for node in nodes if node.op_type == "MaxPool")
