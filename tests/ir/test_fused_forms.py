"""Fused and quantised operators of ONNX Runtime by their definitions, against its own kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx.parser
import pytest
from onnx import ModelProto, helper, numpy_helper

from retrograph.backward import Request, build_backward
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.methods import GRADIENT
from support.finite import Evaluator, runtime
from support.graphs import fused

Array = np.ndarray[Any, Any]

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(2, 4, 6, 6)).astype(np.float32)
ROWS = RANDOM.normal(size=(2, 5, 8)).astype(np.float32)


def floats(*shape: int) -> Array:
    return RANDOM.normal(size=shape).astype(np.float32)


def number(value: float) -> Array:
    return np.array(value, np.float32)


@dataclass(frozen=True)
class Form:
    """A body in ONNX's textual form from x to y, and what else it reads."""

    body: str
    x: Array
    step: float = 0.0
    tensors: Mapping[str, Array] = field(default_factory=dict)

    def model(self) -> ModelProto:
        shape = ",".join(map(str, self.x.shape))
        body = self.body.replace("ms.", "com.microsoft.")
        model = onnx.parser.parse_model(
            '<ir_version: 10, opset_import: ["": 18, "com.microsoft": 1]>'
            f"form (float[{shape}] x) => (float[] y) {{ {body} }}"
        )
        model.graph.output[0].type.tensor_type.ClearField("shape")
        for name, value in self.tensors.items():
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        return model


def form(body: str, x: Array = ROWS, step: float = 0.0, **tensors: Array) -> Form:
    return Form(body, x, step, tensors)


KERNEL = "kernel_shape=[3,3], pads=[1,1,1,1]"
W, B = floats(4, 4, 3, 3), floats(4)

FORMS = {
    "FusedConv Relu": form(f'y = ms.FusedConv<activation="Relu", {KERNEL}>(x, w, b)', X, w=W, b=B),
    "FusedConv with a sum": form(
        f'y = ms.FusedConv<activation="Relu", {KERNEL}>(x, w, b, x)', X, w=W, b=B
    ),
    "FusedConv with a sum, no bias": form(f"y = ms.FusedConv<{KERNEL}>(x, w, , x)", X, w=W),
    **{
        f"FusedConv {name}": form(
            f'y = ms.FusedConv<activation="{name}", activation_params=[{values}], {KERNEL}>(x, w)',
            X,
            w=W,
        )
        for name, values in (
            ("LeakyRelu", "0.3"),
            ("Clip", "-0.5, 1.5"),
            ("HardSigmoid", "0.3, 0.4"),
        )
    },
    **{
        f"FusedConv {name}": form(
            f'y = ms.FusedConv<activation="{name}", strides=[2,2]>(x, w)', X, w=W
        )
        for name in ("Tanh", "Sigmoid")
    },
    **{
        f"FusedGemm {name}": form(
            f'a = Flatten<axis=2>(x) y = ms.FusedGemm<activation="{name}"{more}>(a, w, b)',
            RANDOM.normal(size=(3, 1, 8)).astype(np.float32),
            w=floats(6, 8),
            b=floats(6),
        )
        for name, more in (
            ("Relu", ", transB=1, alpha=0.5, beta=2.0"),
            ("LeakyRelu", ", transB=1, activation_alpha=0.3"),
            ("Elu", ", transB=1, activation_alpha=0.7"),
            ("HardSigmoid", ", transB=1, activation_alpha=0.3, activation_beta=0.4"),
            ("Softplus", ", transB=1"),
            ("Softsign", ", transB=1"),
            ("ThresholdedRelu", ", transB=1, activation_alpha=0.3"),
        )
    },
    "FusedMatMul": form("y = ms.FusedMatMul<alpha=0.25>(x, w)", w=floats(8, 3)),
    "FusedMatMul turned": form("y = ms.FusedMatMul<transA=1, transB=1>(x, w)", w=floats(2, 3, 5)),
    "FusedMatMul turned batch": form(
        "y = ms.FusedMatMul<transBatchA=1, transBatchB=1>(x, w)", w=floats(8, 5, 3)
    ),
    "FusedMatMul turned both": form(
        "y = ms.FusedMatMul<transA=1, transBatchA=1, alpha=-2.0>(x, w)", w=floats(5, 2, 3)
    ),
    "Gelu": form("y = ms.Gelu(x)"),
    "BiasGelu": form("y = ms.BiasGelu(x, b)", b=floats(8)),
    "FastGelu": form("y = ms.FastGelu(x)"),
    "FastGelu biased": form("y = ms.FastGelu(x, b)", b=floats(8)),
    "QuickGelu": form("y = ms.QuickGelu<alpha=1.702>(x)"),
    "QuickGelu plain": form("y = ms.QuickGelu<alpha=1.0>(x)"),
    "SkipLayerNormalization": form(
        "y = ms.SkipLayerNormalization<epsilon=0.001>(x, x, g, b)", g=floats(8), b=floats(8)
    ),
    "SkipLayerNormalization biased": form(
        "a, , , s = ms.SkipLayerNormalization(x, k, g, b, c) y = Add(a, s)",
        k=floats(2, 5, 8),
        g=floats(8),
        b=floats(8),
        c=floats(8),
    ),
    "SkipLayerNormalization without shift": form(
        "y = ms.SkipLayerNormalization(x, k, g)", k=floats(5, 8), g=floats(8)
    ),
    "SkipSimplifiedLayerNormalization": form(
        "a, , , s = ms.SkipSimplifiedLayerNormalization<epsilon=0.01>(x, k, g, c) y = Add(a, s)",
        k=floats(2, 5, 8),
        g=floats(8),
        c=floats(8),
    ),
    "SimplifiedLayerNormalization": form(
        "y = SimplifiedLayerNormalization<axis=-1, epsilon=0.01>(x, g)", g=floats(8)
    ),
}

