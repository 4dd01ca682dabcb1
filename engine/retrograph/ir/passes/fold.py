"""What is constant, replaced by its value.

Exporters compute shapes at run time (Shape, Gather, Concat, Reshape) and decode weights in the
graph. What does not depend on the input is evaluated here once, so that the rules see numbers.
"""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, numpy_helper

from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.constant_folding import evaluate
from retrograph.ir.analysis.symbolic_sizes import Sizes
from retrograph.ir.graph import Graph
from retrograph.ir.passes import Pass, constant_branch, hoist_constants

_MOST_ROUNDS = 100
_MOST_FOLDED = 2**25


def fold(graph: Graph) -> bool:
    """Replace what is constant by its value until nothing changes; types are fresh afterwards.

    True if there was any.
    """
    changed = False
    for _ in range(_MOST_ROUNDS):
        changed |= hoist_constants.hoist(graph)
        shape_inference.infer_types(graph)
        if not any(step(graph) for step in _STEPS):
            return changed
        changed = True
    shape_inference.infer_types(graph)
    return changed


def _fold_constants(graph: Graph) -> bool:
    """Make a constant of what constants alone make."""
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
    return graph.replace_nodes(kept)


def _fold_sizes(graph: Graph) -> bool:
    """Make a constant of what is known in full though it stems from an open shape."""
    sizes = Sizes(graph)
    kept: list[NodeProto] = []
    for node in graph.nodes:
        found = [sizes.whole(name) for name in node.output]
        wanted = set(node.output) & set(graph.output_names())
        values = [numbers for numbers in found if numbers is not None]
        if wanted or len(values) < len(found) or not values:
            kept.append(node)
            continue
        for name, numbers in zip(node.output, values, strict=True):
            tensor = graph.tensor(name)
            assert tensor is not None
            value = np.asarray(numbers, tensor.dtype).reshape([-1] if tensor.rank else [])
            graph.constants[name] = numpy_helper.from_array(value, name)
    return graph.replace_nodes(kept)


_STEPS: tuple[Pass, ...] = (_fold_constants, _fold_sizes, constant_branch.inline)
