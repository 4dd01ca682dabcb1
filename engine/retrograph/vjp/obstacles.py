"""The nodes for which a target cannot be explained, found without a walk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from retrograph.errors import Problem
from retrograph.ir.graph import Graph, NodeProto, op_label, reads
from retrograph.ir.path import ancestors, flow
from retrograph.vjp.registry import rule_of
from retrograph.vjp.walk import blocked


def cuts(graph: Graph, sources: Collection[str], target: str) -> tuple[Problem, ...]:
    """The nodes behind which the target depends on the sources, but without a derivative."""
    stops = blocked(graph)
    reached, behind = flow(graph, sources, stops), ancestors(graph, target)
    return tuple(
        Problem(n.name, op_label(n), stops.get(n.name, "its result is not floating point"))
        for n in graph.nodes
        if not (reached.isdisjoint(reads(n)) or behind.isdisjoint(n.output))
        and reached.isdisjoint(n.output)
    )


def without_rule(graph: Graph, nodes: Sequence[NodeProto]) -> tuple[Problem, ...]:
    """Those of the nodes whose operator has no rule."""
    return tuple(
        Problem(n.name, op_label(n), graph.undefined.get(n.name, "no VJP rule"))
        for n in nodes
        if rule_of(n.domain, n.op_type) is None and n.name not in graph.straight_through
    )


def losing_rank(graph: Graph, nodes: Sequence[NodeProto]) -> tuple[Problem, ...]:
    """Those of the nodes of which first the rank of what they make is not known."""
    why = "the rank of what it makes is not known; export with static shapes"
    return tuple(
        Problem(n.name, op_label(n), why)
        for n in nodes
        if not _has_rank(graph, n.output) and _has_rank(graph, reads(n))
    )


def _has_rank(graph: Graph, names: Iterable[str]) -> bool:
    tensors = (graph.tensor(name) for name in names if name)
    return all(tensor is None or tensor.shape is not None for tensor in tensors)