SX, SW, SY = number(0.0311), number(0.0203), number(0.0507)
ZX, ZY = np.array(120, np.uint8), np.array(131, np.uint8)
CODES = RANDOM.integers(-90, 90, (4, 4, 3, 3)).astype(np.int8)
COLUMNS = RANDOM.integers(-90, 90, (8, 6)).astype(np.int8)
PARAMETERS = {"sx": SX, "zx": ZX, "sy": SY, "zy": ZY}
WEIGHTS = {"sw": SW, "zw": np.array(0, np.int8)}
IN, OUT = "q = QuantizeLinear(x, sx, zx)", "y = DequantizeLinear(p, sy, zy)"

QUANTISED = {
    "QLinearConv": form(
        f"{IN} p = QLinearConv<{KERNEL}>(q, sx, zx, w, sw, zw, sy, zy, b) {OUT}",
        X,
        0.0507,
        w=CODES,
        b=RANDOM.integers(-500, 500, 4).astype(np.int32),
        **PARAMETERS,
        **WEIGHTS,
    ),
    "QLinearConv of scaled kernels": form(
        f"{IN} p = QLinearConv<strides=[2,2]>(q, sx, zx, w, sw, zw, sy, zy, b) {OUT}",
        X,
        0.0507,
        w=CODES,
        b=RANDOM.integers(-500, 500, 4).astype(np.int32),
        sw=np.array([0.0103, 0.0207, 0.0309, 0.0411], np.float32),
        zw=np.zeros(4, np.int8),
        **PARAMETERS,
    ),
    "QLinearConv, channels last": form(
        f"{IN} t = Transpose<perm=[0,2,3,1]>(q) "
        f"u = ms.QLinearConv<channels_last=1, {KERNEL}>(t, sx, zx, w, sw, zw, sy, zy) "
        f"p = Transpose<perm=[0,3,1,2]>(u) {OUT}",
        X,
        0.0507,
        w=CODES,
        **PARAMETERS,
        **WEIGHTS,
    ),
    "QLinearMatMul": form(
        f"{IN} p = QLinearMatMul(q, sx, zx, w, sw, zw, sy, zy) {OUT}",
        step=0.0507,
        w=COLUMNS,
        **PARAMETERS,
        **WEIGHTS,
    ),
    "QLinearMatMul of scaled columns": form(
        f"{IN} p = QLinearMatMul(q, sx, zx, w, sw, zw, sy, zy) {OUT}",
        step=0.0507,
        w=COLUMNS,
        sw=np.linspace(0.01, 0.03, 6).astype(np.float32),
        zw=np.zeros(6, np.int8),
        **PARAMETERS,
    ),
    "QGemm": form(
        f"{IN} r = Flatten<axis=2>(q) "
        f"p = ms.QGemm<transB=1, alpha=0.5>(r, sx, zx, w, sw, zw, b, sy, zy) {OUT}",
        RANDOM.normal(size=(3, 1, 8)).astype(np.float32),
        0.0507,
        w=COLUMNS.T.copy(),
        b=RANDOM.integers(-500, 500, 6).astype(np.int32),
        **PARAMETERS,
        **WEIGHTS,
    ),
    "QGemm in floating point": form(
        "q = QuantizeLinear(x, sx, zx) r = Flatten<axis=2>(q) y = ms.QGemm(r, sx, zx, w, sw, zw)",
        RANDOM.normal(size=(3, 1, 8)).astype(np.float32),
        w=COLUMNS,
        sx=SX,
        zx=ZX,
        **WEIGHTS,
    ),
    **{
        f"QLinear{op}": form(
            f"{IN} p = ms.QLinear{op}(q, sx, zx, q, sx, zx, sy, zy) {OUT}",
            step=0.0507,
            **PARAMETERS,
        )
        for op in ("Add", "Mul")
    },
    "QLinearAdd of a constant": form(
        f"{IN} p = ms.QLinearAdd(q, sx, zx, w, sw, zx, sy, zy) {OUT}",
        step=0.0507,
        w=RANDOM.integers(0, 255, 8).astype(np.uint8),
        sw=SW,
        **PARAMETERS,
    ),
    "QLinearSigmoid": form(
        f"{IN} p = ms.QLinearSigmoid(q, sx, zx, s, z) y = DequantizeLinear(p, s, z)",
        step=1 / 256,
        sx=SX,
        zx=ZX,
        s=number(1 / 256),
        z=np.array(0, np.uint8),
    ),
    "QLinearLeakyRelu": form(
        f"{IN} p = ms.QLinearLeakyRelu<alpha=0.2>(q, sx, zx, sy, zy) {OUT}",
        step=0.0507,
        **PARAMETERS,
    ),
    "QLinearGlobalAveragePool": form(
        f"{IN} p = ms.QLinearGlobalAveragePool(q, sx, zx, sy, zy) {OUT}", X, 0.0507, **PARAMETERS
    ),
    "QLinearAveragePool": form(
        f"{IN} p = ms.QLinearAveragePool<kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1]>"
        f"(q, sx, zx, sy, zy) {OUT}",
        X,
        0.0507,
        **PARAMETERS,
    ),
    "QLinearConcat": form(
        f"{IN} p = ms.QLinearConcat<axis=1>(sy, zy, q, sx, zx, q, sx, zx) {OUT}",
        step=0.0507,
        **PARAMETERS,
    ),
    "QLinearSoftmax": form(
        f"{IN} p = ms.QLinearSoftmax<axis=-1, opset=13>(q, sx, zx, s, z) "
        "y = DequantizeLinear(p, s, z)",
        step=1 / 256,
        sx=SX,
        zx=ZX,
        s=number(1 / 256),
        z=np.array(0, np.uint8),
    ),
    "MaxPool between": form(
        f"{IN} m = MaxPool<kernel_shape=[2,2]>(q) r = Transpose<perm=[0,2,3,1]>(m) "
        "y = DequantizeLinear(r, sx, zx)",
        X,
        sx=SX,
        zx=ZX,
    ),
    "NhwcMaxPool": form(
        f"{IN} t = Transpose<perm=[0,2,3,1]>(q) "
        "m = ms.NhwcMaxPool<kernel_shape=[2,2], strides=[2,2]>(t) y = DequantizeLinear(m, sx, zx)",
        X,
        sx=SX,
        zx=ZX,
    ),
    "Pad, Concat and Split between": form(
        f"{IN} a = Pad(q, n, k) b, c = Split<axis=1, num_outputs=2>(a) d = Concat<axis=2>(c, b) "
        "e = Reshape(d, s) y = DequantizeLinear(e, sx, zx)",
        X,
        n=np.array([0, 1, 0, 0, 0, 1, 0, 0]),
        k=np.array(7, np.uint8),
        s=np.array([2, -1]),
        sx=SX,
        zx=ZX,
    ),
    "scales along an axis": form(
        "q = QuantizeLinear<axis=1>(x, s, z) y = DequantizeLinear<axis=1>(q, s, z)",
        X,
        s=np.array([0.01, 0.02, 0.03, 0.04], np.float32),
        z=np.array([0, 3, -5, 7], np.int8),
    ),
    "another scale behind": form(
        "q = QuantizeLinear(x, sx, zx) y = DequantizeLinear(q, sy, zy)", **PARAMETERS
    ),
}

