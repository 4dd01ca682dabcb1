"""More small nets for audits: operators of generators, detectors and transformers' convolutions."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from support.audit_case import SIZE
from support.nets import info, model, node, weights


def upsampling() -> ModelProto:
    """Pools, groups, slopes, a Resize, a Pad, pixels out of channels."""
    nodes = [
        node("Conv", "x w1 b1", "a1", pads=[1, 1, 1, 1]),
        node("Elu", "a1", "e1", alpha=0.7),
        node("AveragePool", "e1", "p1", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1]),
        node("Conv", "p1 w2 b2", "a2", group=2, pads=[1, 1, 1, 1], strides=[2, 2]),
        node("PRelu", "a2 slope", "e2"),
        node("Resize", "e2 scales", "u", mode="linear"),
        node("Pad", "u ends fill", "q"),
        node("Conv", "q w3 b3", "a3"),
        node("InstanceNormalization", "a3 s3 o3", "n3", epsilon=1e-3),
        node("HardSigmoid", "n3", "g3", alpha=0.2),
        node("Mul", "n3 g3", "m3"),
        node("DepthToSpace", "m3", "d", blocksize=2),
        node("LRN", "d", "l", size=3, alpha=0.5, beta=0.75, bias=1.0),
        node("ReduceMean", "l", "r", axes=[2, 3], keepdims=0),
        node("Gemm", "r w4 b4", "y", alpha=0.5, transB=1),
    ]
    nodes[5].input[:] = ["e2", "", "scales"]
    constants = {
        "w1": weights(6, 3, 3, 3),
        "b1": weights(6),
        "w2": weights(8, 3, 3, 3),
        "b2": weights(8),
        "slope": (0.1 + weights(8, 1, 1) ** 2).astype(np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "ends": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "fill": np.float32(0.5),
        "w3": weights(12, 8, 3, 3),
        "b3": weights(12),
        "s3": 1 + weights(12, seed=3) / 2,
        "o3": weights(12, seed=4),
        "w4": weights(5, 3),
        "b4": weights(5),
    }
    return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5])], constants)


def branches(shift: float) -> ModelProto:
    """Two convolutions side by side, joined behind their ReLUs; `shift` is added to weights."""
    nodes = [
        node("Conv", "x w1 b1", "a1", pads=[1, 1, 1, 1]),
        node("Relu", "a1", "r1"),
        node("Conv", "r1 w2 b2", "a2", pads=[1, 1, 1, 1]),
        node("Relu", "a2", "r2"),
        node("Conv", "r1 w3 b3", "a3"),
        node("Relu", "a3", "r3"),
        node("Concat", "r2 r3", "j", axis=1),
        node("Conv", "j w4 b4", "a4", pads=[1, 1, 1, 1]),
        node("Relu", "a4", "r4"),
        node("GlobalAveragePool", "r4", "p"),
        node("Flatten", "p", "f"),
        node("Gemm", "f w5 b5", "y", transB=1),
    ]
    constants = {
        "w1": weights(6, 3, 3, 3),
        "b1": weights(6),
        "w2": weights(8, 6, 3, 3) + np.float32(shift),
        "b2": weights(8) * np.float32(0.02),
        "w3": weights(8, 6, 1, 1, seed=3),
        "b3": weights(8, seed=4) * np.float32(0.02),
        "w4": weights(8, 16, 3, 3, seed=5),
        "b4": weights(8, seed=6),
        "w5": weights(5, 8),
        "b5": weights(5),
    }
    return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5])], constants)


def gelus() -> ModelProto:
    """GELUs, a sum, a difference, a quotient, a join, classes by a Softmax."""
    nodes = [
        node("Conv", "x w1 b1", "a1", pads=[1, 1, 1, 1]),
        *_gelu("a1", "1"),
        node("Conv", "g1 w2 b2", "a2", pads=[1, 1, 1, 1]),
        *_gelu("a2", "2"),
        node("Add", "g2 g1", "sum"),
        node("Concat", "sum a1", "j", axis=1),
        node("Sub", "j shift", "t"),
        node("Div", "t spread", "z"),
        node("Conv", "z w3 b3", "a3"),
        node("Relu", "a3", "r3"),
        node("GlobalAveragePool", "r3", "p"),
        node("Flatten", "p", "f"),
        node("MatMul", "f w4", "h"),
        node("Add", "h b4", "k"),
        node("Softmax", "k", "y", axis=1),
    ]
    constants = {
        "w1": weights(6, 3, 3, 3),
        "b1": weights(6),
        "root2": np.float32(np.sqrt(2)),
        "one": np.float32(1),
        "half": np.float32(0.5),
        "w2": weights(6, 6, 3, 3, seed=1),
        "b2": weights(6, seed=1),
        "shift": weights(1, 12, 1, 1),
        "spread": (1 + weights(1, 12, 1, 1, seed=2) ** 2).astype(np.float32),
        "w3": weights(8, 12, 1, 1),
        "b3": weights(8),
        "w4": 2 * weights(8, 5),
        "b4": weights(5),
    }
    return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5])], constants)


def _gelu(name: str, key: str) -> list:
    return [
        node("Div", f"{name} root2", f"d{key}"),
        node("Erf", f"d{key}", f"e{key}"),
        node("Add", f"e{key} one", f"s{key}"),
        node("Mul", f"{name} s{key}", f"m{key}"),
        node("Mul", f"m{key} half", f"g{key}"),
    ]


def quantised() -> ModelProto:
    """A convolution whose result has few codes, summed with signs: what is rounded is much."""
    nodes = [
        node("QuantizeLinear", "x step zero", "xq"),
        node("DequantizeLinear", "xq step zero", "xd"),
        node("Conv", "xd w", "c"),
        node("QuantizeLinear", "c coarse zero", "cq"),
        node("DequantizeLinear", "cq coarse zero", "cd"),
        node("Conv", "cd v", "y"),
    ]
    constants = {
        "step": np.float32(0.04),
        "coarse": np.float32(1.5),
        "zero": np.int8(0),
        "w": weights(6, 3, 3, 3),
        "v": weights(5, 6, 3, 3),
    }
    ends = [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5, SIZE - 4, SIZE - 4])]
    return model(nodes, *ends, constants)


MORE_NETS = {"upsampling": upsampling, "gelus": gelus}
