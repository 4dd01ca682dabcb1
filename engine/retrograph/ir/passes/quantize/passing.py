"""Operators that move whole numbers, or pick some of them: the same of their codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import Array, DType, attributes, is_float
from retrograph.ir.op_traits import MOVES, TAKES
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
from retrograph.ir.passes.quantize.truncation import truncated
from retrograph.ir.passes.quantize.whole import whole_reach


@follows(*MOVES, *(TAKES - {"Unique"}), "MaxPool", "ReduceMax", "ReduceMin")
def _moved(codes: Codes, node: NodeProto) -> bool:
    """The operator on the code, for one zero point; it moves numbers and computes none."""
    code = codes.of.get(node.input[0])
    if code is None or not code.is_uniform:
        return False
    codes.keep(node)
    count = len(node.output) if node.op_type == "Split" else 1
    found = codes.add_many(
        node, node.op_type, code.name, *node.input[1:], count=count, **attributes(node)
    )
    for name, moved in zip(node.output, found, strict=False):
        codes.of[name] = replace(code, name=moved)
    return True


@follows("Resize")
def _resize(codes: Codes, node: NodeProto) -> bool:
    """Linear: cut off after the point, as ONNX Runtime does it; the zero point counts in it."""
    attrs, code = attributes(node), codes.of.get(node.input[0])
    mode = attrs.get("mode", "nearest")
    if code is None or mode == "nearest":
        return _moved(codes, node)
    if mode != "linear" or attrs.get("antialias", 0) or _in_steps(codes, node):
        return codes.refuse(
            node,
            "rounds whole numbers in a way of its own; supported: nearest, and linear without "
            "antialias, channels first",
        )
    codes.keep(node)
    whole = codes.less(node, code, NOUGHT)
    y = codes.add(node, "Resize", whole, *node.input[1:], **attrs)
    codes.of[node.output[0]] = Code(_cut_off(codes, node, y, code), code.dtype, NOUGHT, code.reach)
    return True


def _in_steps(codes: Codes, node: NodeProto) -> bool:
    """Whether ONNX Runtime may take whole numbers of weights, as it does for channels last."""
    x, y = codes.graph.tensor(node.input[0]), codes.graph.tensor(node.output[0])
    if x is None or y is None or x.shape is None or y.shape is None:
        return True
    return len(x.shape) == 4 and x.shape[1] != y.shape[1] and x.shape[3] == y.shape[3]


def _cut_off(codes: Codes, node: NodeProto, y: str, code: Code) -> str:
    """The whole part, which the cotangent passes straight through."""
    whole = codes.straight(node, "Floor", y)
    if code.reach[0] >= 0:
        return whole
    below = codes.add(node, "Less", y, codes.constant(node, 0, code.dtype))
    return codes.add(node, "Where", below, codes.straight(node, "Ceil", y), whole)


@follows("Pad")
def _pad(codes: Codes, node: NodeProto) -> bool:
    """The code, padded with the constant less the zero point."""
    code, mode = codes.of.get(node.input[0]), attributes(node).get("mode", "constant")
    if code is None or isinstance(code.zero, str) or not code.is_uniform:
        return False
    given = node.input[2] if len(node.input) > 2 else ""
    value = codes.graph.value(given) if given else NOUGHT
    if value is None:
        return False
    codes.keep(node)
    raw: Array = value.astype(NOUGHT.dtype).reshape(())
    fill = codes.constant(node, raw - code.zero.reshape(()), code.dtype)
    inputs = [code.name, node.input[1], fill, *node.input[3:]]
    y = codes.add(node, "Pad", *inputs, mode=mode)
    codes.of[node.output[0]] = replace(code, name=y, reach=joined(code.reach, (int(raw), int(raw))))
    return True


@follows("Concat")
def _concat(codes: Codes, node: NodeProto) -> bool:
    """In the zero point of the first, where that is one number."""
    first = common(codes, node.input)
    if first is None:
        return False
    codes.keep(node)
    parts = [codes.operand(node, name, first.zero, first.dtype) for name in node.input]
    y = codes.add(node, "Concat", *parts, **attributes(node))
    reach = joined(*map(codes.reach, node.input))
    codes.of[node.output[0]] = replace(first, name=y, reach=reach)
    return True


@follows("Cast")
def _cast(codes: Codes, node: NodeProto) -> bool:
    """To floating point the numbers themselves; to integers, where they fit in, the same code."""
    code = codes.of.get(node.input[0])
    element = attributes(node)["to"]
    dtype = helper.tensor_dtype_to_np_dtype(element)
    if code is None:
        return _begun(codes, node, dtype)
    if is_float(dtype):
        codes.replace(node, "Cast", codes.less(node, code, NOUGHT), to=element)
        return True
    room = limits(dtype)
    if room is None:
        return False
    if not within(code.reach, room):
        return codes.refuse(node, f"whole numbers beyond {dtype} wrap around")
    codes.keep(node)
    codes.of[node.output[0]] = code
    return True


def _begun(codes: Codes, node: NodeProto, dtype: DType) -> bool:
    """The code of whole numbers that were rounded in floating point before, or by the Cast."""
    source, room = codes.graph.tensor(node.input[0]), limits(dtype)
    if source is None or not source.is_float or room is None:
        return False
    reach = whole_reach(codes.graph, node.input[0])
    wide = room[1] >= limits_of(np.int32)[1]
    if reach is None:
        return truncated(codes, node, room)
    if not (wide or within(reach, room)):
        return False
    codes.keep(node)
    held = max(reach[0], room[0]), min(reach[1], room[1])
    codes.of[node.output[0]] = Code(node.input[0], source.dtype, NOUGHT, held)
    return True


def common(codes: Codes, names: Iterable[str]) -> Code | None:
    """What a node over several integer tensors computes in; None where none of them has a code.

    That is the zero point and type of the first code, or no zero point where it has several.
    """
    first = next((codes.of[name] for name in names if name in codes.of), None)
    if first is None or first.is_uniform:
        return first
    return replace(first, dtype=FLOAT32, zero=NOUGHT)


def joined(*reaches: Reach) -> Reach:
    """What holds each of these."""
    return min(low for low, _ in reaches), max(high for _, high in reaches)


def within(reach: Reach, room: Reach) -> bool:
    return room[0] <= reach[0] and reach[1] <= room[1]
