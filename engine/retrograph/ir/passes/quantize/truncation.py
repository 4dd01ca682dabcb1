"""A Cast to whole numbers and back: what it cuts off behind the point passes straight through.

As with rounding that is written out, networks were trained as if the derivative were 1. Where the
result is joined with the number itself, as in x - Cast(Cast(x)), it is arithmetic.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import Graph
from retrograph.ir.passes.quantize.codes import (
    FOLLOWERS,
    NOUGHT,
    Code,
    Codes,
    Reach,
    limits,
    limits_of,
)
from retrograph.ir.patterns.straight_through import stands_for_its_input

_FURTHEST = 64
_INDEXED = {"Reshape", "Slice", "Gather", "GatherElements", "GatherND", "Expand", "Tile", "Pad"}
_INDEXED |= {"Squeeze", "Unsqueeze", "Resize", "Split", "Where", "Compress"}
"""Operators whose later inputs are indices, sizes or truth values."""


def truncated(codes: Codes, node: NodeProto, room: Reach) -> bool:
    """Add the code of what a Cast to whole numbers makes, where that becomes floats again.

    Where the type does not hold a number the runtime's own result is taken, and nothing passes.

    Args:
        room: what the type holds.
    """
    graph, x = codes.graph, str(node.input[0])
    source = graph.tensor(x)
    if source is None or not comes_back(graph, node) or not stands_for_its_input(graph, node):
        return False
    codes.keep(node)
    below = codes.add(node, "Less", x, codes.constant(node, 0, source.dtype))
    whole = codes.add(node, "Where", below, *(codes.straight(node, op, x) for op in _ROUNDINGS))
    if room[1] < limits_of(np.int32)[1]:
        low, high = (codes.constant(node, end, source.dtype) for end in room)
        above = codes.add(node, "GreaterOrEqual", whole, low)
        held = codes.add(node, "And", above, codes.add(node, "LessOrEqual", whole, high))
        element = helper.np_dtype_to_tensor_dtype(source.dtype)
        whole = codes.add(
            node, "Where", held, whole, codes.add(node, "Cast", node.output[0], to=element)
        )
    codes.of[node.output[0]] = Code(whole, source.dtype, NOUGHT, room)
    return True


_ROUNDINGS = ("Ceil", "Floor")
"""Of numbers below 0, and of others."""


def is_truncation(graph: Graph, node: NodeProto) -> bool:
    """Whether a node casts floating-point numbers to whole ones."""
    if node.op_type != "Cast":
        return False
    source, made = graph.tensor(node.input[0]), graph.tensor(node.output[0])
    return source is not None and source.is_float and made is not None and bool(limits(made.dtype))


def comes_back(graph: Graph, node: NodeProto) -> bool:
    """Whether the whole numbers that a node makes become floating point, moved or computed with."""
    waiting, seen = [str(node.output[0])], set[str]()
    while waiting and len(seen) < _FURTHEST:
        name = waiting.pop()
        seen.add(name)
        for reader in graph.consumers.get(name, []):
            made = graph.tensor(reader.output[0])
            if reader.op_type not in FOLLOWERS or made is None:
                continue
            if made.is_float and reader.op_type in ("Cast", "DequantizeLinear"):
                return True
            if name == reader.input[0] or reader.op_type not in _INDEXED:
                waiting += [o for o in reader.output if o and o not in seen]
    return False
