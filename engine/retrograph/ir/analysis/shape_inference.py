"""Types and shapes of every tensor, as runtimes compute them."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import NodeProto, helper, shape_inference

from retrograph.ir.analysis import limits, pool_windows
from retrograph.ir.analysis.lost_axes import behind_squeezes
from retrograph.ir.graph import DType, Graph, Shape, Tensor
from retrograph.ir.subgraphs import subgraphs


def open_dimensions(graph: Graph) -> None:
    """Make unknown what a file writes as a negative size; shape inference counts with the number.

    A size of 0 in an input means the same: nothing could be computed from it.
    """
    for lowest, infos in ((1, graph.inputs), (0, graph.outputs), (0, graph.model.graph.value_info)):
        for info in infos:
            for dim in info.type.tensor_type.shape.dim:
                if dim.HasField("dim_value") and dim.dim_value < lowest:
                    dim.ClearField("dim_value")


def forget_shapes(graph: Graph) -> None:
    """Take away what bodies declare of their outputs, and of the sizes of their inputs."""
    graph.nodes = [_forgetful(node) for node in graph.nodes]
    graph.index()


def _forgetful(node: NodeProto) -> NodeProto:
    if not any(True for _ in subgraphs(node)):
        return node
    whole = NodeProto()
    whole.CopyFrom(node)
    waiting = [*subgraphs(whole)]
    while waiting:
        body = waiting.pop()
        waiting.extend(inner for step in body.node for inner in subgraphs(step))
        del body.value_info[:]
        for info in body.input:
            for dim in info.type.tensor_type.shape.dim:
                dim.Clear()
        for info in body.output:
            if info.type.HasField("tensor_type"):
                info.type.tensor_type.ClearField("shape")
    return whole


def infer_types(graph: Graph) -> None:
    """Fill `graph.types` from the inputs, the weights and the operators, as runtimes compute them.

    Of what a file declares of other tensors, element types and the number of axes are taken where
    nothing is inferred, and no size. Pools that inference counts otherwise are spelled anew, in
    place. Large weights are not copied.
    """
    inferred = _inferred(graph)
    while pool_windows.settle(graph, inferred):
        inferred = _inferred(graph)
    infos = (*graph.model.graph.value_info, *graph.outputs)
    infos = (*infos, *inferred.input, *inferred.output, *inferred.value_info)
    held = {v.name: kind for v in infos if (kind := _held_type(v.type)) is not None}
    said = _tensors((*graph.model.graph.value_info, *graph.outputs))
    unsure = behind_squeezes(graph)
    said = {name: tensor for name, tensor in said.items() if name not in unsure}
    found = _tensors((*inferred.input, *inferred.output, *inferred.value_info))
    graph.types, graph.containers = {}, held
    for name in said | found:
        tensor = found.get(name)
        if tensor is None or tensor.shape is None:
            hint = graph.behind_bodies.get(name) or _opened(said.get(name))
            tensor = hint if hint and (not tensor or tensor.dtype == hint.dtype) else tensor
        if tensor is not None:
            graph.types[name] = tensor


def _inferred(graph: Graph) -> onnx.GraphProto:
    """The skeleton with the types that ONNX's shape inference finds."""
    skeleton = graph.skeleton()
    fixed = {v.name for v in skeleton.graph.input}
    ends = {v.name: v for v in skeleton.graph.output}
    for name, tensor in graph.behind_bodies.items():
        if name in ends:
            ends[name].CopyFrom(to_info(tensor))
        elif name not in fixed:
            skeleton.graph.value_info.append(to_info(tensor))
    limits.check_axes(skeleton.graph)
    follow = limits.follow_numbers(skeleton.graph)
    return shape_inference.infer_shapes(skeleton, data_prop=follow).graph


def _tensors(infos: Iterable[onnx.ValueInfoProto]) -> dict[str, Tensor]:
    found = (to_tensor(info) for info in infos)
    return {tensor.name: tensor for tensor in found if tensor is not None}


def _opened(tensor: Tensor | None) -> Tensor | None:
    """A tensor of which nothing but its type and the number of its axes is known."""
    if tensor is None or tensor.shape is None:
        return tensor
    return Tensor(tensor.name, tensor.dtype, (None,) * len(tensor.shape))


def as_inferred(graph: Graph, info: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """What is said of an output, without sizes that nothing but the file says."""
    tensor, declared = graph.tensor(info.name), to_tensor(info)
    if tensor is None or declared is None or declared.shape is None:
        return info
    dims = tensor.shape
    if info.name in graph.losing:
        return to_info(Tensor(info.name, tensor.dtype, None))
    if dims is None:
        dims = (None,) * len(declared.shape)
    elif len(dims) == len(declared.shape):
        pairs = zip(declared.shape, dims, strict=True)
        dims = tuple(found if isinstance(told, int) else told for told, found in pairs)
    return to_info(Tensor(info.name, tensor.dtype, dims))


def to_tensor(info: onnx.ValueInfoProto) -> Tensor | None:
    """What a file says of a tensor; None if that is no element type."""
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.elem_type:
        return None
    tensor_type = info.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(tensor_type.elem_type)
    if not tensor_type.HasField("shape"):
        return Tensor(info.name, dtype, None)
    return Tensor(info.name, dtype, tuple(_dim(d) for d in tensor_type.shape.dim))


def declared_shape(model: onnx.ModelProto, name: str) -> Shape:
    """The shape that a file gives to an input; () where it gives none."""
    infos = (info for info in model.graph.input if info.name == name)
    return next((tuple(map(_dim, i.type.tensor_type.shape.dim)) for i in infos), ())


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
