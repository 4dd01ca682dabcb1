"""Every way in which ONNX Runtime's tool quantises a layer, against the formula of its gradient.

The gradient is that of the network of the weights as they are stored, its ReLU where the float
network has it: rounding passes it on, and no number lies at an end of its range.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import ModelProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

import retrograph
from support.finite import runtime

Array = np.ndarray[Any, Any]

RANDOM = np.random.default_rng(14)
UNIT = 1
FORMATS = {"QDQ": QuantFormat.QDQ, "QOperator": QuantFormat.QOperator}
ACTIVATIONS = {
    "u8": QuantType.QUInt8,
    "s8": QuantType.QInt8,
    "u16": QuantType.QUInt16,
    "s16": QuantType.QInt16,
}
BODIES = {
    "Conv": "h = Conv (x, w, b) r = Relu (h) k = Conv (r, v, c) m = GlobalAveragePool (k)"
    " y = Flatten (m)",
    "Gemm": "f = Flatten (x) h = Gemm (f, w, b) r = Relu (h) y = Gemm (r, v, c)",
    "MatMul": "f = Flatten (x) m = MatMul (f, w) h = Add (m, b) r = Relu (h) n = MatMul (r, v)"
    " y = Add (n, c)",
}


def floats(*shape: int) -> Array:
    return RANDOM.standard_normal(shape).astype(np.float32)


DENSE = {"w": floats(48, 5), "b": floats(5), "v": floats(5, 4), "c": floats(4)}
"""Less than 1,024 bytes each: the tool of 1.20 loses the file to which it moves what is larger."""
WEIGHTS = {
    "Conv": {"w": floats(6, 3, 3, 3), "b": floats(6), "v": floats(4, 6, 1, 1), "c": floats(4)},
    "Gemm": DENSE,
    "MatMul": DENSE,
}
OUTPUT_AXIS = {"Conv": 0, "Gemm": 1, "MatMul": 1}


def float_model(layer: str, opset: int) -> ModelProto:
    model = onnx.parser.parse_model(
        f'<ir_version: {8 if opset < 21 else 10}, opset_import: ["": {opset}]>'
        f"net (float[N,3,4,4] x) => (float[N,4] y) {{ {BODIES[layer]} }}"
    )
    for i, node in enumerate(model.graph.node):
        node.name = f"node{i}"
    for name, value in WEIGHTS[layer].items():
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Inputs twice as large as the one that is explained, so that it reaches no end of a range."""

    def __init__(self, x: Array) -> None:
        self.feeds: Iterator[dict[str, Array]] = iter([{"x": scale * x} for scale in (-2, 1, 2)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self.feeds, None)


def windows(x: Array) -> Array:
    """The windows of a 3 x 3 convolution: [N, C, 2, 2, 3, 3]."""
    found: Array = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    return found


def hidden(layer: str, x: Array, w: Array, b: Array) -> Array:
    if layer == "Conv":
        return np.einsum("nchwij,ocij->nohw", windows(x), w) + b.reshape(-1, 1, 1)
    return x.reshape(len(x), -1) @ w + b


def gradient(layer: str, alive: Array, w: Array, v: Array) -> Array:
    """That of score UNIT, for weights w and v, where the ReLU lets through what is alive."""
    if layer != "Conv":
        ct = alive * v[:, UNIT]
        return (ct @ w.T).reshape(-1, 3, 4, 4)
    ct = alive * v[UNIT] / 4
    found = np.zeros((len(alive), 3, 4, 4))
    for i, j in itertools.product(range(2), range(2)):
        found[:, :, i : i + 3, j : j + 3] += np.einsum("no,ocij->ncij", ct[:, :, i, j], w)
    return found


def far_from_zero(layer: str) -> Array:
    """An input of which no hidden number is so small that rounding could change its sign.

    With 8 bits a hidden number is off by about 0.12; it is the same input whatever ran before.
    """
    w, b = WEIGHTS[layer]["w"], WEIGHTS[layer]["b"]
    random = np.random.default_rng(14)
    while True:
        x = random.standard_normal((2, 3, 4, 4)).astype(np.float32)
        if np.abs(hidden(layer, x, w, b)).min() > 0.6:
            return x


def stored(model: ModelProto, name: str, axis: int) -> Array:
    """What a quantised weight stands for."""
    held = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    whole = held[f"{name}_quantized"].astype(np.float64)
    shape = [1] * whole.ndim
    if held[f"{name}_scale"].size > 1:
        shape[axis] = -1
    zero = held[f"{name}_zero_point"].astype(np.float64).reshape(shape)
    return (whole - zero) * held[f"{name}_scale"].astype(np.float64).reshape(shape)


def quantised(
    path: Path, layer: str, opset: int, fmt: str, activation: str, x: Array, **options: Any
) -> ModelProto:
    logging.disable(logging.WARNING)
    try:
        quantize_static(
            float_model(layer, opset),
            path,
            Calibration(x),
            quant_format=FORMATS[fmt],
            **{
                "activation_type": ACTIVATIONS[activation],
                "weight_type": QuantType.QInt8,
                **options,
            },
        )
    finally:
        logging.disable(logging.NOTSET)
    return onnx.load(path)


def check_gradient(layer: str, model: ModelProto, x: Array) -> None:
    axis = OUTPUT_AXIS[layer]
    w, v = stored(model, "w", axis), stored(model, "v", axis)
    alive = hidden(layer, x, WEIGHTS[layer]["w"], WEIGHTS[layer]["b"]) > 0
    wanted = gradient(layer, alive, w, v)
    built = retrograph.build(model, method="gradient", layer="y", select="unit")
    scores = runtime(model, optimised=False)({"x": x})["y"]
    for optimised in (False, True):
        found = runtime(built, optimised=optimised)({"x": x, "select": np.full((2, 1), UNIT)})
        np.testing.assert_allclose(found["attribution"], wanted, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found["y"], scores, rtol=1e-5, atol=1e-5)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("layer", BODIES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
@pytest.mark.parametrize("fmt", FORMATS)
def test_the_gradient_is_that_of_the_stored_weights(
    tmp_path: Path, fmt: str, per_channel: bool, activation: str, layer: str, opset: int
) -> None:
    x = far_from_zero(layer)
    quantise = partial(quantised, tmp_path / "q.onnx", layer, opset, fmt, activation, x)
    if fmt == "QOperator" and activation.endswith("16"):
        with pytest.raises(ValueError, match=r"Only QuantFormat.QDQ supports 16-bit"):
            quantise(per_channel=per_channel)
        return
    check_gradient(layer, quantise(per_channel=per_channel), x)


OPTIONS: dict[str, dict[str, Any]] = {
    "weights u8": {"weight_type": QuantType.QUInt8},
    "weights s16": {"weight_type": QuantType.QInt16},
    "domain com.microsoft": {"extra_options": {"UseQDQContribOps": True}},
    "domain com.microsoft, 16 bits": {"activation_type": QuantType.QInt16},
    "symmetric": {"extra_options": {"ActivationSymmetric": True, "WeightSymmetric": True}},
    "a pair for each reader": {"extra_options": {"DedicatedQDQPair": True}},
    "bias in float": {"extra_options": {"QuantizeBias": False}},
    "seven bits": {"reduce_range": True},
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("layer", BODIES)
@pytest.mark.parametrize("option", OPTIONS)
def test_so_it_is_with_other_options(tmp_path: Path, option: str, layer: str) -> None:
    x = far_from_zero(layer)
    model = quantised(tmp_path / "q.onnx", layer, 17, "QDQ", "u8", x, **OPTIONS[option])
    check_gradient(layer, model, x)
