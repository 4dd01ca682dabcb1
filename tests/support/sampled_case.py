"""Graphs of the methods that sum over samples."""

from __future__ import annotations

import numpy as np
import onnx

import retrograph
from retrograph.methods import Method
from support.graphs import Array, noise, parse, runner

SQUARES = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N, 4] a, float[N, 3, 5] b) => (float[N, 2] y)
<float[4, 2] u, float[15, 2] v>
{
    aa = Mul (a, a)
    ya = MatMul (aa, u)
    bb = Mul (b, b)
    f = Flatten (bb)
    yb = MatMul (f, v)
    y = Add (ya, yb)
}
"""


def pool(*shape: int) -> Array:
    return noise(*shape, seed=8)


def built(text: str, method: str | Method, **options: object) -> onnx.ModelProto:
    model = retrograph.build(parse(text), method=method, **{"select": "unit", **options})
    onnx.checker.check_model(model, full_check=True)
    return model


def attribution(text: str, method: str | Method, x: Array, unit: int = 0) -> Array:
    select = np.full((len(x), 1), unit)
    found: Array = runner(built(text, method))(x, select=select)["attribution"]
    return found
