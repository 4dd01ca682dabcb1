"""Small models for tests: built in memory, each with the odd thing that its test is about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from support.paths import SAMPLE_MODELS

Dims = Sequence[int | str | None]

CLASSES = 4


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng([seed, *shape]).normal(size=shape)
    found: np.ndarray = (values / math.sqrt(max(1, math.prod(shape[1:])))).astype(np.float32)
    return found


def info(name: str, dims: Dims, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, dims)


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    constants: dict[str, np.ndarray] | None = None,
    *,
    opset: int = 17,
    domains: Sequence[str] = (),
) -> ModelProto:
    stored = [numpy_helper.from_array(v, k) for k, v in (constants or {}).items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, stored)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """An operator; names are separated by spaces, the node is called after its first output."""
    made = outputs.split()
    return helper.make_node(op, inputs.split(), made, name=f"n_{made[0]}", **attributes)


def cnn_parts(size: int = 8, channels: int = 3) -> tuple[list[NodeProto], dict[str, np.ndarray]]:
    """Conv, Relu, MaxPool, Conv, Relu, mean, Gemm: from x to scores."""
    nodes = [
        node("Conv", "x w1 b1", "a", pads=[1, 1, 1, 1]),
        node("Relu", "a", "b"),
        node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "c w2 b2", "d", pads=[1, 1, 1, 1]),
        node("Relu", "d", "e"),
        node("GlobalAveragePool", "e", "f"),
        node("Flatten", "f", "g"),
        node("Gemm", "g w3 b3", "scores_out", transB=1),
    ]
    constants = {
        "w1": weights(6, channels, 3, 3, seed=size),
        "b1": weights(6),
        "w2": weights(5, 6, 3, 3),
        "b2": weights(5),
        "w3": weights(CLASSES, 5),
        "b3": weights(CLASSES),
    }
    return nodes, constants


def cnn(batch: int | str = "N", size: int | str = 8, channels: int = 3) -> ModelProto:
    """A classifier of pictures; `size` may be a symbol."""
    nodes, constants = cnn_parts(channels=channels)
    sizes = [size, size] if isinstance(size, int) else [f"{size}h", f"{size}w"]
    inputs = [info("x", [batch, channels, *sizes])]
    return model(nodes, inputs, [info("scores_out", [batch, CLASSES])], constants)


def nhwc_cnn() -> ModelProto:
    """The same from channels that come last."""
    nodes, constants = cnn_parts()
    nodes[0].input[0] = "turned"
    nodes.insert(0, node("Transpose", "x", "turned", perm=[0, 3, 1, 2]))
    inputs = [info("x", ["N", 8, 8, 3])]
    return model(nodes, inputs, [info("scores_out", ["N", CLASSES])], constants)


def half_cnn() -> ModelProto:
    """The same in float16."""
    nodes, constants = cnn_parts()
    halves = {k: v.astype(np.float16) for k, v in constants.items()}
    half = TensorProto.FLOAT16
    inputs = [info("x", ["N", 3, 8, 8], half)]
    return model(nodes, inputs, [info("scores_out", ["N", CLASSES], half)], halves)


def cnn_with_custom(*, on_path: bool) -> ModelProto:
    """The same with nodes of an unknown domain, before the scores or after them."""
    nodes, constants = cnn_parts()
    custom = [
        helper.make_node("Whirl", ["e"], ["e1"], name="whirl", domain="com.acme"),
        helper.make_node("Twirl", ["e1"], ["e2"], name="twirl", domain="com.acme"),
    ]
    outputs = [info("scores_out", ["N", CLASSES])]
    if on_path:
        nodes[5].input[0] = "e2"
        nodes[5:5] = custom
    else:
        nodes += custom
        outputs.append(info("e2", ["N", 5, 4, 4]))
    inputs = [info("x", ["N", 3, 8, 8])]
    return model(nodes, inputs, outputs, constants, domains=["com.acme"])


def sequence_net(batch: int | str = "N") -> ModelProto:
    """A classifier of sequences [N, 4, 20]."""
    nodes = [
        node("Conv", "x w", "a"),
        node("Relu", "a", "b"),
        node("ReduceMean", "b", "out", axes=[2], keepdims=0),
    ]
    constants = {"w": weights(3, 4, 5)}
    return model(nodes, [info("x", [batch, 4, 20])], [info("out", [batch, 3])], constants)


def wave_net(length: int | str) -> ModelProto:
    """A classifier of waveforms [N, T] of any length, or of a fixed one."""
    nodes = [
        node("Unsqueeze", "x axis", "u"),
        node("Conv", "u w", "a", strides=[4]),
        node("Relu", "a", "r"),
        node("ReduceMean", "r", "out", axes=[2], keepdims=0),
    ]
    constants = {"w": weights(3, 1, 16), "axis": np.array([1])}
    return model(nodes, [info("x", ["N", length])], [info("out", ["N", 3])], constants)


def vector_net() -> ModelProto:
    """A classifier of vectors [N, 5]."""
    nodes = [node("Gemm", "x w", "a"), node("Relu", "a", "b"), node("Gemm", "b v", "out")]
    constants = {"w": weights(5, 6), "v": weights(6, 3)}
    return model(nodes, [info("x", ["N", 5])], [info("out", ["N", 3])], constants)


def volume_net() -> ModelProto:
    """A classifier of volumes [N, 2, 4, 4, 4]."""
    nodes = [
        node("Conv", "x w", "a"),
        node("Relu", "a", "b"),
        node("ReduceMean", "b", "out", axes=[2, 3, 4], keepdims=0),
    ]
    constants = {"w": weights(3, 2, 2, 2, 2)}
    return model(nodes, [info("x", ["N", 2, 4, 4, 4])], [info("out", ["N", 3])], constants)


def two_input_net() -> ModelProto:
    """Vectors, scaled by a whole number and shifted by a state."""
    nodes = [
        node("Gemm", "x w", "a"),
        node("Relu", "a", "b"),
        node("Cast", "sr", "rate", to=TensorProto.FLOAT),
        node("Mul", "b rate", "c"),
        node("Add", "c state", "out"),
    ]
    inputs = [
        info("x", ["N", 5]),
        info("state", ["N", 6]),
        info("sr", [], TensorProto.INT64),
    ]
    return model(nodes, inputs, [info("out", ["N", 6])], {"w": weights(5, 6)})


def scores_as_a_map() -> ModelProto:
    """The sample model with its scores as [N, 10, 1, 1], as a last convolution leaves them."""
    model = onnx.load(SAMPLE_MODELS / "cifar10_cnn.onnx")
    (scores,) = model.graph.output
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 3]), "last_axes"))
    model.graph.node.append(helper.make_node("Unsqueeze", [scores.name, "last_axes"], ["map"]))
    scores.CopyFrom(helper.make_tensor_value_info("map", TensorProto.FLOAT, ["N", 10, 1, 1]))
    return model


def save(proto: ModelProto, path: Path) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path
