"""Quantised weights of a matrix product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, Tensor, attributes


def decoded(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    """The constant weight of a MatMul or Gemm as  scale * (w - zero), in plain arithmetic.

    What ONNX Runtime makes of a DequantizeLinear before one quantises the other operand as
    well (1.31.1, optimisations at their default). Before other operators it is left alone: there
    the arithmetic stays the same at every level, and a step of rounding turns on the last bit.
    """
    if node.op_type != "DequantizeLinear" or node.domain not in STANDARD_DOMAINS:
        return None
    readers = {reader.op_type for reader in graph.consumers.get(node.output[0], [])}
    if readers.isdisjoint(("MatMul", "Gemm")):
        return None
    weight = graph.tensor(node.input[0]) if node.input[0] in graph.constants else None
    values = [graph.value(name) for name in node.input[1:]]
    attrs = attributes(node)
    if weight is None or weight.shape is None or any(v is None for v in values):
        return None
    if attrs.get("block_size", 0) or attrs.get("output_dtype", 0):
        return None
    scale, *zero = (_beside(weight, v, attrs) for v in values if v is not None)
    out, name = node.output[0], node.name
    whole, element = f"{out}/whole", helper.np_dtype_to_tensor_dtype(scale.dtype)
    nodes = [helper.make_node("Cast", [node.input[0]], [whole], f"{name}/Cast", to=element)]
    if zero and zero[0].any():
        shift = graph.add_constant(zero[0].astype(scale.dtype), f"{out}/zero")
        shifted = f"{out}/shifted"
        nodes.append(helper.make_node("Sub", [whole, shift], [shifted], f"{name}/Sub"))
        whole = shifted
    factor = graph.add_constant(scale, f"{out}/scale")
    return [*nodes, helper.make_node("Mul", [whole, factor], [out], name)]


def _beside(weight: Tensor, value: Array, attrs: Mapping[str, Any]) -> Array:
    """A scale or zero point in a shape that broadcasts: one number, or one along the axis."""
    if value.size == 1:
        return value.reshape(())
    shape = [1] * len(weight.shape or ())
    shape[int(attrs.get("axis", 1))] = -1
    return value.reshape(shape)
