"""Old operator forms, brought to one modern form.

Every rule of retrograph is written for opset 18 and later: what was an attribute once (the axes of
a Squeeze, the bounds of a Clip) is an input, Upsample is Resize, Softmax works on one axis. Here
each older form is rewritten to that. ONNX's own version converter is not used: it refuses unsorted
graphs and models over 2 GB, and drops what it does not know.
"""

from __future__ import annotations

from onnx import NodeProto, defs

from retrograph.errors import Problem, UnsupportedError
from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.passes.opsets import (  # noqa: F401  importing a family registers its forms
    alignment,
    experimental,
    forms,
    normalisation,
    resize,
    sampling,
)
from retrograph.ir.passes.opsets.lent import as_standard, give_back
from retrograph.ir.passes.opsets.lowest_opset import lower
from retrograph.ir.passes.opsets.registry import FLOOR, NoRewriting, adapt
from retrograph.ir.subgraphs import subgraphs

__all__ = ["FLOOR", "give_back", "lower", "modernize"]


def modernize(graph: Graph) -> bool:
    """Bring every standard operator of the graph and its subgraphs to opset 18 or later, in place.

    True if any node of the graph itself was rewritten.

    Raises:
        UnsupportedError: nodes in a form of opset 6 or before that has no rewriting.
    """
    problems: list[Problem] = []
    nodes = _modernize_nodes(graph, graph.nodes, problems)
    if problems:
        raise UnsupportedError(
            f"{len(problems)} of {len(graph.nodes)} nodes are in an old form (opset {graph.opset}) "
            "that cannot be brought to a modern one:",
            problems,
            "Export the model again at opset 13 or later.",
        )
    graph.opset = max(graph.opset, FLOOR)
    return graph.replace_nodes(nodes)


def modern(graph: Graph, nodes: list[NodeProto], opset: int) -> list[NodeProto]:
    """Nodes that are written at an opset, in their modern forms; their constants go to the graph.

    Raises:
        NoRewriting: one has none.
    """
    problems: list[Problem] = []
    own, graph.opset = graph.opset, opset
    found = _modernize_nodes(graph, nodes, problems)
    graph.opset = own
    if problems:
        raise NoRewriting("; ".join(problem.reason for problem in problems))
    return found


def _modernize_nodes(
    graph: Graph, nodes: list[NodeProto], problems: list[Problem]
) -> list[NodeProto]:
    modern: list[NodeProto] = []
    for node in nodes:
        for body in subgraphs(node):
            inner = _modernize_nodes(graph, list(body.node), problems)
            del body.node[:]
            body.node.extend(inner)
        if node.domain not in STANDARD_DOMAINS:
            modern.append(as_standard(node))
            continue
        try:
            modern.extend(_trimmed(graph, new) for new in adapt(graph, node))
        except NoRewriting as reason:
            problems.append(Problem(node.name, node.op_type, str(reason)))
    return modern


def _trimmed(graph: Graph, node: NodeProto) -> NodeProto:
    """A node without the attributes that were taken out of its operator, `consumed_inputs` say."""
    if graph.opset >= FLOOR or not defs.has(node.op_type, FLOOR):
        return node
    known = defs.get_schema(node.op_type, FLOOR).attributes
    kept = [a for a in node.attribute if a.name in known]
    if len(kept) == len(node.attribute):
        return node
    trimmed = NodeProto()
    trimmed.CopyFrom(node)
    del trimmed.attribute[:]
    trimmed.attribute.extend(kept)
    return trimmed
