"""Arithmetic on whole numbers: the same of their codes, as long as nothing wraps around."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from onnx import NodeProto

from retrograph.ir.graph import attributes
from retrograph.ir.passes.quantize.codes import (
    FLOAT32,
    NOUGHT,
    Code,
    Codes,
    Reach,
    follows,
    limits,
    limits_of,
)
from retrograph.ir.passes.quantize.passing import common, joined, within


@follows("Clip")
def _clip(codes: Codes, node: NodeProto) -> bool:
    """Clip of the code between the bounds less the zero point."""
    code = codes.of.get(node.input[0])
    if code is None or not code.is_uniform:
        return False
    codes.keep(node)
    low, high = code.reach
    ends = []
    for name, side in zip(node.input[1:3], (max, min), strict=False):
        ends.append(codes.operand(node, name, code.zero, code.dtype) if name else "")
        if name in codes.graph.constants:
            bound = codes.reach(name)[0]
            low, high = side(low, bound), side(high, bound)
    y = codes.add(node, "Clip", code.name, *ends)
    codes.of[node.output[0]] = replace(code, name=y, reach=(low, high))
    return True


@follows("Relu")
def _relu(codes: Codes, node: NodeProto) -> bool:
    """What is below the whole number 0 becomes it."""
    code = codes.of.get(node.input[0])
    if code is None or not code.is_uniform:
        return False
    codes.keep(node)
    low, high = code.reach
    if low < 0:
        nought = codes.operand(node, codes.constant(node, 0, NOUGHT.dtype), code.zero, code.dtype)
        code = replace(code, name=codes.add(node, "Max", code.name, nought))
    codes.of[node.output[0]] = replace(code, reach=(max(low, 0), max(high, 0)))
    return True


@follows("Max", "Min")
def _extremum(codes: Codes, node: NodeProto) -> bool:
    """The same of codes and constants in one zero point."""
    first = common(codes, node.input)
    if first is None:
        return False
    codes.keep(node)
    parts = [codes.operand(node, name, first.zero, first.dtype) for name in node.input]
    reaches = [codes.reach(name) for name in node.input]
    choose = max if node.op_type == "Max" else min
    reach = choose(low for low, _ in reaches), choose(high for _, high in reaches)
    y = codes.add(node, node.op_type, *parts)
    codes.of[node.output[0]] = replace(first, name=y, reach=reach)
    return True


@follows("Where")
def _where(codes: Codes, node: NodeProto) -> bool:
    first = common(codes, node.input[1:])
    if first is None:
        return False
    codes.keep(node)
    parts = [codes.operand(node, name, first.zero, first.dtype) for name in node.input[1:]]
    y = codes.add(node, "Where", node.input[0], *parts)
    reach = joined(*map(codes.reach, node.input[1:]))
    codes.of[node.output[0]] = replace(first, name=y, reach=reach)
    return True


@follows("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def _compare(codes: Codes, node: NodeProto) -> bool:
    """Of codes in one zero point, which floating point tells apart; it gives truth values."""
    first = common(codes, node.input)
    exact = all(within(codes.reach(name), _EXACT) for name in node.input)
    if first is None or not exact:
        return False
    parts = [codes.operand(node, name, first.zero, first.dtype) for name in node.input]
    codes.replace(node, node.op_type, *parts)
    return True


_EXACT = (-(2**23), 2**23)
"""float32 has each of these numbers, less a zero point too."""

_REACH: dict[str, Callable[[int, int], int]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
}


@follows(*_REACH)
def _binary(codes: Codes, node: NodeProto) -> bool:
    """The operator on the numbers themselves: a sum of products and its bias, say."""
    if not any(name in codes.of for name in node.input):
        return False
    ends = itertools.product(*map(codes.reach, node.input))
    found = [_REACH[node.op_type](a, b) for a, b in ends]
    return _computed(codes, node, (min(found), max(found)))


@follows("Neg", "Abs")
def _unary(codes: Codes, node: NodeProto) -> bool:
    if node.input[0] not in codes.of:
        return False
    low, high = codes.of[node.input[0]].reach
    if node.op_type == "Neg":
        return _computed(codes, node, (-high, -low))
    return _computed(codes, node, (max(low, -high, 0), max(-low, high)))


@follows("ReduceSum", "MatMul")
def _sum(codes: Codes, node: NodeProto) -> bool:
    """Sums of which no more is known than their type."""
    y = codes.graph.tensor(node.output[0])
    return _computed(codes, node, (y and limits(y.dtype)) or limits_of(np.int64))


def _computed(codes: Codes, node: NodeProto, reach: Reach) -> bool:
    """The operator on whole numbers, which reach so far."""
    y = codes.graph.tensor(node.output[0])
    room = limits(y.dtype) if y is not None else None
    operands = node.input[:1] if node.op_type == "ReduceSum" else node.input
    if room is None or y is None or not any(name in codes.of for name in operands):
        return False
    wide = room[1] >= np.iinfo(np.int32).max
    if not wide and not within(reach, room):
        return codes.refuse(node, f"whole numbers beyond {y.dtype} wrap around")
    codes.keep(node)
    parts = [codes.operand(node, name, NOUGHT, FLOAT32) for name in operands]
    made = codes.add(node, node.op_type, *parts, *node.input[len(parts) :], **attributes(node))
    held = max(reach[0], room[0]), min(reach[1], room[1])
    codes.of[node.output[0]] = Code(made, FLOAT32, NOUGHT, held)
    return True
