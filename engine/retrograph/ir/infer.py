"""Types and shapes of every tensor, and the values of what is constant.

Exporters compute shapes at run time (Shape, Gather, Concat, Reshape) and decode weights in the
graph. What does not depend on the input is evaluated here once, so that the rules see numbers.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from retrograph.ir import branch, partial
from retrograph.ir.graph import (
    STANDARD_DOMAINS,
    Array,
    Graph,
    Tensor,
    is_static,
    reads,
    subgraphs,
)

SMALL = 4096
"""Constants of up to so many elements are shown to shape inference, and folded."""

_NEVER_FOLDED = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"}
_NEVER_FOLDED |= {"Bernoulli", "Multinomial", "Dropout", "QuantizeLinear", "DequantizeLinear"}


def open_dimensions(graph: Graph) -> None:
    """Make unknown what a file writes as a negative size; shape inference counts with the number.

    A size of 0 in an input means the same: nothing could be computed from it.
    """
    for lowest, infos in ((1, graph.inputs), (0, graph.outputs), (0, graph.model.graph.value_info)):
        for info in infos:
            for dim in info.type.tensor_type.shape.dim:
                if dim.HasField("dim_value") and dim.dim_value < lowest:
                    dim.ClearField("dim_value")


def infer_types(graph: Graph) -> None:
    """Fill `graph.types` by ONNX's shape inference; large weights are not copied for it."""
    skeleton = graph.to_model()
    del skeleton.graph.initializer[:]
    for name, proto in graph.constants.items():
        if int(np.prod(proto.dims)) <= SMALL:
            skeleton.graph.initializer.append(proto)
        else:
            skeleton.graph.input.append(
                helper.make_tensor_value_info(name, proto.data_type, list(proto.dims))
            )
    inferred = shape_inference.infer_shapes(skeleton, data_prop=True).graph
    declared = {v.name: v for v in [*graph.model.graph.value_info, *inferred.input]}
    declared |= {v.name: v for v in [*inferred.output, *inferred.value_info]}
    graph.types = {}
    for name, info in declared.items():
        tensor = _tensor(info)
        if tensor is not None:
            graph.types[name] = tensor


def _tensor(info: onnx.ValueInfoProto) -> Tensor | None:
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.elem_type:
        return None
    tensor_type = info.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(tensor_type.elem_type)
    if not tensor_type.HasField("shape"):
        return Tensor(info.name, dtype, None)
    return Tensor(info.name, dtype, tuple(_dim(d) for d in tensor_type.shape.dim))


def _dim(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None


def fold(graph: Graph) -> None:
    """Replace what is constant by its value until nothing changes; types are fresh afterwards."""
    while True:
        infer_types(graph)
        if not (_fold_once(graph) or partial.fold(graph) or branch.inline(graph)):
            return


def _fold_once(graph: Graph) -> bool:
    kept: list[NodeProto] = []
    for node in graph.nodes:
        values = _evaluate(graph, node)
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=True):
            graph.constants[name] = numpy_helper.from_array(value, name)
    changed = len(kept) < len(graph.nodes)
    graph.nodes = kept
    graph.index()
    return changed


def _evaluate(graph: Graph, node: NodeProto) -> list[Array] | None:
    if node.op_type in _NEVER_FOLDED or node.domain not in STANDARD_DOMAINS:
        return None
    if any(True for _ in subgraphs(node)) or set(node.output) & set(graph.output_names()):
        return None
    if node.op_type in ("Shape", "Size"):
        shape = _static_shape(graph, node.input[0])
        if shape is None:
            return None
        stand_in = np.broadcast_to(np.float32(0), shape)
        return _run(graph, node, {node.input[0]: stand_in})
    feeds: dict[str, Array] = {}
    for name in reads(node):
        value = graph.value(name)
        if value is None or value.size > SMALL:
            return None
        feeds[name] = value
    return _run(graph, node, feeds)


def _static_shape(graph: Graph, name: str) -> tuple[int, ...] | None:
    tensor = graph.tensor(name)
    if tensor is None or tensor.shape is None or not is_static(tensor.shape):
        return None
    return tuple(d for d in tensor.shape if isinstance(d, int))


def _run(graph: Graph, node: NodeProto, feeds: dict[str, Array]) -> list[Array] | None:
    """The node's outputs by ONNX's reference evaluator; None where it has no such operator."""
    body = helper.make_graph(
        [node],
        "fold",
        [_value_info(name, value) for name, value in feeds.items()],
        [onnx.ValueInfoProto(name=name) for name in node.output],
    )
    opsets = [helper.make_opsetid("", graph.opset)]
    try:
        evaluator = ReferenceEvaluator(helper.make_model(body, opset_imports=opsets))
        values = evaluator.run(None, feeds)
    except Exception:  # the evaluator raises whatever its NumPy code meets; unfolded is correct
        return None
    arrays = [np.asarray(v) for v in values]
    return arrays if all(a.size <= SMALL for a in arrays) else None


def _value_info(name: str, value: Array) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
    )
