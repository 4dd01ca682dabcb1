"""Operators on quantised numbers: floating-point ones between DequantizeLinear and QuantizeLinear.

ir/passes/quantize then makes those floating point. The sum of products that an integer kernel
rounds once is rounded once here too; where it lies between two steps, the float sum may take the
other one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import MICROSOFT, Graph
from retrograph.ir.passes.expand.layout import channels_first, channels_last
from retrograph.ir.passes.expand.registry import NoDefinition, defines
from retrograph.ir.passes.expand.steps import FLOAT32, Steps

_POOL = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")
_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def _decode(steps: Steps, place: int, axis: int = 1) -> str:
    """The float that input `place` stands for; its scale and zero point are the next two inputs."""
    scale = steps.tensor(place + 1)
    parts = [steps.input(i) for i in range(place, place + 3)]
    parts = parts if parts[2] else parts[:2]
    if scale.rank == 1 and scale.shape == (1,):
        parts[1:] = [steps.add("Squeeze", part) for part in parts[1:]]
    return steps.add("DequantizeLinear", *parts, axis=axis)


def _encode(steps: Steps, y: str, place: int) -> list[NodeProto]:
    """The steps, giving out y in the scale and zero point of inputs `place` and the next."""
    parts = [steps.add("Squeeze", steps.input(i)) for i in (place, place + 1) if steps.has(i)]
    return steps.finish(steps.add("QuantizeLinear", y, *parts))


def _given(steps: Steps, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: steps.attrs[name] for name in names if name in steps.attrs}


@defines("QLinearConv")
def q_linear_conv(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """Conv of what x and w stand for; the bias counts in steps of x_scale * w_scale."""
    steps = Steps(graph, node)
    last = bool(steps.attrs.get("channels_last", 0))
    x, w = _decode(steps, 0), _decode(steps, 3, axis=0)
    operands = [channels_first(steps, x, steps.rank(0)) if last else x, w]
    if steps.has(8):
        factor = steps.add("Mul", steps.input(1), steps.input(4))
        whole = steps.add("Cast", steps.input(8), to=1)
        operands.append(steps.add("Mul", whole, factor))
    y = steps.add("Conv", *operands, **_given(steps, _CONV))
    return _encode(steps, channels_last(steps, y, steps.rank(0)) if last else y, 6)


defines("QLinearConv", domain=MICROSOFT)(q_linear_conv)


@defines("DequantizeLinear", domain=MICROSOFT)
@defines("DequantizeLinear")
def dequantize_linear(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """y = scale * (x - zero), for whole numbers x that nothing of the model quantised"""
    steps = Steps(graph, node)
    element = helper.np_dtype_to_tensor_dtype(steps.tensor(1).dtype)
    axis, block = int(steps.attrs.get("axis", 1)), int(steps.attrs.get("block_size", 0))
    x = steps.add("Cast", steps.input(0), to=element)
    if steps.has(2):
        zero = steps.add("Cast", steps.input(2), to=element)
        x = steps.add("Sub", x, _along(steps, zero, axis, block))
    y = steps.add("Mul", x, _along(steps, steps.input(1), axis, block))
    wanted = int(steps.attrs.get("output_dtype", 0)) or element
    return steps.finish(y if wanted == element else steps.add("Cast", y, to=wanted))


def _along(steps: Steps, name: str, axis: int, block: int) -> str:
    """A scale or zero point beside x: for all of it, each place along an axis, or each block."""
    rank, scales = steps.rank(0), steps.tensor(1)
    if scales.rank == 0 or scales.shape == (1,):
        return name
    if block:
        return _repeated(steps, name, axis % rank, block)
    shape = [1] * rank
    shape[axis % rank] = -1
    return steps.add("Reshape", name, steps.ints(shape))


def _repeated(steps: Steps, name: str, axis: int, block: int) -> str:
    """Each number `block` times along an axis, cut to the size of x."""
    shape = steps.tensor(0).shape
    size = None if shape is None else shape[axis]
    if not isinstance(size, int):
        raise NoDefinition("blocks of an open size; supported: static shapes")
    return steps.add("Gather", name, steps.ints(np.arange(size) // block), axis=axis)


@defines("QLinearMatMul")
def q_linear_matmul(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """MatMul of what a and b stand for; a may have a scale for each row, b for each column."""
    steps = Steps(graph, node)
    a, b = (_decode(steps, place, axis) for place, axis in ((0, -2), (3, -1)))
    return _encode(steps, steps.add("MatMul", a, b), 6)


@defines("QGemm", domain=MICROSOFT)
def q_gemm(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """Gemm of what a and b stand for; c counts in steps of alpha * a_scale * b_scale."""
    steps = Steps(graph, node)
    attrs = _given(steps, ("alpha", "transA", "transB"))
    b = _decode(steps, 3, axis=0 if attrs.get("transB", 0) else 1)
    operands = [_decode(steps, 0), b]
    if steps.has(6):
        factor = steps.add("Mul", steps.input(1), steps.input(4))
        scaled = steps.add("Mul", factor, steps.number(float(attrs.get("alpha", 1.0)), FLOAT32))
        operands.append(steps.add("Mul", steps.add("Cast", steps.input(6), to=1), scaled))
    y = steps.add("Gemm", *operands, **attrs)
    return _encode(steps, y, 7) if steps.has(7) else steps.finish(y)


def _binary(op: str) -> Callable[[Graph, NodeProto], list[NodeProto]]:
    def define(graph: Graph, node: NodeProto) -> list[NodeProto]:
        steps = Steps(graph, node)
        return _encode(steps, steps.add(op, _decode(steps, 0), _decode(steps, 3)), 6)

    return define


for _op in ("Add", "Mul"):
    defines(f"QLinear{_op}", domain=MICROSOFT)(_binary(_op))


def _unary(op: str, *names: str) -> Callable[[Graph, NodeProto], list[NodeProto]]:
    def define(graph: Graph, node: NodeProto) -> list[NodeProto]:
        steps = Steps(graph, node)
        x, last = _decode(steps, 0), bool(steps.attrs.get("channels_last", 0))
        if last:
            x = channels_first(steps, x, steps.rank(0))
        y = steps.add(op, x, **_given(steps, names))
        return _encode(steps, channels_last(steps, y, steps.rank(0)) if last else y, 3)

    return define


for _op, _names in {
    "Sigmoid": (),
    "LeakyRelu": ("alpha",),
    "GlobalAveragePool": (),
    "AveragePool": _POOL,
}.items():
    defines(f"QLinear{_op}", domain=MICROSOFT)(_unary(_op, *_names))


@defines("QLinearSoftmax", domain=MICROSOFT)
def q_linear_softmax(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """Softmax along `axis`; of all axes from there on as one where `opset` is before 13."""
    steps = Steps(graph, node)
    rank = steps.rank(0)
    axis = int(steps.attrs.get("axis", -1)) % rank
    if int(steps.attrs["opset"]) < 13 and axis != rank - 1:
        raise NoDefinition("normalises several axes at once; supported: the last one")
    return _encode(steps, steps.add("Softmax", _decode(steps, 0), axis=axis), 3)


@defines("QLinearConcat", domain=MICROSOFT)
def q_linear_concat(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """Concat of what the inputs stand for; the output's scale and zero point come first."""
    steps = Steps(graph, node)
    parts = [_decode(steps, place) for place in range(2, len(node.input), 3)]
    return _encode(steps, steps.add("Concat", *parts, axis=steps.attrs["axis"]), 0)


