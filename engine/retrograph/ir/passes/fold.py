"""What is constant, replaced by its value.

Exporters compute shapes at run time (Shape, Gather, Concat, Reshape) and decode weights in the
graph. What does not depend on the input is evaluated here once, so that the rules see numbers.
"""

from __future__ import annotations

from onnx import NodeProto, numpy_helper

from retrograph.ir.analysis import shape_inference, symbolic_sizes
from retrograph.ir.analysis.constant_folding import evaluate
from retrograph.ir.graph import Graph
from retrograph.ir.passes import constant_branch, hoist_constants

_MOST_ROUNDS = 100
_MOST_FOLDED = 2**25


def fold(graph: Graph) -> None:
    """Replace what is constant by its value until nothing changes; types are fresh afterwards."""
    for _ in range(_MOST_ROUNDS):
        hoist_constants.hoist(graph)
        shape_inference.infer_types(graph)
        if not (_fold_once(graph) or symbolic_sizes.fold(graph) or constant_branch.inline(graph)):
            return
    shape_inference.infer_types(graph)


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
