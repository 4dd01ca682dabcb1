"""Quantised activations in floating point, with the same values.

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
    """Rewrite each pair whose parameters are constant, in place, and note the Round nodes."""
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        replacement = _dequantized(graph, node)
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
