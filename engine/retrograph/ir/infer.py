"""Types and shapes of every tensor, and the values of what is constant.

Exporters compute shapes at run time (Shape, Gather, Concat, Reshape) and decode weights in the
graph. What does not depend on the input is evaluated here once, so that the rules see numbers.
"""

from __future__ import annotations

import onnx
from onnx import NodeProto, helper, numpy_helper, shape_inference

from retrograph.ir import bounds, branch, constants, partial
from retrograph.ir.evaluate import evaluate
from retrograph.ir.graph import DType, Graph, Tensor

_MOST_ROUNDS = 100
_MOST_FOLDED = 2**25


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
    skeleton = graph.skeleton()
    fixed = {v.name for v in (*skeleton.graph.input, *skeleton.graph.output)}
    skeleton.graph.value_info.extend(
        to_info(t) for name, t in graph.behind_bodies.items() if name not in fixed
    )
    bounds.check_axes(skeleton.graph)
    follow = bounds.follow_numbers(skeleton.graph)
    inferred = shape_inference.infer_shapes(skeleton, data_prop=follow).graph
    declared = {v.name: v for v in [*graph.model.graph.value_info, *inferred.input]}
    declared |= {v.name: v for v in [*inferred.output, *inferred.value_info]}
    graph.types, graph.containers = {}, {}
    for name, info in declared.items():
        held = _held_type(info.type)
        if held is not None:
            graph.containers[name] = held
        tensor = to_tensor(info)
        if tensor is not None and tensor.shape is None:
            tensor = graph.behind_bodies.get(name, tensor)
        if tensor is not None:
            graph.types[name] = tensor


def to_tensor(info: onnx.ValueInfoProto) -> Tensor | None:
    """What a file says of a tensor; None if that is no element type."""
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.elem_type:
        return None
    tensor_type = info.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(tensor_type.elem_type)
    if not tensor_type.HasField("shape"):
        return Tensor(info.name, dtype, None)
    return Tensor(info.name, dtype, tuple(_dim(d) for d in tensor_type.shape.dim))


def to_info(tensor: Tensor) -> onnx.ValueInfoProto:
    """A tensor's name and type as a file has it."""
    dtype = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    return helper.make_tensor_value_info(tensor.name, dtype, tensor.shape)


def _held_type(kind: onnx.TypeProto) -> DType | None:
    """The element type of the tensors in a sequence or an optional; None for anything else."""
    while kind.HasField("sequence_type") or kind.HasField("optional_type"):
        inner = kind.sequence_type if kind.HasField("sequence_type") else kind.optional_type
        kind = inner.elem_type
        if kind.tensor_type.elem_type:
            return helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type)
    return None


def _dim(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value"):
        return dim.dim_value
    return dim.dim_param or None


def fold(graph: Graph) -> None:
    """Replace what is constant by its value until nothing changes; types are fresh afterwards."""
    for _ in range(_MOST_ROUNDS):
        constants.hoist(graph)
        infer_types(graph)
        if not (_fold_once(graph) or partial.fold(graph) or branch.inline(graph)):
            return
    infer_types(graph)


def _fold_once(graph: Graph) -> bool:
    kept: list[NodeProto] = []
    outputs = set(graph.output_names())
    room = _MOST_FOLDED
    for node in graph.nodes:
        values = evaluate(graph, node) if outputs.isdisjoint(node.output) and room > 0 else None
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=True):
            room -= value.size
            if name:
                graph.constants[name] = numpy_helper.from_array(value, name)
    changed = len(kept) < len(graph.nodes)
    graph.nodes = kept
    graph.index()
    return changed
