"""Operators on whole numbers between QuantizeLinear and DequantizeLinear.

Each is held against the floating-point operator on what the whole numbers stand for: the gradient
is the same, and the scores are those that ONNX Runtime gives with the whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx.parser
import pytest
from onnx import ModelProto, numpy_helper

import retrograph
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.vjp.engine.obstacles import cuts
from support.finite import runtime

Array = np.ndarray[Any, Any]

RANDOM = np.random.default_rng(2)
X = RANDOM.standard_normal((2, 3, 8, 8)).astype(np.float32)
W = (0.2 * RANDOM.standard_normal((4, 3, 3, 3))).astype(np.float32)
V = RANDOM.random((4, 5)).astype(np.float32)
STEP = 0.03125


@dataclass(frozen=True)
class Region:
    """What stands between, from q to p on whole numbers, and its twin from d to e in float.

    Attributes:
        whole, twin: bodies in ONNX's textual form; the twin reads the constants of `real`.
        zero: the zero point; its type is that of q.
        ints: constants that `whole` reads.
        real: constants that `twin` reads, in steps of the quantiser, zero points subtracted.
        sizes: constants that both read.
        rounds: whether the operator rounds, and only the gradients are the same.
    """

    whole: str
    twin: str
    zero: Array
    ints: Mapping[str, Array] = field(default_factory=dict)
    real: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, Array] = field(default_factory=dict)
    rounds: bool = False
    opset: int = 18


def model(region: Region, whole: bool) -> ModelProto:
    body = "q = QuantizeLinear (r, s, z) "
    body += region.whole if whole else f"d = DequantizeLinear (q, s, z) {region.twin}"
    body += " e = DequantizeLinear (p, s, z)" if whole and "e =" not in region.whole else ""
    text = (
        f'<ir_version: 10, opset_import: ["": {region.opset}]>'
        "net (float[2,3,8,8] x) => (float[2,5] y)"
        f"{{ c = Conv <pads=[1,1,1,1]> (x, w) r = LeakyRelu <alpha=0.5> (c) {body}"
        "  m = GlobalAveragePool (e) f = Flatten (m) u = Gemm (f, v, bias) y = Relu (u) }"
    )
    made = onnx.parser.parse_model(text)
    real = {k: (np.asarray(v) * STEP).astype(np.float32) for k, v in region.real.items()}
    stored = {
        "w": W,
        "v": V,
        "bias": np.ones(5, np.float32),
        "s": np.array(STEP, np.float32),
        "z": region.zero,
        **region.sizes,
    }
    for name, value in (stored | dict(region.ints if whole else real)).items():
        made.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return made


def u8(*values: int) -> Array:
    return np.array(values[0] if len(values) == 1 else values, np.uint8)


def i8(*values: int) -> Array:
    return np.array(values[0] if len(values) == 1 else values, np.int8)


def i32(value: int) -> Array:
    return np.array(value, np.int32)


def ints(*values: int) -> Array:
    return np.array(values, np.int64)


GRID = u8(100)
DOUBLED = np.array([1, 1, 2, 2], np.float32)

REGIONS = {
    "Clip of QCDQ": Region(
        "p = Clip (q, a, b)",
        "e = Clip (d, a, b)",
        i8(0),
        {"a": i8(-8), "b": i8(7)},
        {"a": -8, "b": 7},
    ),
    "Clip u8": Region(
        "p = Clip (q, a, b)",
        "e = Clip (d, a, b)",
        GRID,
        {"a": u8(90), "b": u8(115)},
        {"a": -10, "b": 15},
    ),
    "Clip from above": Region(
        "p = Clip (q, , b)", "e = Clip (d, , b)", GRID, {"b": u8(110)}, {"b": 10}
    ),
    "Clip of opset 21": Region(
        "p = Clip (q, a)",
        "e = Clip (d, a)",
        i8(7),
        {"a": i8(3)},
        {"a": -4},
        opset=21,
    ),
    "Relu": Region("p = Relu (q)", "e = Relu (d)", i8(0)),
    "Relu, zero point 9": Region("p = Relu (q)", "e = Max (d, a)", i8(9), {}, {"a": -9}),
    "Relu, zero point -9": Region("p = Relu (q)", "e = Max (d, a)", i8(-9), {}, {"a": 9}),
    "Max of the zero point": Region("p = Max (q, z)", "e = Relu (d)", GRID),
    "Min of Max": Region(
        "t = Max (a, q) p = Min (t, b)",
        "e = Clip (d, a, b)",
        GRID,
        {"a": u8(95), "b": u8(120)},
        {"a": -5, "b": 20},
    ),
    "Max of two": Region(
        "n = Neg (c) o = QuantizeLinear (n, s, k) p = Max (q, o)",
        "n = Neg (c) o = QuantizeLinear (n, s, z) h = DequantizeLinear (o, s, z)"
        " g = Add (h, i) e = Max (d, g)",
        GRID,
        {"k": u8(110)},
        {"i": 10},
    ),
    "Where above a code": Region(
        "t = Greater (q, a) p = Where (t, q, z)",
        "t = Greater (d, a) o = Sub (d, d) e = Where (t, d, o)",
        GRID,
        {"a": u8(107)},
        {"a": 7},
    ),
    "Where above the zero point": Region(
        "t = Greater (q, z) p = Where (t, q, z)", "e = Relu (d)", GRID
    ),
    "Where of constants": Region(
        "t = LessOrEqual (q, a) p = Where (t, b, q)",
        "t = LessOrEqual (d, a) e = Where (t, b, d)",
        GRID,
        {"a": u8(92), "b": u8(80)},
        {"a": -8, "b": -20},
    ),
    "Cast there and back": Region(
        "t = Cast <to=6> (q) p = Cast <to=2> (t)", "e = Identity (d)", GRID
    ),
    "Cast, arithmetic, Cast": Region(
        "t = Cast <to=6> (q) h = Sub (t, a) k = Mul (h, b) n = Neg (k) g = Abs (n) l = Add (g, a)"
        " i = Clip (l, , o) p = Cast <to=2> (i)",
        "g = Mul (d, b) h = Abs (g) e = Clip (h, , o)",
        GRID,
        {"a": i32(100), "b": i32(2), "o": i32(140)},
        {"b": 2 / STEP, "o": 40},
    ),
    "dequantised by hand": Region(
        "t = Cast <to=6> (q) h = Sub (t, a) n = Relu (h) k = Cast <to=1> (n) e = Mul (k, s)",
        "e = Relu (d)",
        GRID,
        {"a": i32(100)},
    ),
    "sums of rows": Region(
        "t = Cast <to=6> (q) h = Sub (t, a) g = ReduceSum (h, i) k = Cast <to=1> (g)"
        " e = Mul (k, s)",
        "e = ReduceSum (d, i)",
        GRID,
        {"a": i32(100)},
        sizes={"i": ints(3)},
    ),
    "ReduceMax": Region(
        "p = ReduceMax (q, i)", "e = ReduceMax (d, i)", GRID, sizes={"i": ints(2, 3)}
    ),
    "ReduceMin": Region(
        "p = ReduceMin (q, i)", "e = ReduceMin (d, i)", i8(3), sizes={"i": ints(3)}
    ),
    "Resize nearest": Region(
        'p = Resize <mode="nearest"> (q, , n)',
        'e = Resize <mode="nearest"> (d, , n)',
        GRID,
        sizes={"n": DOUBLED},
    ),
    **{
        f"Resize linear {kind}": Region(
            f'p = Resize <mode="linear", coordinate_transformation_mode="{how}"> (q, , n)',
            f'e = Resize <mode="linear", coordinate_transformation_mode="{how}"> (d, , n)',
            zero,
            sizes={"n": scales},
            rounds=True,
        )
        for kind, zero, how, scales in (
            ("u8", GRID, "half_pixel", DOUBLED),
            ("s8", i8(-2), "asymmetric", np.array([1, 1, 1.5, 1.75], np.float32)),
            ("aligned", u8(128), "align_corners", np.array([1, 1, 0.5, 2], np.float32)),
        )
    },
    "Concat": Region(
        "o = QuantizeLinear (c, s, z) t = Concat <axis=2> (q, o, k) p = Relu (t)",
        "o = QuantizeLinear (c, s, z) h = DequantizeLinear (o, s, z) t = Concat <axis=2> (d, h, k)"
        " e = Relu (t)",
        i8(0),
        {"k": RANDOM.integers(-9, 9, (2, 4, 1, 8)).astype(np.int8)},
        {"k": np.zeros((2, 4, 1, 8))},
        rounds=True,
    ),
    "moved about": Region(
        "a = Pad (q, n, k) b = Transpose <perm=[0,2,3,1]> (a) c1 = Slice (b, i, j, i)"
        " d1 = Tile (c1, l) e1 = Transpose <perm=[0,3,1,2]> (d1)"
        " p = GatherElements <axis=3> (e1, h)",
        "a = Pad (d, n, k) b = Transpose <perm=[0,2,3,1]> (a) c1 = Slice (b, i, j, i)"
        " d1 = Tile (c1, l) e1 = Transpose <perm=[0,3,1,2]> (d1)"
        " e = GatherElements <axis=3> (e1, h)",
        GRID,
        {"k": u8(110)},
        {"k": 10},
        sizes={
            "n": ints(0, 0, 1, 0, 0, 0, 0, 2),
            "i": ints(1),
            "j": ints(7),
            "l": ints(1, 2, 1, 1),
            "h": RANDOM.integers(0, 10, (2, 4, 12, 6)),
        },
    ),
}


@pytest.mark.parametrize("method", ["gradient", "guided"])
@pytest.mark.parametrize("name", REGIONS)
def test_whole_numbers_pass_as_what_they_stand_for(name: str, method: str) -> None:
    region = REGIONS[name]
    source, twin = model(region, whole=True), model(region, whole=False)
    given = {"x": X, "cotangent": RANDOM.standard_normal((2, 5)).astype(np.float32)}
    built = retrograph.build(source, method=method, select="cotangent")
    scores = runtime(source, optimised=False)({"x": X})["y"]
    wanted = runtime(retrograph.build(twin, method=method, select="cotangent"))(given)
    for optimised in (False, True):
        found = runtime(built, optimised=optimised)(given)
        np.testing.assert_allclose(found["y"], scores, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            found["attribution"], wanted["attribution"], rtol=1e-4, atol=1e-6
        )
    if not region.rounds:
        np.testing.assert_allclose(wanted["y"], scores, rtol=1e-4, atol=1e-5)
    assert np.abs(wanted["attribution"]).max() > 0
    assert not {"QuantizeLinear"} & {node.op_type for node in built.graph.node}


DYNAMIC = {
    "Clip": ("p = Clip (q, a, b)", {"a": u8(90), "b": u8(160)}),
    "Max of the zero point": ("p = Max (q, n)", {}),
    "Where": ("t = Less (q, n) p = Where (t, n, q)", {}),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_so_it_is_with_a_zero_point_that_is_computed(name: str) -> None:
    body, stored = DYNAMIC[name]
    source = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[2,3,8,8] x) => (float[2,3,8,8] y)'
        f"{{ q, s, n = DynamicQuantizeLinear (x) {body} y = DequantizeLinear (p, s, n) }}"
    )
    for key, value in stored.items():
        source.graph.initializer.append(numpy_helper.from_array(value, key))
    scores = runtime(source, optimised=False)({"x": X})["y"]
    built = retrograph.build(source, method="gradient", select="cotangent")
    found = runtime(built)({"x": X, "cotangent": np.ones_like(X)})
    np.testing.assert_allclose(found["y"], scores, rtol=1e-5, atol=1e-6)
    step = (X.max() - X.min()) / 255
    zero = np.round(-X.min() / step)
    low, high = (90, 160) if name == "Clip" else (zero, 255)
    code = X / step + zero
    alive = (low < code) & (code < high)
    sure = (abs(code - low) > 1) & (abs(code - high) > 1)
    np.testing.assert_allclose(found["attribution"][sure], alive[sure])


REFUSED = {
    "a shift": ('p = BitShift <direction="RIGHT"> (q, a)', {"a": u8(1)}, "BitShift", "bit by bit"),
    "a mask": ("p = BitwiseAnd (q, a)", {"a": u8(240)}, "BitwiseAnd", "bit by bit"),
    "a cast that wraps": (
        "t = Cast <to=3> (q) p = Cast <to=2> (t)",
        {},
        "Cast",
        "beyond int8 wrap around",
    ),
    "a sum that wraps": ("p = Add (q, a)", {"a": u8(200)}, "Add", "beyond uint8 wrap around"),
    "a quotient": (
        "t = Cast <to=6> (q) h = Div (t, a) p = Cast <to=2> (h)",
        {"a": i32(2)},
        "Div",
        "no form in floating point",
    ),
    "a table": (
        "t = Cast <to=6> (q) p = Gather (a, t)",
        {"a": np.arange(256).astype(np.uint8)},
        "Gather",
        "no form in floating point",
    ),
    "antialias": (
        'p = Resize <mode="linear", antialias=1> (q, , n)',
        {"n": DOUBLED},
        "Resize",
        "rounds whole numbers in a way of its own",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_pass_is_named(name: str) -> None:
    body, stored, op, reason = REFUSED[name]
    source = model(Region(body, "", GRID, stored), whole=True)
    (problem,) = cuts(canonicalize(source), ["x"], "y")
    assert problem.op == op
    assert reason in problem.reason
