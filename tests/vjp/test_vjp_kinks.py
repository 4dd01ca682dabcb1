"""Where a derivative is a matter of convention: ties, bounds and kinks, by number.

A pool passes its cotangent to the first maximum of a window, in row-major order; a maximum over
axes and one of several variables share evenly; at its bounds a clipped value passes nothing.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx import ModelProto, parser

from retrograph.backward import Request, build_backward
from retrograph.errors import UnsupportedError
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.methods import GRADIENT
from support.finite import Array, reference, runtime


def built(body: str, inputs: str, opset: int = 18) -> ModelProto:
    header = f'<ir_version: 8, opset_import: ["": {opset}]>'
    kind = inputs.partition("[")[0]
    model = parser.parse_model(f"{header} kinks ({inputs}) => ({kind}[] y) {{ {body} }}")
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
        ("a = Constant<value_ints=[1]>() y = ReduceMin(x, a)", [0, 0, 0, 0], [0.25] * 4),
        ("a = Constant<value_ints=[1]>() y = ReduceL2(x, a)", [0, 0, 0, 0], [0, 0, 0, 0]),
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


@pytest.mark.parametrize(
    "body", ["y = GlobalAveragePool(x)", "y = ReduceMean(x, a)", "y = ReduceMax(x, a)"]
)
def test_a_large_picture_in_float16(body: str) -> None:
    """65,536 positions are more than float16 can hold."""
    axes = "a = Constant<value_ints=[2,3]>() " if "a)" in body else ""
    model = built(axes + body, "float16[N,1,H,W] x")
    feeds = {"x": np.zeros((1, 1, 256, 256), np.float16)}
    found = runtime(model)({**feeds, "cotangent": np.full((1, 1, 1, 1), 256, np.float16)})
    np.testing.assert_allclose(found["attribution"], np.full((1, 1, 256, 256), 2.0**-8))


SPATIAL = "float[N,2,H,W] x"
REFUSED = [
    ("Resize", "s = Constant<value_ints=[6,7]>() y = Resize<axes=[2,3], mode=\"linear\", "
     "keep_aspect_ratio_policy=\"not_larger\">(x, , , s)", SPATIAL,
     "keep_aspect_ratio_policy='not_larger' with sizes of run time"),
    ("Resize", "s = Constant<value_ints=[20,11]>() y = Resize<axes=[2,3], mode=\"linear\", "
     "antialias=1, keep_aspect_ratio_policy=\"not_larger\">(x, , , s)", "float[N,2,5,7] x",
     "rounds the size of axis 2 up"),
    ("Resize", "s = Constant<value_floats=[1.0,1.0,1.1,1.15]>() y = Resize(x, , s)",
     "float[N,2,6,6] x", "axis 2 without a change of its size"),
    ("Resize", "s = Constant<value_floats=[1.0,1.0,1.1,2.0]>() "
     "y = Resize<mode=\"linear\", antialias=1>(x, , s)",
     "float[N,2,6,6] x", "axis 2 without a change of its size"),
    ("Resize", "r = Constant<value_floats=[0.0,0.0,0.2,0.0,1.0,1.0,0.9,1.0]>() "
     "s = Constant<value_ints=[1,2,6,9]>() y = Resize<mode=\"linear\", "
     "coordinate_transformation_mode=\"tf_crop_and_resize\">(x, r, , s)",
     "float[1,2,6,6] x", "axis 2 without a change of its size"),
    ("Pad", "s = Shape(x) p = Concat<axis=0>(s, s) y = Pad<mode=\"edge\">(x, p)", SPATIAL,
     "pads are computed at run time"),
    ("ConvTranspose", "w = Constant<value=float[2,1,1,1] {1.0, 1.0}>() "
     "y = ConvTranspose<output_shape=[9,9]>(x, w)", SPATIAL, "output_shape.*static shapes"),
    ("Slice", "s = Shape<start=3>(x) y = Slice(x, s, s, s)", SPATIAL,
     "axes are computed at run time"),
    ("Resize", "y = Resize<axes=[2,3]>(x, , s)", "float[N,3,4,4] x, float[2] s",
     "its scales 's' depend on the explained input"),
    ("Resize", "y = Resize<mode=\"cubic\", axes=[2,3], exclude_outside=1, "
     "coordinate_transformation_mode=\"tf_crop_and_resize\">(x, r, , s)",
     "float[N,3,4,4] x, float[4] r, int64[2] s", "by the roi of a Resize with antialias"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "body", "inputs", "reason"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_cannot_be_treated_is_said(op: str, body: str, inputs: str, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason) as refusal:
        built(body, inputs)
    assert [problem.op for problem in refusal.value.problems] == [op]
