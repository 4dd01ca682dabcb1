"""Fused operators that ONNX Runtime's optimiser writes into the models that it saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from onnx import NodeProto, TensorProto

from retrograph.ir.graph import MICROSOFT, Graph
from retrograph.ir.passes.expand.layout import channels_first, channels_last
from retrograph.ir.passes.expand.registry import NoDefinition, defines
from retrograph.ir.passes.expand.steps import FLOAT32, Steps

_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
_PARAMETERS = {
    "LeakyRelu": ("alpha",),
    "Elu": ("alpha",),
    "ThresholdedRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Selu": ("alpha", "gamma"),
}


def activated(steps: Steps, y: str, op: str, values: Sequence[float]) -> str:
    """An activation behind a fused operator, with its parameters in order."""
    if op in ("", "Identity"):
        return y
    if op == "Clip":
        return steps.add("Clip", y, *(steps.number(value) for value in values))
    names = _PARAMETERS.get(op, ())
    return steps.add(op, y, **dict(zip(names, map(float, values), strict=False)))


@defines("FusedConv", "NhwcFusedConv", domain=MICROSOFT)
def fused_conv(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = activation(conv(x, w, b) + z);   NhwcFusedConv over [N, *S, C]"""
    steps = Steps(graph, node)
    last = node.op_type == "NhwcFusedConv"
    operands = [steps.input(i) for i in range(3 if steps.has(2) else 2)]
    if last:
        operands[0] = channels_first(steps, operands[0], steps.rank(0))
    attrs = {name: steps.attrs[name] for name in _CONV if name in steps.attrs}
    y = steps.add("Conv", *operands, **attrs)
    if last:
        y = channels_last(steps, y, steps.rank(0))
    if steps.has(3):
        y = steps.add("Add", y, steps.input(3))
    op, values = steps.attrs.get("activation", ""), steps.attrs.get("activation_params", [])
    return steps.finish(activated(steps, y, op, values))


