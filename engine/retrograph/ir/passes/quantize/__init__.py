"""Quantised activations and weights in floating point, with the same values.

What QuantizeLinear makes of an activation becomes  clip(round(x / scale), lo, hi), in floating
point, and is followed to what reads it: DequantizeLinear multiplies by the scale, integer sums of
products become float ones. That gives what the operators give with optimisations off, keeps a
runtime from swapping the float arithmetic between them for integer kernels, and leaves Round as the
one step without a derivative, which the cotangent passes straight through.
"""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, reads
from retrograph.ir.passes.quantize import (  # noqa: F401  importing a family registers it
    arithmetic,
    linear,
    passing,
    product,
)
from retrograph.ir.passes.quantize.codes import FOLLOWERS, Codes
from retrograph.ir.passes.quantize.weights import decoded


def to_float(graph: Graph) -> bool:
    """Rewrite what quantises and what reads it, in place; note what rounds; True if there was any.

    What reads whole numbers and has no form in floating point stays, and is said to be in the way.
    """
    codes = Codes(graph)
    entries = {entry.whole: entry for entry in graph.entries.values()}
    for node in graph.nodes:
        if node.output and node.output[0] in entries:
            linear.enter(codes, node, entries[node.output[0]])
            continue
        weight = decoded(graph, node)
        if weight is not None:
            codes.nodes.extend(weight)
        elif not _followed(codes, node):
            _explain(codes, node)
            codes.nodes.append(node)
    graph.lifted = set(codes.of)
    return graph.replace_nodes(_without_left_over(graph, codes))


def _followed(codes: Codes, node: NodeProto) -> bool:
    """Whether nodes were added in the place of a node, or beside it where it gives integers."""
    follow = FOLLOWERS.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
    return follow is not None and follow(codes, node)


def _explain(codes: Codes, node: NodeProto) -> None:
    """Say why a node that reads codes does not pass them, unless that is said already."""
    if not codes.of.keys().isdisjoint(node.input):
        reason = "takes whole numbers, and has no form in floating point here"
        codes.graph.undefined.setdefault(node.name, reason)


def _without_left_over(graph: Graph, codes: Codes) -> list[NodeProto]:
    """The nodes but for integer forms, and forms in floating point, that nothing reads."""
    wanted, kept = set(graph.output_names()), []
    for node in reversed(codes.nodes):
        if node.name not in codes.spare or not wanted.isdisjoint(node.output):
            kept.append(node)
            wanted.update(reads(node))
    return kept[::-1]
