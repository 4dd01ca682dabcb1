"""Operators that move whole numbers, or add them up: the same of their codes."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import attributes, is_float
from retrograph.ir.quantize.codes import FLOAT32, NOUGHT, Code, Codes, follows


@follows("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather", "Expand")
@follows("Identity", "Split", "Tile", "DepthToSpace", "SpaceToDepth", "MaxPool")
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
        codes.of[name] = Code(moved, code.dtype, code.zero)
    return True


@follows("Resize")
def _resize(codes: Codes, node: NodeProto) -> bool:
    return attributes(node).get("mode", "nearest") == "nearest" and _moved(codes, node)


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
    fill = value.astype(NOUGHT.dtype).reshape(()) - code.zero.reshape(())
    inputs = [code.name, node.input[1], codes.constant(node, fill, code.dtype), *node.input[3:]]
    codes.of[node.output[0]] = Code(
        codes.add(node, "Pad", *inputs, mode=mode), code.dtype, code.zero
    )
    return True


@follows("Concat", "Add")
def _joined(codes: Codes, node: NodeProto) -> bool:
    """The operator on the numbers themselves: quantised tensors, a sum of products and its bias."""
    if not any(name in codes.of for name in node.input):
        return False
    codes.keep(node)
    parts = [
        codes.less(node, codes.of[name], NOUGHT)
        if name in codes.of
        else codes.add(node, "Cast", name, to=helper.np_dtype_to_tensor_dtype(FLOAT32))
        for name in node.input
    ]
    y = codes.add(node, node.op_type, *parts, **attributes(node))
    codes.of[node.output[0]] = Code(y, FLOAT32, NOUGHT)
    return True


@follows("Cast")
def _cast(codes: Codes, node: NodeProto) -> bool:
    """To floating point: the numbers themselves. To a type that holds them all: the same code."""
    code, tensor = codes.of.get(node.input[0]), codes.graph.tensor(node.input[0])
    element = attributes(node)["to"]
    wanted = helper.tensor_dtype_to_np_dtype(element)
    if code is None or tensor is None:
        return False
    if not is_float(wanted):
        if not np.can_cast(tensor.dtype, wanted):
            return False
        codes.keep(node)
        codes.of[node.output[0]] = code
        return True
    codes.replace(node, "Cast", codes.less(node, code, NOUGHT), to=element)
    return True
