"""The nodes for which a target cannot be explained, found without a walk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from retrograph.errors import Problem
from retrograph.ir.analysis.batch_axis import Batch
from retrograph.ir.analysis.lost_axes import misread
from retrograph.ir.graph import (
    MICROSOFT,
    STANDARD_DOMAINS,
    Graph,
    NodeProto,
    Rows,
    Tensor,
    op_label,
    reads,
)
from retrograph.ir.io.domains import has_schema
from retrograph.ir.op_traits import RESHAPES
from retrograph.ir.passes.expand.registry import definition_of
from retrograph.ir.path import ancestors, flow
from retrograph.vjp.engine.walk import blocked
from retrograph.vjp.registry import Node, Unsupported, rule_of, why_nondifferentiable


def cuts(graph: Graph, sources: Collection[str], target: str) -> tuple[Problem, ...]:
    """The nodes behind which the target depends on the sources, but without a derivative."""
    reasons = graph.undefined | blocked(graph)
    reached, behind = _passed(graph, sources), ancestors(graph, target)
    return tuple(
        Problem(n.name, op_label(n), reasons.get(n.name, "its result is not floating point"))
        for n in graph.nodes
        if not (reached.isdisjoint(reads(n)) or behind.isdisjoint(n.output))
        and reached.isdisjoint(n.output)
    )


def _passed(graph: Graph, sources: Collection[str]) -> set[str]:
    """What changes with the sources in floating point, or has the same in floating point."""
    reached = flow(graph, sources, blocked(graph))
    for node in graph.nodes:
        if not reached.isdisjoint(reads(node)):
            reached.update(graph.lifted.intersection(node.output))
    return reached


def without_rule(graph: Graph, nodes: Sequence[NodeProto]) -> tuple[Problem, ...]:
    """Those of the nodes whose operator has no rule."""
    return tuple(
        Problem(n.name, op_label(n), graph.undefined.get(n.name, "no VJP rule"))
        for n in nodes
        if rule_of(n.domain, n.op_type) is None and n.name not in graph.straight_through
    )


def strangers(graph: Graph, target: str) -> tuple[Problem, ...]:
    """The nodes that the target needs whose operator nobody knows, the last one first.

    One of ONNX Runtime is in the way only where the rank of its result is not known, either.
    """
    return tuple(
        Problem(n.name, op_label(n), _strangeness(n.domain))
        for n in reversed(graph.needed([target])[0])
        if not _is_known(n) and not (_is_of_runtime(n.domain) and _has_rank(graph, n.output))
    )


def _is_known(node: NodeProto) -> bool:
    key = (node.domain, node.op_type)
    return (
        rule_of(*key) is not None
        or why_nondifferentiable(*key) is not None
        or definition_of(node) is not None
        or has_schema(node)
    )


def _is_of_runtime(domain: str) -> bool:
    return domain == MICROSOFT or domain.startswith(f"{MICROSOFT}.")


def _strangeness(domain: str) -> str:
    if domain in STANDARD_DOMAINS:
        return "no operator of ONNX; export the model again with standard operators"
    if _is_of_runtime(domain):
        return "no VJP rule"
    way = next((how for tool, how in _STANDARD_EXPORTS.items() if tool in domain), "")
    return (
        f"no VJP rule, and the domain '{domain}' is unknown; add a rule with @defvjp "
        f"(CONTRIBUTING.md), or export with standard operators{way}"
    )


_STANDARD_EXPORTS = {
    "brevitas": ", by Brevitas' export_onnx_qcdq",
    "qonnx": ", by QONNX's conversion to QCDQ",
    "finn": ", as QCDQ, before FINN's own transformations",
}


def causes(graph: Graph, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems without the unknown ranks that lie behind an operator without a rule."""
    ruleless = {p.node for p in problems if p.reason.startswith("no VJP rule")}
    behind: set[str] = set()
    for node in graph.nodes:
        if node.name in ruleless or not behind.isdisjoint(reads(node)):
            behind.update(filter(None, node.output))
    follow = {n.name for n in graph.nodes if not behind.isdisjoint(reads(n))}
    return tuple(
        p for p in problems if p.node not in follow or not p.reason.startswith("the rank of")
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


_SCALING = {"Mul", "Div", "Pow", "Mod", "Max", "Min", "Where", "PRelu", "MatMul"}


def _rows_of_items(node: Node) -> list[str]:
    """The constants that differ from item to item, in operators whose rule reads them."""
    if node.op not in _SCALING or node.y.shape is None:
        return []
    given = (node.input(i) for i in node.values)
    shapes = {t.name: t.shape for t in given if t.shape is not None}
    whole, least = len(node.y.shape), 3 if node.op == "MatMul" else 1
    return [name for name, d in shapes.items() if len(d) == whole >= least and d[0] != 1]


class Misread:
    """Whether nodes mean something else where tensors lose axes at run time."""

    def __init__(self, graph: Graph, nodes: Sequence[NodeProto]) -> None:
        self._reasons = {node.name: reason for node, reason in misread(graph, nodes)}

    def check(self, node: Node) -> None:
        """Whether a node does.

        Raises:
            Unsupported: it does.
        """
        if node.name in self._reasons:
            raise Unsupported(self._reasons[node.name])


class Apart:
    """Whether the units of an item can be told apart, K rows of cotangents for one of the item.

    Args:
        graph: canonical.
        batch: where the items lie in it.
        target: the explained tensor.
    """

    def __init__(self, graph: Graph, batch: Batch, target: str) -> None:
        self._graph, self._batch, self._target = graph, batch, target
        self._moved = batch.moved

    def check(self, node: Node) -> None:
        """Whether they can at a node.

        Raises:
            Unsupported: they cannot.
        """
        ends = node.inputs[:1] if self._reshapes_items(node) else (*node.inputs, *node.outputs)
        tensors = [t for t in ends if t is not None]
        wanted = [node.input(i) for i in sorted(node.wanted)]
        reasons = [
            *(
                f"the batch axis of '{t.name}' is not in front"
                for t in tensors
                if t.name in self._moved
            ),
            *(
                f"'{t.name}' is one for the whole batch, its attribution a sum over it"
                for t in wanted
                if t.rows is Rows.SHARED
            ),
            *(f"'{name}' has one row for the whole batch" for name in self._single_rows(tensors)),
            *(f"the constant '{name}' has a row for each item" for name in _rows_of_items(node)),
            *(["its body has a row for each item"] if node.bodies else []),
        ]
        if reasons:
            raise Unsupported(
                f"{reasons[0]}, so many=True is not possible; explain one unit at a time"
            )

    def _reshapes_items(self, node: Node) -> bool:
        """Whether a node only gives the items another shape, the target's, without a batch axis.

        The cotangents of their units are rows still, and become those of its input.
        """
        moves = node.op in RESHAPES
        return moves and node.y.name == self._target and self._batch.leads(node.x.name)

    def _single_rows(self, tensors: Sequence[Tensor]) -> list[str]:
        """The tensors with one row where others have one for each item of an open batch."""
        inputs = (self._graph.tensor(name) for name in self._graph.input_names())
        batch = {t.shape[0] for t in inputs if t and t.shape and isinstance(t.shape[0], str)}
        wholes = (self._graph.tensor(t.name) for t in tensors if t.rows is Rows.ITEMS)
        rows = {t.name: t.shape[0] for t in wholes if t and t.shape}
        return [name for name, d in rows.items() if d == 1 and batch & set(rows.values())]
