"""What exporters of several frameworks write, in the smallest form that went wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper, parser

import retrograph
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.passes.canonicalize import canonicalize
from support.graphs import runner


def model(
    body: str, inputs: str, output: str = "float[] y", opset: int = 18, **values: Any
) -> ModelProto:
    header = f'<ir_version: 8, opset_import: ["": {opset}]>'
    found = parser.parse_model(f"{header} m ({inputs}) => ({output}) {{ {body} }}")
    for name, value in values.items():
        found.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return found


HALF = np.array([0.5], np.float32)
ZERO = np.array([0.0], np.float32)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("v = Max(x, zero) a = Add(v, half) y = Sqrt(a)", 0),
        ("v = Relu(x) w = Identity(v) a = Add(w, half) r = Sqrt(a) y = Reciprocal(r)", 0),
        (
            "a = Max(x, zero) b = Abs(x) c = Neg(b) d = Exp(c) e = Add(d, half) f = Log(e) "
            "y = Add(a, f)",
            0,
        ),
        ("a = Relu(x) n = Neg(x) b = Relu(n) c = Mul(b, half) y = Sub(a, c)", 0),
        ("a = Relu(x) t = Tanh(a) y = Add(x, t)", 1),
        ("a = Relu(x) y = Add(x, a)", 1),
        ("a = Relu(x) b = Relu(a) y = Add(a, b)", 2),
    ],
)
def test_what_counts_as_relu(body: str, count: int) -> None:
    graph = canonicalize(model(body, "float[N,3] x", half=HALF, zero=ZERO))
    assert len(graph.relu_like) == count


@pytest.mark.parametrize(
    ("body", "leads"),
    [
        (
            "s = Shape(x) c = Gather(s, chan) m = Concat<axis=0>(minus, c, minus) "
            "y = Reshape(x, m)",
            False,
        ),
        ("s = Shape<start=1>(x) m = Concat<axis=0>(minus, s) y = Reshape(x, m)", True),
        ("n = Shape<end=1>(x) e = Concat<axis=0>(n, two) y = Slice(x, zeros, e, axes)", True),
        ("y = Slice(x, zeros, two2, axes)", False),
        (
            "s = Shape<end=1>(x) e = Concat<axis=0>(s, two) a = Slice(x, zeros, e, axes) "
            "t = Shape<end=1>(a) f = Concat<axis=0>(t, chan) y = Slice(x, zeros, f, axes)",
            True,
        ),
        (
            "w = Shape<start=2>(x) p = Concat<axis=0>(zeros, w, zeros, w) y = Pad(x, p)",
            True,
        ),
        (
            "w = Shape<start=2>(x) p = Concat<axis=0>(chan, minus, w, zeros, w) y = Pad(x, p)",
            False,
        ),
        (
            "a = Unsqueeze(x, first) b = Concat<axis=0>(a, a) y = ReduceSum<keepdims=0>(b, first)",
            True,
        ),
        ("t = Transpose<perm=[1,0,2]>(x) r = Relu(t) y = Transpose<perm=[1,0,2]>(r)", True),
        ("y = Transpose<perm=[1,0,2]>(x)", False),
    ],
)
def test_where_the_batch_leads(body: str, leads: bool) -> None:
    ints = {"chan": [1], "minus": [-1], "two": [2], "zeros": [0, 0], "axes": [0, 1], "first": [0]}
    constants = {k: np.array(v, np.int64) for k, v in {**ints, "two2": [2, 2]}.items()}
    graph = canonicalize(model(body, "float[N,4,W] x", **constants))
    assert follow_batch(graph).leads("y") == leads


def test_an_if_with_a_constant_condition_is_its_branch() -> None:
    body = """
        s = Shape(x) c = Gather(s, one) h = Equal(c, one)
        y = If (h) <then_branch = a () => (float[] p) { p = Relu(x) },
                    else_branch = b () => (float[] q) { q = Neg(x) }>
    """
    graph = canonicalize(model(body, "float[N,1] x", one=np.array([1], np.int64)))
    assert "If" not in {node.op_type for node in graph.nodes}
    assert len(graph.relu_like) == 1


W11 = np.random.default_rng(0).uniform(0.1, 1, size=(3, 3, 1, 1)).astype(np.float32)
POSITIVE = np.random.default_rng(1).uniform(0.1, 1, size=(2, 5, 6, 3)).astype(np.float32)


def test_a_slice_behind_a_transpose_survives_the_optimiser() -> None:
    """ONNX Runtime 1.31.1 moves a Transpose through a Pad as if the Pad named all axes."""
    body = """
        t = Transpose<perm=[0,3,1,2]>(x) c = Conv(t, w) u = Transpose<perm=[0,2,3,1]>(c)
        s = Slice(u, one, end, one) v = Transpose<perm=[0,3,1,2]>(s) d = Conv(v, w)
        y = ReduceSum<keepdims=0>(d, places)
    """
    ints = {"one": [1], "end": [9], "places": [2, 3]}
    proto = model(body, "float[N,5,6,3] x", "float[N,3] y", w=W11, **ints)
    built = retrograph.build(proto, method="gradient")
    found, wanted = (runner(built, level)(POSITIVE)["attribution"] for level in ("all", "off"))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert not found[:, 0].any()
    assert found[:, 1:].all()


@pytest.mark.parametrize("pads", ["pads", "sums"], ids=["constant", "computed"])
def test_a_pad_of_some_axes_behind_a_transpose_survives_the_optimiser(pads: str) -> None:
    body = f"""
        sums = Add(pads, few)
        t = Transpose<perm=[0,3,1,2]>(x) c = Conv(t, w) u = Transpose<perm=[0,2,3,1]>(c)
        s = Pad(u, {pads}, zero, axes) v = Transpose<perm=[0,3,1,2]>(s) y = Conv(v, w)
    """
    inputs = "float[N,5,6,3] x, int64[4] few"
    ints = {"pads": [1, 2, 3, 0], "axes": [-2, 1]}
    proto = model(body, inputs, "float[N,3,H,W] y", w=W11, zero=np.float32(0), **ints)
    feeds = {"x": POSITIVE, "few": np.zeros(4, np.int64)}
    wanted = runner(proto, "off")(**feeds)["y"]
    built = retrograph.build(proto, method="gradient")
    np.testing.assert_allclose(runner(built, "all")(**feeds)["y"], wanted, rtol=1e-5)