@defines("FusedGemm", domain=MICROSOFT)
def fused_gemm(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = activation(alpha * a' @ b' + beta * c)"""
    steps = Steps(graph, node)
    names = ("alpha", "beta", "transA", "transB")
    attrs = {name: steps.attrs[name] for name in names if name in steps.attrs}
    y = steps.add("Gemm", *node.input, **attrs)
    op = steps.attrs.get("activation", "")
    keys = (f"activation_{name}" for name in _PARAMETERS.get(op, ("alpha", "beta")))
    return steps.finish(
        activated(steps, y, op, [steps.attrs[key] for key in keys if key in steps.attrs])
    )


@defines("FusedMatMul", "TransposeMatMul", domain=MICROSOFT)
def fused_matmul(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = alpha * a' @ b', the last two axes turned by transA, the batch's by transBatchA"""
    steps = Steps(graph, node)
    a, b = (_turned(steps, i, "AB"[i]) for i in (0, 1))
    y, alpha = steps.add("MatMul", a, b), float(steps.attrs.get("alpha", 1.0))
    return steps.finish(y if alpha == 1 else steps.add("Mul", y, steps.number(alpha)))


def _turned(steps: Steps, i: int, letter: str) -> str:
    x = steps.input(i)
    matrix, batch = (steps.attrs.get(f"{key}{letter}", 0) for key in ("trans", "transBatch"))
    if not matrix and not batch:
        return x
    rank = steps.rank(i)
    if rank < 2:
        return x
    perm = list(range(rank))
    if batch:
        perm = [*perm[1:-1], perm[0], perm[-1]]
    if matrix:
        perm[-2:] = perm[:-3:-1]
    return steps.add("Transpose", x, perm=perm)


@defines("Gelu", domain=MICROSOFT)
def gelu(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = x * P(x), with the normal distribution P"""
    steps = Steps(graph, node)
    return steps.finish(_gelu(steps, steps.input(0)))


@defines("BiasGelu", domain=MICROSOFT)
def bias_gelu(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = gelu(x + b)"""
    steps = Steps(graph, node)
    return steps.finish(_gelu(steps, steps.add("Add", *node.input)))


def _gelu(steps: Steps, x: str) -> str:
    spread = steps.add("Erf", steps.add("Mul", x, steps.number(math.sqrt(0.5))))
    double = steps.add("Mul", x, steps.add("Add", spread, steps.number(1.0)))
    return steps.add("Mul", double, steps.number(0.5))


@defines("FastGelu", domain=MICROSOFT)
def fast_gelu(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))   with x + b for x"""
    steps = Steps(graph, node)
    x = steps.add("Add", *node.input) if steps.has(1) else steps.input(0)
    c = math.sqrt(2 / math.pi)
    bent = steps.add("Mul", steps.add("Mul", x, x), steps.number(0.044715 * c))
    t = steps.add("Tanh", steps.add("Mul", x, steps.add("Add", bent, steps.number(c))))
    double = steps.add("Mul", x, steps.add("Add", t, steps.number(1.0)))
    return steps.finish(steps.add("Mul", double, steps.number(0.5)))


@defines("QuickGelu", domain=MICROSOFT)
def quick_gelu(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = x * sigmoid(alpha * x)"""
    steps = Steps(graph, node)
    x, alpha = steps.input(0), float(steps.attrs.get("alpha", 1.702))
    scaled = x if alpha == 1 else steps.add("Mul", x, steps.number(alpha))
    return steps.finish(steps.add("Mul", x, steps.add("Sigmoid", scaled)))


@defines("BiasSoftmax", domain=MICROSOFT)
def bias_softmax(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = softmax(x + b), over all axes from `axis` on as one"""
    steps = Steps(graph, node)
    x, axis = steps.add("Add", *node.input), int(steps.attrs.get("axis", 1))
    rank = steps.rank(0)
    if axis % rank == rank - 1:
        return steps.finish(steps.add("Softmax", x, axis=-1))
    flat = steps.add("Reshape", x, steps.ints([0] * (axis % rank) + [-1]))
    sizes = steps.add("Shape", steps.input(0))
    return steps.finish(steps.add("Reshape", steps.add("Softmax", flat, axis=-1), sizes))


@defines("BiasAdd", domain=MICROSOFT)
def bias_add(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = x + bias + skip"""
    steps = Steps(graph, node)
    shifted = steps.add("Add", steps.input(0), steps.input(1))
    return steps.finish(steps.add("Add", shifted, steps.input(2)))


@defines("BiasDropout", "BitmaskDropout", domain=MICROSOFT)
def bias_dropout(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = x + bias + residual   (nothing is dropped in inference)"""
    steps = Steps(graph, node)
    if steps.has(4) or steps.wants(1):
        raise NoDefinition("drops at random; export in inference mode")
    y = steps.input(0)
    for i in (1, 2) if node.op_type == "BiasDropout" else ():
        y = steps.add("Add", y, steps.input(i)) if steps.has(i) else y
    return steps.finish(y)


@defines("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=MICROSOFT)
def skip_layer_normalization(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = normalised(x + skip + bias); its fourth output is the sum"""
    steps = Steps(graph, node)
    simplified = node.op_type == "SkipSimplifiedLayerNormalization"
    epsilon, bias = float(steps.attrs.get("epsilon", 1e-12)), 3 if simplified else 4
    if steps.wants(1) or steps.wants(2):
        raise NoDefinition("gives out its mean or deviation; supported: the outputs 0 and 3")
    total = steps.add("Add", steps.input(0), steps.input(1))
    if steps.has(bias):
        total = steps.add("Add", total, steps.input(bias))
    if simplified:
        y = _by_root_mean_square(steps, total, steps.input(2), -1, epsilon)
    else:
        scale = [name for name in (steps.input(2), steps.input(3)) if name]
        y = steps.add("LayerNormalization", total, *scale, axis=-1, epsilon=epsilon)
    return steps.finish(y, "", "", total)


@defines("SimplifiedLayerNormalization")
def simplified_layer_normalization(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = scale * x / sqrt(mean(x^2) + epsilon)   (ONNX Runtime has it in the standard domain)"""
    steps = Steps(graph, node)
    if steps.wants(1):
        raise NoDefinition("gives out its deviation; supported: the first output")
    axis, epsilon = int(steps.attrs.get("axis", -1)), float(steps.attrs.get("epsilon", 1e-5))
    return steps.finish(_by_root_mean_square(steps, steps.input(0), steps.input(1), axis, epsilon))


def _by_root_mean_square(steps: Steps, x: str, scale: str, axis: int, epsilon: float) -> str:
    """scale * x / sqrt(mean(x^2) + epsilon) over the axes from `axis` on, computed in float32."""
    rank = steps.rank(0)
    wide: dict[str, Any] = {"to": TensorProto.FLOAT}
    half = steps.dtype.itemsize < FLOAT32.itemsize
    x = steps.add("Cast", x, **wide) if half else x
    over = steps.ints(list(range(axis % rank, rank)))
    square = steps.add("ReduceMean", steps.add("Mul", x, x), over, keepdims=1)
    number = steps.number(epsilon, FLOAT32 if half else steps.dtype)
    y = steps.add("Div", x, steps.add("Sqrt", steps.add("Add", square, number)))
    return steps.add("Mul", steps.add("CastLike", y, scale) if half else y, scale)
