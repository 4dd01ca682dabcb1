"""Inputs of whole numbers, such as the bytes of a picture, as floating-point inputs.

There is no gradient by a whole number. Where a file casts or dequantises such an input itself, the
first floating-point tensor behind it stands for the input: the graph takes that as its input, so
that a rule, a method or an ascent sees floating point alone. What is written for others takes the
whole numbers again and begins with that step (`Graph.to_model`).
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from retrograph.ir.entry import Entry
from retrograph.ir.graph import (
    STANDARD_DOMAINS,
    DType,
    Graph,
    attributes,
    is_float,
    reads,
)
from retrograph.ir.op_traits import MOVES
from retrograph.ir.rename import renamed

_BYTES = {np.dtype(t) for t in (np.uint8, np.int8, np.uint16, np.int16)}
"""float32 holds each of their numbers."""
_WIDE = {np.dtype(t) for t in (np.int32, np.uint32, np.int64, np.uint64)}
_FOLLOWED = MOVES | {"Slice", "Split", "Gather", "Expand", "Tile", "DepthToSpace", "SpaceToDepth"}
_FOLLOWED |= {"Concat", "Pad"}
_FOLLOWED |= {"Cast", "Resize", "MaxPool", "ConvInteger", "MatMulInteger", "Add", "Sub", "Mul"}
_FOLLOWED |= {"Clip", "Max", "Min", "Relu"}
"""What gives whole numbers that float ones can be computed beside (ir/passes/quantize)."""


def enter(graph: Graph) -> bool:
    """Make floating-point inputs of those of whole numbers that the graph casts or dequantises.

    Types wider than 16 bits hold indices and sizes too: of these only the sole input of a model.
    True if there was any.
    """
    for info in graph.inputs:
        tensor = graph.tensor(info.name)
        alone = len(graph.inputs) == 1
        if tensor is None or not tensor.rank:
            continue
        if tensor.dtype in _BYTES or (alone and tensor.dtype in _WIDE):
            makers = _makers(graph, info.name)
            if makers:
                _enter(graph, info, tensor.dtype, makers)
    return bool(graph.entries)


def _makers(graph: Graph, name: str) -> list[NodeProto]:
    """The nodes that first make floating point of an input's numbers."""
    whole, found = {name}, []
    for node in graph.nodes:
        if not node.input or node.input[0] not in whole or node.domain not in STANDARD_DOMAINS:
            continue
        if node.op_type == "DequantizeLinear" or (node.op_type == "Cast" and _to_float(node)):
            found.append(node)
        elif node.op_type in _FOLLOWED:
            whole.update(filter(None, node.output))
    return found


def _to_float(node: NodeProto) -> bool:
    return is_float(helper.tensor_dtype_to_np_dtype(attributes(node)["to"]))


def _enter(graph: Graph, info: ValueInfoProto, dtype: DType, makers: list[NodeProto]) -> None:
    parameters = _common(graph, makers)
    entry = Entry(info, dtype, makers[0].output[0], parameters, graph.fresh(f"{info.name}/whole"))
    given = ValueInfoProto()
    given.CopyFrom(info)
    given.type.tensor_type.elem_type = TensorProto.FLOAT
    graph.inputs = [given if v.name == info.name else v for v in graph.inputs]
    names = {info.name: entry.whole}
    graph.nodes = [
        renamed(node, names) if info.name in reads(node) and node.op_type != "Shape" else node
        for node in graph.nodes
    ]
    graph.nodes.insert(0, entry.back())
    graph.index()
    graph.entries[info.name] = entry


def _common(graph: Graph, makers: list[NodeProto]) -> tuple[str, ...]:
    """The scale and zero point where all dequantise by the same ones, each a single number."""
    keys = {_numbers(graph, node) for node in makers}
    return tuple(filter(None, makers[0].input[1:])) if len(keys) == 1 and None not in keys else ()


def _numbers(graph: Graph, node: NodeProto) -> tuple[bytes, ...] | None:
    """The scale and zero point of a DequantizeLinear to float32; None where they are no numbers."""
    written = attributes(node).get("output_dtype", TensorProto.FLOAT)
    if node.op_type != "DequantizeLinear" or written != TensorProto.FLOAT:
        return None
    values = [graph.value(name) for name in node.input[1:] if name]
    if any(value is None or value.shape != () for value in values):
        return None
    found = tuple(value.tobytes() for value in values if value is not None)
    return found if values[0] is not None and values[0].dtype == np.float32 else None
