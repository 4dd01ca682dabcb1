"""The outputs of a node over small constants, computed only where they are known to be small."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TypeProto, helper, numpy_helper, shape_inference

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, is_static
from retrograph.ir.op_traits import (
    ARITHMETIC,
    FUNCTIONS,
    JOINS,
    MOVES,
    NORMALISATIONS,
    REDUCTIONS,
    TAKES,
    Numbers,
    named,
)
from retrograph.ir.reference import reference_outputs
from retrograph.ir.tensor_data import SMALL

_IN_PROPORTION = FUNCTIONS | ARITHMETIC | MOVES | TAKES | JOINS | REDUCTIONS | NORMALISATIONS
_IN_PROPORTION |= named(numbers=Numbers.MADE) | named(numbers=Numbers.CHOSEN) | {"MatMul", "Gemm"}
_NO_LARGER_THAN_ITS_INPUTS = {"Compress", "NonZero", "Unique"}
_RANDOM_OR_QUANTISING = {"Dropout", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
FOLDED = _IN_PROPORTION - _RANDOM_OR_QUANTISING - {"Shape", "Size", "NonMaxSuppression"}
"""Operators whose work is in proportion to what they read and make.

A sliding window is not: its paddings may be vast and its output small. Nor is text, a picture that
is decoded, or what quantises; and nothing random is folded.
"""


def evaluate(graph: Graph, node: NodeProto) -> list[Array] | None:
    """The node's outputs; None where it is not constant, or not surely small."""
    if node.domain not in STANDARD_DOMAINS:
        return None
    if node.op_type in ("Shape", "Size"):
        return _measure(graph, node)
    if node.op_type not in FOLDED:
        return None
    feeds: dict[str, Array] = {}
    for name in filter(None, node.input):
        if not _is_small(graph, name):
            return None
        value = graph.value(name)
        if value is None or value.dtype.kind in "OSU":
            return None
        feeds[name] = value
    return _run(graph, node, feeds) if _stays_small(graph, node, feeds) else None


def _measure(graph: Graph, node: NodeProto) -> list[Array] | None:
    tensor = graph.tensor(node.input[0])
    if tensor is None or tensor.shape is None or not is_static(tensor.shape):
        return None
    if tensor.name in graph.losing:
        return None
    sizes = np.asarray(tensor.shape, np.int64)
    if node.op_type == "Size":
        return [np.asarray(sizes.prod(), np.int64)]
    bounds = {a.name: a.i for a in node.attribute}
    return [sizes[bounds.get("start") : bounds.get("end")]]


def _is_small(graph: Graph, name: str) -> bool:
    tensor = graph.tensor(name)
    return tensor is not None and tensor.shape is not None and _is_small_shape(tensor.shape)


def _is_small_shape(shape: tuple[Any, ...]) -> bool:
    """Whether there are few elements, and few on the way: an axis of 0 counts as one of 1."""
    return is_static(shape) and math.prod(max(d, 1) for d in shape) <= SMALL


def _stays_small(graph: Graph, node: NodeProto, feeds: Mapping[str, Array]) -> bool:
    """Whether the outputs are small, as shape inference tells from the values of the inputs."""
    if node.op_type in _NO_LARGER_THAN_ITS_INPUTS:
        return True
    if node.op_type == "Pad" and any((abs(feeds[name]) > SMALL).any() for name in node.input[1:2]):
        return False
    try:
        found = shape_inference.infer_node_outputs(
            onnx.defs.get_schema(node.op_type, graph.opset, ""),
            node,
            {name: _type(value) for name, value in feeds.items()},
            {name: numpy_helper.from_array(value, name) for name, value in feeds.items()},
            opset_imports=[helper.make_opsetid("", graph.opset)],
        )
    except Exception:  # what shape inference cannot read is not evaluated either
        return False
    return all(name in found and _is_small_type(found[name]) for name in filter(None, node.output))


def _is_small_type(kind: TypeProto) -> bool:
    if not kind.tensor_type.HasField("shape"):
        return False
    dims = kind.tensor_type.shape.dim
    return _is_small_shape(tuple(d.dim_value if d.HasField("dim_value") else None for d in dims))


def _run(graph: Graph, node: NodeProto, feeds: Mapping[str, Array]) -> list[Array] | None:
    """The node's outputs by ONNX's reference evaluator; None where it has no such operator."""
    body = helper.make_graph(
        [node],
        "fold",
        [onnx.ValueInfoProto(name=name, type=_type(value)) for name, value in feeds.items()],
        [onnx.ValueInfoProto(name=name) for name in node.output],
    )
    opsets = [helper.make_opsetid("", graph.opset)]
    try:
        values = reference_outputs(helper.make_model(body, opset_imports=opsets), feeds)
    except Exception:  # the evaluator raises whatever its NumPy code meets; unfolded is correct
        return None
    if any(v is None or isinstance(v, list) for v in values):
        return None
    arrays = [np.asarray(v) for v in values]
    small = all(a.size <= SMALL and a.dtype.kind not in "OSU" for a in arrays)
    return arrays if small else None


def _type(value: Array) -> TypeProto:
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
