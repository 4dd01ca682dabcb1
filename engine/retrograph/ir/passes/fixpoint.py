"""What follows every rewriting: types, what is constant, and the one spelling of things."""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.ranks import type_unranked
from retrograph.ir.analysis.slice_sizes import type_cuts
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, draws
from retrograph.ir.passes import (
    Pass,
    explicit_pads,
    hoist_constants,
    quantize,
    relu_spelling,
    resolve_sequences,
    sign_spelling,
)
from retrograph.ir.passes.bodies import type_behind
from retrograph.ir.passes.fold import fold

_READ_BY_RULES = {"TopK": 2, "Dropout": 2}
"""How many outputs a rule needs of operators that may leave the last ones out."""

_TELLING: tuple[Pass, ...] = (
    resolve_sequences.resolve,
    type_behind,
    type_unranked,
    type_cuts,
)
"""What rewrites, or types, more of a graph once more of it is constant."""
_SPELLING: tuple[Pass, ...] = (
    relu_spelling.unify,
    sign_spelling.unify,
    explicit_pads.resolve,
)


def settle(graph: Graph) -> bool:
    """Fold what is constant, spell quantisation, ReLUs, signs and pads in one way, infer types.

    True if the graph changed.
    """
    changed = _name_outputs(graph)
    changed |= fold(graph)
    while any(step(graph) for step in _TELLING):
        hoist_constants.hoist(graph)
        fold(graph)
        changed = True
    if quantize.to_float(graph):
        shape_inference.infer_types(graph)
        changed = True
    for spell in _SPELLING:
        changed |= spell(graph)
    shape_inference.infer_types(graph)
    return changed


def _name_outputs(graph: Graph) -> bool:
    return graph.replace_nodes([_with_outputs(graph, node) for node in graph.nodes])


def _with_outputs(graph: Graph, node: NodeProto) -> NodeProto:
    """The node with a name for each output that a rule needs."""
    count = _READ_BY_RULES.get(node.op_type, 0) if node.domain in STANDARD_DOMAINS else 0
    given = [*node.output, *[""] * (count - len(node.output))]
    if node.op_type == "Dropout" and not draws(graph, node):
        return node
    if all(given[:count]):
        return node
    whole = NodeProto()
    whole.CopyFrom(node)
    del whole.output[:]
    names = (name or graph.fresh(f"{node.name}/{i}") for i, name in enumerate(given))
    whole.output.extend(names)
    return whole
