"""Quantised activations and weights in floating point, with the same values.

QuantizeLinear and DequantizeLinear of an activation become  scale * clip(round(x / scale), lo, hi).
That gives what the pair gives with optimisations off, keeps a runtime from swapping the float
arithmetic between the pairs for integer kernels, and leaves Round as the one step without a
derivative, which the cotangent passes straight through.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, attributes


def to_float(graph: Graph) -> None:
    """Rewrite pairs and weights whose parameters are constant, in place; note the Round nodes."""
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        replacement = _dequantized(graph, node) or _decoded(graph, node)
        nodes.extend(replacement or [node])
        graph.straight_through.update(n.name for n in replacement or () if n.op_type == "Round")
    graph.nodes = nodes
    graph.index()
    graph.nodes = [n for n in graph.nodes if not _is_left_over(graph, n)]
    graph.index()


def _is_left_over(graph: Graph, node: NodeProto) -> bool:
    out = node.output[0]
    unread = out not in graph.consumers and out not in graph.output_names()
    return node.op_type == "QuantizeLinear" and unread


def _dequantized(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    if node.op_type != "DequantizeLinear" or node.domain not in STANDARD_DOMAINS:
        return None
    quantize = graph.producer.get(node.input[0])
    if quantize is None or quantize.op_type != "QuantizeLinear":
        return None
    given, taken = _parameters(graph, quantize), _parameters(graph, node)
    if given is None or taken is None:
        return None
    (scale, zero), (back_scale, back_zero) = given, taken
    if scale.size != 1 or back_scale.size != 1 or not np.issubdtype(zero.dtype, np.integer):
        return None
    limits = np.iinfo(zero.dtype)
    low, high = int(limits.min) - int(zero), int(limits.max) - int(zero)
    shift = int(zero) - int(back_zero)
    return _fake_quantize(graph, node, quantize.input[0], scale, (low, high), back_scale, shift)


def _decoded(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    """The constant weight of a MatMul as  scale * (w - zero), in plain arithmetic.

    What ONNX Runtime makes of a DequantizeLinear before a MatMul quantises the other operand as
    well (1.31.1, optimisations at their default). Before other operators it is left alone: there
    the arithmetic stays the same at every level, and a step of rounding turns on the last bit.
    """
    if node.op_type != "DequantizeLinear" or node.domain not in STANDARD_DOMAINS:
        return None
    if all(reader.op_type != "MatMul" for reader in graph.consumers.get(node.output[0], [])):
        return None
    weight = graph.tensor(node.input[0]) if node.input[0] in graph.constants else None
    values = [graph.value(name) for name in node.input[1:]]
    attrs = attributes(node)
    if weight is None or weight.shape is None or any(v is None for v in values):
        return None
    if attrs.get("block_size", 0) or attrs.get("output_dtype", 0):
        return None
    shape = [1] * len(weight.shape)
    if shape and values[0] is not None and values[0].ndim == 1:
        shape[attrs.get("axis", 1)] = -1
    scale, *zero = (v.reshape(shape) for v in values if v is not None)
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


def _parameters(graph: Graph, node: NodeProto) -> tuple[Array, Array] | None:
    """(scale, zero point) of a node where both are constant."""
    scale = graph.value(node.input[1])
    zero: Array | None = np.zeros((), np.uint8)
    if len(node.input) > 2 and node.input[2]:
        zero = graph.value(node.input[2])
    elif attributes(node).get("output_dtype", 0):
        zero = None
    return None if scale is None or zero is None else (scale, zero.reshape(-1)[0])


def _fake_quantize(
    graph: Graph,
    node: NodeProto,
    x: str,
    scale: Array,
    limits: tuple[int, int],
    back_scale: Array,
    shift: int,
) -> list[NodeProto]:
    out, name = node.output[0], node.name
    dtype = scale.dtype

    def constant(value: float | Array, hint: str) -> str:
        return graph.add_constant(np.asarray(value, dtype).reshape(()), f"{out}/{hint}")

    low, high = (constant(v, h) for v, h in zip(limits, ("low", "high"), strict=True))
    steps = [
        ("Div", [x, constant(scale, "scale")], f"{out}/scaled"),
        ("Round", [f"{out}/scaled"], f"{out}/rounded"),
        ("Clip", [f"{out}/rounded", low, high], f"{out}/clipped"),
    ]
    whole = f"{out}/clipped"
    if shift:
        steps.append(("Add", [whole, constant(shift, "shift")], f"{out}/shifted"))
        whole = f"{out}/shifted"
    steps.append(("Mul", [whole, constant(back_scale, "scale")], out))
    return [helper.make_node(op, reads, [made], name=f"{name}/{op}") for op, reads, made in steps]
