"""The walk: cotangents passed down from the outputs of a graph to what is wanted of it.

The main graph and the bodies of If, Loop and Scan are walked alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import reduce

from retrograph.errors import Problem
from retrograph.ir.analysis.nchwc_layout import sought
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import (
    Graph,
    NodeProto,
    Rows,
    Tensor,
    Values,
    attributes,
    captured,
    default_attributes,
)
from retrograph.ir.passes.bodies import bodies
from retrograph.ir.passes.concat_prefixes import share_prefixes
from retrograph.ir.passes.expand import expand
from retrograph.ir.passes.sink_transpose import take_first
from retrograph.ir.path import Composite, Path, path
from retrograph.ir.patterns.roots import radicand
from retrograph.vjp.engine.straight_through import straight_through
from retrograph.vjp.registry import (
    COMPOSITE,
    Cotangents,
    Node,
    RuleOf,
    Unsupported,
    rule_of,
    vjp,
    why_nondifferentiable,
)


def blocked(graph: Graph) -> dict[str, str]:
    """The nodes through which nothing flows, each with the reason."""
    reasons = {n.name: why_nondifferentiable(n.domain, n.op_type) for n in graph.nodes}
    return {
        name: why
        for name, why in reasons.items()
        if why is not None and name not in graph.straight_through
    }


def defined(graph: Graph, sources: Collection[str], targets: Collection[str]) -> Graph:
    """The graph as it is walked, the batch in front wherever that is possible.

    What lies on the path and has no rule of its own is replaced by its definition.
    """
    nodes = path(graph, sources, targets, blocked(graph)).nodes
    whole = expand(graph, {n.name for n in nodes if not _is_treated(n)}, _is_treated)
    return share_prefixes(take_first(whole))


def _is_treated(node: NodeProto) -> bool:
    key = (node.domain, node.op_type)
    if node.op_type == "BatchNormalization" and attributes(node).get("training_mode", 0):
        return False
    return rule_of(*key) is not None or why_nondifferentiable(*key) is not None


def pull_back(
    e: Emitter,
    body: Graph,
    seeds: Sequence[tuple[str, Tensor]],
    wanted: Collection[str],
    rule: RuleOf,
) -> dict[str, Tensor]:
    """Compute a body forward again and pass cotangents of its tensors down to the wanted ones.

    Returns:
        The cotangents by the tensors' names, of those that any comes down to.

    Raises:
        Unsupported: nodes of the body cannot be treated; the text has the reasons.
    """
    body = defined(body, wanted, [name for name, _ in seeds])
    e.include(body)
    way = path(body, wanted, [name for name, _ in seeds], blocked(body))
    walk = Walk(e, body, way, rule)
    walk.run((name, ct) for name, ct in seeds if name in way.tensors)
    if walk.problems:
        raise Unsupported(
            "; ".join(f"in its body, '{p.node}' ({p.op}): {p.reason}" for p in walk.problems)
        )
    found = {name: walk.cotangent(t) for name in wanted if (t := body.tensor(name)) is not None}
    return {name: ct for name, ct in found.items() if ct is not None}


class Walk:
    """One walk along a path.

    Args:
        e: emits behind the graph.
        graph: canonical.
        path: what to pass.
        rule: which rule a node takes.
        tensor: a tensor of the graph as the rules are to see it.
        composites: those nodes of the path that are treated as one.

    Attributes:
        problems: the nodes that could not be treated.
    """

    def __init__(
        self,
        e: Emitter,
        graph: Graph,
        path: Path,
        rule: RuleOf,
        tensor: Callable[[str], Tensor | None] | None = None,
        composites: Sequence[Composite] = (),
    ) -> None:
        self.e, self.graph, self.path, self.rule = e, graph, path, rule
        self.tensor = tensor or graph.tensor
        passed = {node.name for node in path.nodes}
        self._composites = {c.name: c for c in composites if c.name in passed}
        self._inside = {n.name for c in self._composites.values() for n in c.nodes[:-1]}
        self._sought = sought(graph, path.nodes)
        self.problems: list[Problem] = []
        self._cts: dict[str, list[Tensor]] = {}

    def run(self, seeds: Iterable[tuple[str, Tensor]]) -> None:
        """Pass the cotangents of some tensors down the whole path."""
        for name, seed in seeds:
            self._add(name, seed)
        for proto in reversed(self.path.nodes):
            if proto.name in self._inside:
                continue
            node = self._view(proto)
            if proto.name in self._composites:
                node = self._composed(node, self._composites[proto.name])
            cts = [None if o is None else self.cotangent(o) for o in node.outputs]
            if all(ct is None for ct in cts):
                continue
            with self.e.scope(node.name):
                for tensor, ct in zip(node.inputs, self._pass_down(node, cts), strict=True):
                    if tensor is not None and ct is not None and tensor.name in self.path.tensors:
                        self._add(tensor.name, ct)

    def cotangent(self, tensor: Tensor) -> Tensor | None:
        """The sum of what came down to a tensor."""
        if tensor.name not in self._cts:
            return None
        with self.e.scope(tensor.name):
            total = self._sum(self._cts[tensor.name], tensor)
        total = replace(self.e.rename(total, tensor.name), dtype=tensor.dtype)
        self._cts[tensor.name] = [total]
        return self.e.declare(total, tensor.shape)

    def _sum(self, parts: Sequence[Tensor], tensor: Tensor) -> Tensor:
        """The sum of a tensor's cotangents, in the layout that suits what follows."""
        blocked = [part for part in parts if self.e.is_blocked(part)]
        plain = [part for part in parts if not self.e.is_blocked(part)]
        sums = [reduce(self.e.add, group) for group in (blocked, plain) if group]
        name, sought = tensor.name, self._sought
        # Units' rows are taken out of the layout to meet their item's mask.
        stays = name in sought.masked and tensor.rows is not Rows.ITEMS
        if stays or (len(sums) > 1 and name in sought.masked | sought.convolved):
            sums = [self.e.blocked(replace(part, shape=tensor.shape)) for part in sums]
        return reduce(self.e.add, sums)

    def _add(self, name: str, ct: Tensor) -> None:
        self._cts.setdefault(name, []).append(ct)

    def _pass_down(self, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """The cotangents of the node's inputs; a stand-in where it cannot be treated."""
        try:
            rule = self.rule(node)
            if rule is vjp and node.name in self.graph.straight_through:
                bound = self.graph.straight_through[node.name]
                return straight_through(self.e, node, cts, bound)
            found = rule(self.e, node, cts)
            assert len(found) == len(node.inputs), f"{node.op}: one entry for each input"
            lacking = [i for i in sorted(node.wanted) if found[i] is None]
            if lacking:
                names = ", ".join(f"'{node.input(i).name}'" for i in lacking)
                raise Unsupported(f"its parameter {names} depends on the explained input")
            return found
        except Unsupported as problem:
            label = _label(node.parts[-1] if node.parts else node)
            reason = self.graph.undefined.get(node.name, str(problem))
            self.problems.append(Problem(node.name, label, reason))
            stand_in = next(ct for ct in cts if ct is not None)
            return [stand_in if i in node.wanted else None for i in range(len(node.inputs))]

    def _view(self, proto: NodeProto) -> Node:
        """A node as a rule sees it."""
        names = [*proto.input, *dict.fromkeys(captured(proto))]
        return Node(
            name=proto.name,
            op=proto.op_type,
            domain=proto.domain,
            inputs=tuple(self._given(name) for name in names),
            outputs=tuple(self._given(name) for name in proto.output),
            attrs={
                **default_attributes(proto.op_type, proto.domain, self.graph.opset),
                **attributes(proto),
            },
            values=Values(self.graph, proto.input),
            wanted=frozenset(i for i, name in enumerate(names) if name in self.path.tensors),
            is_relu=proto.name in self.graph.relu_like,
            radicand=radicand(self.graph, proto),
            bodies=bodies(self.graph, proto),
            rule=self.rule,
        )

    def _composed(self, last: Node, composite: Composite) -> Node:
        """The nodes of a composite as one."""
        return replace(
            last,
            op=composite.op,
            domain=COMPOSITE,
            inputs=(self._given(composite.input),),
            attrs={},
            values={},
            wanted=frozenset([0]),
            parts=tuple(self._view(proto) for proto in composite.nodes),
        )

    def _given(self, name: str) -> Tensor | None:
        return self.tensor(name) if name else None


def _label(node: Node) -> str:
    return f"{node.domain}.{node.op}" if node.domain else node.op
