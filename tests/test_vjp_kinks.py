"""Where a derivative is a matter of convention: ties, bounds and kinks, by number.

A pool passes its cotangent to the first maximum of a window, in row-major order; a maximum over
axes and one of several variables share evenly; at its bounds a clipped value passes nothing.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from finite import Array, reference, runtime
from onnx import ModelProto, parser

from retrograph.backward import Request, build_backward
from retrograph.ir.canonicalize import canonicalize
from retrograph.methods import GRADIENT


def built(body: str, inputs: str, opset: int = 18) -> ModelProto:
    header = f'<ir_version: 8, opset_import: ["": {opset}]>'
    model = parser.parse_model(f"{header} kinks ({inputs}) => (float[] y) {{ {body} }}")
    sources = tuple(v.name for v in model.graph.input)
    request = Request(canonicalize(model), sources, "y", GRADIENT, "cotangent")
    return build_backward(request)[0]


def attribution(model: ModelProto, feeds: dict[str, Array]) -> Array:
    """What ONNX Runtime, optimised and not, and onnx.reference agree on."""
    optimised = runtime(model)(feeds)["attribution"]
    plain = runtime(model, optimised=False)(feeds)["attribution"]
    np.testing.assert_array_equal(optimised, plain)
    np.testing.assert_allclose(reference(model)(feeds)["attribution"], plain, rtol=1e-6)
    return optimised


def first_maxima(x: Array, ct: Array, kernel: int, stride: int, pad: int, dilation: int) -> Array:
    """The cotangents at the first maximum of each window of an [N, C, H, W] tensor."""
    dx = np.zeros_like(x)
    height, width = x.shape[2:]
    for n, c, oh, ow in np.ndindex(*ct.shape):
        best, place = -np.inf, (0, 0)
        for kh, kw in itertools.product(range(kernel), range(kernel)):
            h, w = (o * stride - pad + k * dilation for o, k in ((oh, kh), (ow, kw)))
            if 0 <= h < height and 0 <= w < width and x[n, c, h, w] > best:
                best, place = x[n, c, h, w], (h, w)
        dx[(n, c, *place)] += ct[n, c, oh, ow]
    return dx


PICTURES = {
    "zeros": np.zeros((2, 3, 7, 8), np.float32),
    "a flat negative area": np.full((2, 3, 7, 8), -5.0, np.float32),
    "zeros of a ReLU": np.maximum(0, np.random.default_rng(3).normal(-0.5, 1, (2, 3, 7, 8))).astype(
        np.float32
    ),
    "few levels": np.random.default_rng(4).integers(-2, 2, (2, 3, 7, 8)).astype(np.float32),
    "two zeros of both signs": np.where(np.arange(56).reshape(7, 8) % 3, 0.0, -0.0)
    .astype(np.float32)
    .reshape(1, 1, 7, 8)
    .repeat(3, 1),
}
WINDOWS = [
    (2, 2, 0, 1, 0),
    (3, 2, 0, 1, 0),
    (3, 1, 1, 1, 0),
    (3, 2, 1, 1, 0),
    (3, 2, 1, 1, 1),
    (2, 2, 0, 1, 1),
    (2, 1, 0, 2, 0),
    (3, 2, 1, 2, 0),
]


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize(("kernel", "stride", "pad", "dilation", "ceil"), WINDOWS)
@pytest.mark.parametrize("shape", ["N,3,7,8", "N,3,H,W"])
def test_max_pool_keeps_the_first_maximum(
    picture: str, kernel: int, stride: int, pad: int, dilation: int, ceil: int, shape: str
) -> None:
    x = PICTURES[picture]
    attrs = f"strides=[{stride},{stride}], pads=[{pad},{pad},{pad},{pad}], ceil_mode={ceil}"
    attrs += f", kernel_shape=[{kernel},{kernel}], dilations=[{dilation},{dilation}]"
    model = built(f"y = MaxPool<{attrs}>(x)", f"float[{shape}] x")
    extent = dilation * (kernel - 1) + 1
    rooms = [size + 2 * pad - extent for size in x.shape[2:]]
    outputs = [(-(-room // stride) if ceil else room // stride) + 1 for room in rooms]
    ct = np.random.default_rng(5).integers(-9, 9, (*x.shape[:2], *outputs)).astype(np.float32)
    found = attribution(model, {"x": x, "cotangent": ct})
    np.testing.assert_array_equal(found, first_maxima(x, ct, kernel, stride, pad, dilation))


@pytest.mark.parametrize("picture", PICTURES)
def test_global_max_pool_keeps_the_first_maximum(picture: str) -> None:
    x = PICTURES[picture]
    model = built("y = GlobalMaxPool(x)", "float[N,3,H,W] x")
    ct = np.arange(1.0, 1 + x.shape[0] * 3, dtype=np.float32).reshape(-1, 3, 1, 1)
    wanted = np.zeros_like(x)
    for n, c in np.ndindex(*x.shape[:2]):
        place = min((-x[n, c][p], p) for p in np.ndindex(*x.shape[2:]))[1]
        wanted[(n, c, *place)] = ct[n, c, 0, 0]
    np.testing.assert_array_equal(attribution(model, {"x": x, "cotangent": ct}), wanted)


ONES = np.ones((1, 4), np.float32)


@pytest.mark.parametrize(
    ("body", "x", "wanted"),
    [
        ("y = Relu(x)", [0, -0.0, 1, -1], [0, 0, 1, 0]),
        ("y = Abs(x)", [0, -0.0, 2, -2], [0, 0, 1, -1]),
        ("y = LeakyRelu<alpha=0.25>(x)", [0, 1, -1, -0.0], [0.25, 1, 0.25, 0.25]),
        ("y = ThresholdedRelu<alpha=1.0>(x)", [1, 1.5, 0.5, 0], [0, 1, 0, 0]),
        ("y = HardSigmoid<alpha=0.25, beta=0.5>(x)", [-2, 2, 0, 3], [0, 0, 0.25, 0]),
        ("a = Constant<value_float=0.0>() b = Constant<value_float=6.0>() y = Clip(x, a, b)",
         [0, 6, 3, 7], [0, 0, 1, 0]),
        ("a = Constant<value_float=-1.0>() y = Clip(x, a)", [-1, -2, 0, 1], [0, 0, 1, 1]),
        ("a = Constant<value_float=1.0>() y = Max(x, a)", [1, 2, 0, 1.5], [0, 1, 0, 1]),
        ("a = Constant<value_float=1.0>() y = Min(a, x)", [1, 2, 0, -1], [0, 0, 1, 1]),
        ("a = Neg(x) y = Max(x, a)", [0, 2, -2, 1], [0, 1, -1, 1]),
        ("a = Identity(x) y = Min(x, a)", [0, 2, -2, 1], [1, 1, 1, 1]),
        ("a = Constant<value_ints=[1]>() y = ReduceMax(x, a)", [3, 1, 3, 0], [0.5, 0, 0.5, 0]),
        ("a = Constant<value_ints=[1]>() y = ReduceMin(x, a)", [3, 0, 0, 0], [0, 1 / 3, 1 / 3, 1 / 3]),
    ],
)  # fmt: skip
def test_at_the_kink(body: str, x: list[float], wanted: list[float]) -> None:
    model = built(body, "float[N,4] x")
    size = 1 if "Reduce" in body else 4
    feeds = {"x": np.array([x], np.float32), "cotangent": ONES[:, :size]}
    np.testing.assert_allclose(attribution(model, feeds), [wanted], rtol=1e-6)


def test_two_tied_variables_share() -> None:
    model = built("y = Max(a, b)", "float[N,2] a, float[N,2] b")
    feeds = {
        "a": np.array([[1, 2]], np.float32),
        "b": np.array([[1, 1]], np.float32),
        "cotangent": np.array([[4, 4]], np.float32),
    }
    found = runtime(model)(feeds)
    np.testing.assert_array_equal(found["attribution.a"], [[2, 4]])
    np.testing.assert_array_equal(found["attribution.b"], [[2, 0]])