DYNAMIC = {
    "ConvInteger": form(
        f"q, s, z = DynamicQuantizeLinear(x) c = ConvInteger<{KERNEL}>(q, w, z) "
        "f = Cast<to=1>(c) t = Mul(s, sw) y = Mul(f, t)",
        X,
        w=CODES,
        sw=SW,
    ),
    "MatMulInteger": form(
        "q, s, z = DynamicQuantizeLinear(x) c = MatMulInteger(q, w, z, zw) "
        "f = Cast<to=1>(c) t = Mul(s, sw) y = Mul(f, t)",
        w=COLUMNS,
        sw=SW,
        zw=np.array(3, np.int8),
    ),
    "MatMulInteger of columns": form(
        "q, s, z = DynamicQuantizeLinear(x) c = MatMulInteger(q, w, z, zw) "
        "f = Cast<to=1>(c) t = Mul(s, sw) y = Mul(f, t)",
        w=COLUMNS,
        sw=np.linspace(0.01, 0.03, 6).astype(np.float32),
        zw=np.arange(6).astype(np.int8),
    ),
    "MatMulIntegerToFloat": form(
        "q, s, z = DynamicQuantizeLinear(x) y = ms.MatMulIntegerToFloat(q, w, s, sw, z, zw, b)",
        w=COLUMNS,
        b=floats(6),
        **WEIGHTS,
    ),
    "DynamicQuantizeMatMul": form(
        "y = ms.DynamicQuantizeMatMul(x, w, sw, zw, b)", w=COLUMNS, b=floats(6), **WEIGHTS
    ),
    "DynamicQuantizeMatMul of columns": form(
        "y = ms.DynamicQuantizeMatMul(x, w, sw)",
        w=COLUMNS,
        sw=np.linspace(0.01, 0.03, 6).astype(np.float32),
    ),
    "DequantizeLinear": form("q, s, z = DynamicQuantizeLinear(x) y = DequantizeLinear(q, s, z)"),
}


