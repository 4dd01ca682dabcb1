"""Smooth activations: each as exporters spell it, and its formula in NumPy."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnx.parser
from onnx import ModelProto

from support.graphs import Array, noise

SPELLINGS = {
    "swish": "s = Sigmoid (a)  r = Mul (a, s)",
    "hardswish": "r = HardSwish (a)",
    "hardswish_clip": "t = Add (a, three) s = Clip (t, zero, six) p = Mul (s, a) r = Div (p, six)",
    "mish": "t = Softplus (a) s = Tanh (t) r = Mul (a, s)",
    "gelu": "d = Div (a, root) s = Erf (d) o = Add (s, one) p = Mul (a, o) r = Mul (p, half)",
    "gelu_half_first": "h = Mul (a, half) d = Div (a, root) s = Erf (d) o = Add (one, s) "
    "r = Mul (o, h)",
    "gelu_tanh": "q = Mul (a, a) c = Mul (q, a) k = Mul (c, cubic) i = Add (a, k) "
    "j = Mul (i, slope) s = Tanh (j) o = Add (s, one) p = Mul (a, o) r = Mul (half, p)",
    "elu": "r = Elu <alpha = 1.0> (a)",
    "leaky": "r = LeakyRelu <alpha = 0.1> (a)",
}

NAMES = {
    "swish": "Swish",
    "hardswish": "HardSwish",
    "hardswish_clip": "HardSwish",
    "mish": "Mish",
    "elu": "Elu",
    "leaky": "LeakyRelu",
} | dict.fromkeys(("gelu", "gelu_half_first", "gelu_tanh"), "Gelu")

SMOOTH_U, SMOOTH_V = noise(6, 5), noise(5, 3)


def smooth_net(spelling: str, more: str = "") -> ModelProto:
    text = f"""
    <ir_version: 8, opset_import: ["" : 18]>
    net (float[N, 6] x) => (float[N, 3] y)
    <float one = {{1}}, float three = {{3}}, float six = {{6}}, float zero = {{0}},
     float half = {{0.5}}, float root = {{1.41421356}}, float cubic = {{0.044715}},
     float slope = {{0.79788456}}>
    {{ a = MatMul (x, u) {SPELLINGS[spelling]} {more} y = MatMul (r, v) }}
    """
    model = onnx.parser.parse_model(text)
    for name, value in (("u", SMOOTH_U), ("v", SMOOTH_V)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    return model


def function(name: str, a: Array) -> Array:
    """By its definition, in float64."""
    erf = np.vectorize(math.erf)
    found: Array = {
        "Swish": lambda: a / (1 + np.exp(-a)),
        "HardSwish": lambda: a * np.clip(a / 6 + 0.5, 0, 1),
        "Mish": lambda: a * np.tanh(np.log1p(np.exp(a))),
        "Gelu": lambda: 0.5 * a * (1 + erf(a / np.sqrt(2))),
        "Elu": lambda: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
        "LeakyRelu": lambda: np.where(a > 0, a, 0.1 * a),
    }[name]()
    return found
