"""What operators without a schema make, taken for floating point: no path may pass them by."""

from __future__ import annotations

import onnx
from onnx import NodeProto, ValueInfoProto, helper, shape_inference

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Tensor, reads


def guess_types(graph: Graph) -> None:
    """Type what unknown operators make like their first floating-point input, of no known rank.

    A path then leads through them, and they are named among what cannot be treated; without a
    type they would end it, and a layer before them would be taken for the scores.
    """
    unknown = [node for node in graph.nodes if not _has_schema(node)]
    if unknown:
        _infer_again(graph)  # what a file declares of what they make tells of what comes after
    while guesses := {t.name: t for node in unknown for t in _guessed(graph, node)}:
        graph.types |= guesses
        _infer_again(graph)


def _has_schema(node: NodeProto) -> bool:
    return onnx.defs.has(node.op_type, "" if node.domain in STANDARD_DOMAINS else node.domain)


def _guessed(graph: Graph, node: NodeProto) -> list[Tensor]:
    read = (graph.tensor(name) for name in reads(node))
    dtype = next((t.dtype for t in read if t is not None and t.is_float), None)
    if dtype is None:
        return []
    return [Tensor(o, dtype, None) for o in node.output if o and graph.tensor(o) is None]


def _infer_again(graph: Graph) -> None:
    """Types of what comes after the guesses."""
    skeleton = graph.skeleton()
    declared = {v.name for v in (*skeleton.graph.input, *skeleton.graph.output)}
    infos = (_info(t) for name, t in graph.types.items() if name not in declared)
    skeleton.graph.value_info.extend(infos)
    for info in shape_inference.infer_shapes(skeleton).graph.value_info:
        dtype = info.type.tensor_type.elem_type
        if dtype and graph.tensor(info.name) is None:
            graph.types[info.name] = Tensor(info.name, helper.tensor_dtype_to_np_dtype(dtype), None)


def _info(tensor: Tensor) -> ValueInfoProto:
    dtype = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    return helper.make_tensor_value_info(tensor.name, dtype, tensor.shape)