@pytest.mark.parametrize("name", [*FORMS, *QUANTISED, *DYNAMIC])
def test_definition_gives_what_the_kernel_gives(name: str) -> None:
    given = {**FORMS, **QUANTISED, **DYNAMIC}[name]
    graph = canonicalize(given.model())
    plain = graph.to_model()
    assert not fused(plain)
    assert not any("Integer" in n.op_type or "QLinear" in n.op_type for n in plain.graph.node)
    wanted = runtime(given.model(), optimised=False)({"x": given.x})["y"]
    for optimised in (False, True):
        found = runtime(plain, optimised)({"x": given.x})["y"]
        assert found.shape == wanted.shape
        off = np.abs(found - wanted)
        close = off <= 1e-5 * np.abs(wanted).max()
        assert np.all(close | (off <= 1.01 * given.step))
        assert close.mean() > 0.97


@pytest.mark.parametrize("name", [*QUANTISED, *DYNAMIC])
def test_cotangent_passes_straight_through_rounding(name: str) -> None:
    """The gradient is that of the same arithmetic with the error of each rounding held still."""
    given = {**QUANTISED, **DYNAMIC}[name]
    graph = canonicalize(given.model())
    smooth = runtime(with_errors_held(graph.to_model(), given.x), optimised=False)
    built, report = build_backward(Request(graph, ("x",), "y", GRADIENT, "cotangent"))
    assert any("straight through" in note for note in report.notes)
    x, y = given.x, smooth({"x": given.x})["y"]
    ct = np.random.default_rng(5).normal(size=y.shape).astype(np.float32)
    found = runtime(built)({"x": x, "cotangent": ct})["attribution"]
    right, left = (slopes(smooth, x, ct, step) for step in (2e-3, -2e-3))
    near = 0.02 * float(np.abs(found).max())
    assert np.all(found >= np.minimum(left, right) - near)
    assert np.all(found <= np.maximum(left, right) + near)
    assert np.mean(np.abs(right - left) <= near) > 0.7, "too many kinks to tell"


def slopes(run: Evaluator, x: Array, ct: Array, step: float) -> Array:
    """The slope of <ct, y> to one side of each number of x."""
    y, found = run({"x": x})["y"], np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += step
        found[place] = np.sum(ct * (run({"x": moved})["y"] - y), dtype=np.float64) / step
    return found


def with_errors_held(model: ModelProto, x: Array) -> ModelProto:
    """The model with a constant added in place of each rounding: its error at x."""
    rounds = [n for n in model.graph.node if n.op_type == "Round"]
    seen = ModelProto()
    seen.CopyFrom(model)
    names = [name for n in rounds for name in (n.input[0], n.output[0])]
    seen.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    values = runtime(seen, optimised=False)({"x": x})
    for node in rounds:
        error = f"{node.output[0]}.error"
        held = values[node.output[0]] - values[node.input[0]]
        model.graph.initializer.append(numpy_helper.from_array(held, error))
        node.op_type = "Add"
        node.input.append(error)
    return model
