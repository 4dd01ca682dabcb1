"""The lowest opset in which a graph means the same.

Most versions of an operator since opset 18 only take more element types, and runtimes have kernels
for a new version on a CPU long before they have one on CUDA: ONNX Runtime (1.31.1) falls back to
the CPU for Pad of opset 19, Equal of 19, ConstantOfShape of 20, MaxPool of 22, Reshape of 24.
Where bfloat16 is computed, the newer versions are needed for what the backward pass adds, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np
from onnx import NodeProto, TensorProto, defs, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes
from retrograph.ir.passes.opsets.registry import FLOOR
from retrograph.ir.subgraphs import nodes_with_inner

_NEW_VALUES = {
    ("Pad", "wrap"): 19,
    ("Resize", "half_pixel_symmetric"): 19,
    ("GridSample", "linear"): 20,
    ("GridSample", "cubic"): 20,
}
"""Values that an attribute takes since an opset, where it could have others before."""

_COUNTED_PADDING = 19
"""Since this opset ONNX Runtime 1.21 to 1.28 average otherwise, and as a model of it does, what
counts its padding where ceil_mode lets windows hang over."""

_BFLOAT16 = 22
"""Since this opset convolutions, pools and activations take bfloat16."""


def lower(graph: Graph) -> bool:
    """Move a graph to the lowest opset from 18 on in which each node means the same, in place.

    True if it has another one then.
    """
    given = graph.opset
    floor = _BFLOAT16 if _has_bfloat16(graph) else FLOOR
    standard = (n for n in nodes_with_inner(graph.nodes) if n.domain in STANDARD_DOMAINS)
    lowest = max((_lowest(graph, node) for node in standard), default=FLOOR)
    graph.opset = max(lowest, min(floor, given))
    return graph.opset != given


def _has_bfloat16(graph: Graph) -> bool:
    short = np.dtype(ml_dtypes.bfloat16)
    return any(t.dtype == short for t in graph.types.values()) or any(
        t.data_type == TensorProto.BFLOAT16 for t in graph.constants.values()
    )


def _lowest(graph: Graph, node: NodeProto) -> int:
    if not defs.has(node.op_type, graph.opset):
        return graph.opset
    floor, given = FLOOR, attributes(node)
    for (op, value), opset in _NEW_VALUES.items():
        if op == node.op_type and value in _texts(given):
            floor = opset
    if node.op_type == "AveragePool" and given.get("ceil_mode") and given.get("count_include_pad"):
        floor = min(_COUNTED_PADDING, graph.opset)
    schema = defs.get_schema(node.op_type, graph.opset)
    while schema.since_version > floor:
        if not defs.has(node.op_type, schema.since_version - 1):
            return int(schema.since_version)
        older = defs.get_schema(node.op_type, schema.since_version - 1)
        if not _means_the_same(graph, node, schema, older):
            return int(schema.since_version)
        schema = older
    return floor


def _texts(given: dict[str, object]) -> set[str]:
    return {value for value in given.values() if isinstance(value, str)}


def _means_the_same(
    graph: Graph, node: NodeProto, newer: defs.OpSchema, older: defs.OpSchema
) -> bool:
    """Whether the node has only what both versions have, with the same defaults and types."""
    given = {a.name for a in node.attribute}
    if not given <= set(older.attributes) <= set(newer.attributes):
        return False
    for name in set(older.attributes) - given:
        if older.attributes[name].default_value != newer.attributes[name].default_value:
            return False
    return _has_ends(graph, list(node.input), older.inputs) and _has_ends(
        graph, list(node.output), older.outputs
    )


def _has_ends(
    graph: Graph, names: Sequence[str], parameters: Sequence[defs.OpSchema.FormalParameter]
) -> bool:
    """Whether a version takes so many tensors, and of these types."""
    variadic = defs.OpSchema.FormalParameterOption.Variadic
    for i, name in enumerate(names):
        if i >= len(parameters) and not (parameters and parameters[-1].option == variadic):
            return not any(names[i:])
        tensor = graph.tensor(name) if name else None
        if tensor is None:
            continue
        element = helper.np_dtype_to_tensor_dtype(tensor.dtype)
        if not _takes(parameters[min(i, len(parameters) - 1)], element):
            return False
    return True


def takes_types(graph: Graph, node: NodeProto) -> bool:
    """Whether the graph's opset has a standard operator with the element types of its inputs."""
    return _has_ends(graph, list(node.input), defs.get_schema(node.op_type, graph.opset).inputs)


def _takes(parameter: defs.OpSchema.FormalParameter, element: int) -> bool:
    name = helper.tensor_dtype_to_string(element).removeprefix("TensorProto.").lower()
    return not parameter.types or f"tensor({name})" in parameter.types
