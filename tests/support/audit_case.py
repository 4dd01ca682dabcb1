"""Small nets for audits, with the operators that faults are made in."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from support.nets import info, model, node, weights

SIZE = 9


def inputs(count: int = 3, channels: int = 3, size: int = SIZE) -> np.ndarray:
    """Inputs that all three nets take."""
    values = np.random.default_rng(7).normal(size=(count, channels, size, size))
    return values.astype(np.float32)


def plain() -> ModelProto:
    """Convolutions with ReLUs, a pool with a remainder, a dense layer."""
    nodes = [
        node("Conv", "x w1 b1", "a1", pads=[1, 1, 1, 1]),
        node("Relu", "a1", "r1"),
        node("Conv", "r1 w2 b2", "a2", pads=[1, 1, 1, 1]),
        node("Relu", "a2", "r2"),
        node("MaxPool", "r2", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p w3 b3", "a3", pads=[1, 1, 1, 1]),
        node("Relu", "a3", "r3"),
        node("GlobalAveragePool", "r3", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w4 b4", "y", transB=1),
    ]
    constants = {
        "w1": weights(6, 3, 3, 3),
        "b1": weights(6),
        "w2": weights(8, 6, 3, 3),
        "b2": weights(8),
        "w3": weights(7, 8, 3, 3),
        "b3": weights(7),
        "w4": weights(5, 7),
        "b4": weights(5),
    }
    return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5])], constants)


def residual() -> ModelProto:
    """Normalised convolutions around a sum."""
    nodes = [
        node("Conv", "x w1", "a1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "a1 s1 o1 m1 v1", "n1"),
        node("Relu", "n1", "r1"),
        node("Conv", "r1 w2", "a2", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "a2 s2 o2 m2 v2", "n2"),
        node("Add", "n2 r1", "sum"),
        node("Relu", "sum", "r2"),
        node("Conv", "r2 w3 b3", "a3", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("LeakyRelu", "a3", "r3", alpha=0.1),
        node("GlobalAveragePool", "r3", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w4 b4", "y", transB=1),
    ]
    constants = {
        "w1": weights(6, 3, 3, 3),
        "w2": weights(6, 6, 3, 3, seed=1),
        "w3": weights(7, 6, 3, 3),
        "b3": weights(7),
        "w4": weights(5, 7),
        "b4": weights(5),
    }
    for key in ("1", "2"):
        seed = int(key)
        constants |= {
            f"s{key}": 1 + weights(6, seed=seed) / 2,
            f"o{key}": weights(6, seed=seed + 2),
            f"m{key}": weights(6, seed=seed + 4) / 4,
            f"v{key}": (0.3 + weights(6, seed=seed + 6) ** 2).astype(np.float32),
        }
    return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], [info("y", ["N", 5])], constants)


def gated() -> ModelProto:
    """A gate by a Sigmoid, a map of classes by a Softmax."""
    nodes = [
        node("Conv", "x w1 b1", "a1", pads=[1, 1, 1, 1]),
        node("Sigmoid", "a1", "s1"),
        node("Mul", "a1 s1", "m1"),
        node("Conv", "m1 w2 b2", "a2", pads=[1, 1, 1, 1]),
        node("LeakyRelu", "a2", "r2", alpha=0.1),
        node("Conv", "r2 w3 b3", "a3"),
        node("Softmax", "a3", "y", axis=1),
    ]
    constants = {
        "w1": weights(6, 3, 3, 3),
        "b1": weights(6),
        "w2": weights(8, 6, 3, 3),
        "b2": weights(8),
        "w3": 3 * weights(4, 8, 1, 1),
        "b3": weights(4),
    }
    shape = ["N", 4, SIZE, SIZE]
    return model(nodes, [info("x", ["N", 3, SIZE, SIZE])], [info("y", shape)], constants)


NETS = {"plain": plain, "residual": residual, "gated": gated}