@defines("MatMulIntegerToFloat", domain=MICROSOFT)
def matmul_integer_to_float(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """a @ b + bias, of inputs a, b, a_scale, b_scale, a_zero, b_zero, bias"""
    steps = Steps(graph, node)
    a = _with(steps, 0, 2, 4)
    b = _with(steps, 1, 3, 5)
    y = steps.add("MatMul", a, b)
    return steps.finish(steps.add("Add", y, steps.input(6)) if steps.has(6) else y)


@defines("DynamicQuantizeMatMul", domain=MICROSOFT)
def dynamic_quantize_matmul(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """a @ b + bias, of inputs a, b, b_scale, b_zero, bias; a is quantised by its own range"""
    steps = Steps(graph, node)
    whole, scale, zero = steps.add_many("DynamicQuantizeLinear", steps.input(0), count=3)
    a = steps.add("DequantizeLinear", whole, scale, zero)
    y = steps.add("MatMul", a, _with(steps, 1, 2, 3))
    return steps.finish(steps.add("Add", y, steps.input(4)) if steps.has(4) else y)


def _with(steps: Steps, place: int, scale: int, zero: int) -> str:
    """What input `place` stands for, by a scale and a zero point for all of it or each column."""
    parts = [steps.input(place), steps.input(scale)]
    if steps.has(zero):
        parts.append(steps.input(zero))
    if steps.tensor(scale).shape == (1,):
        parts[1:] = [steps.add("Squeeze", part) for part in parts[1:]]
    return steps.add("DequantizeLinear", *parts, axis=-1)
