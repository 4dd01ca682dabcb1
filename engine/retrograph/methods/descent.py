"""The way down from the explained units, as a method asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from retrograph.errors import Problem
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Graph, NodeProto, Tensor
from retrograph.ir.passes import pad_axes
from retrograph.ir.path import Composite, Path, dependents, path
from retrograph.receptive_field.unit_windows import views
from retrograph.vjp.engine.walk import Walk, blocked
from retrograph.vjp.engine.window_places import Units
from retrograph.vjp.engine.window_walk import Region, pull_back_windows
from retrograph.vjp.registry import MultiRule, Node, RuleOf, Unsupported, vjp


@dataclass(frozen=True)
class Descent:
    """A forward pass, and the units of it that are explained.

    Attributes:
        e: emits behind it.
        graph: canonical.
        sources: the explained inputs.
        target: the explained tensor.
        ct: its cotangent: [N, *item], or [N * K, *item] of K units.
        tensor: a tensor of the graph as the rules are to see it.
        check: raises Unsupported where a node cannot be treated by any rule.
        problems: the nodes that could not be treated.
        units: the explained units of a target [N, C, H, W], where each has one.
        outputs: what the built graph gives out besides the attributions.
        scores: the units' activations, [M], of each walk that took them off windows.
    """

    e: Emitter
    graph: Graph
    sources: tuple[str, ...]
    target: str
    ct: Tensor
    tensor: Callable[[str], Tensor | None]
    check: Callable[[Node], None]
    units: Units | None = None
    problems: list[Problem] = field(default_factory=list)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    scores: list[Tensor] = field(default_factory=list)

    def given(self, name: str) -> Tensor:
        """A tensor of the graph, which must be one."""
        tensor = self.tensor(name)
        assert tensor is not None
        return tensor

    def walk(
        self,
        rule: RuleOf = lambda _: vjp,
        *,
        ct: Tensor | None = None,
        start: str = "",
        ends: Sequence[str] = (),
        composites: Sequence[Composite] = (),
    ) -> dict[str, Tensor]:
        """What comes down to the ends.

        Args:
            rule: which rule a node takes.
            ct: the cotangent that it starts with; the units' if None.
            start: the tensor whose cotangent it is; the target if empty.
            ends: the explained inputs if there are none.
            composites: nodes that are treated as one.
        """
        seeds = {start or self.target: self.ct if ct is None else ct}
        return self._passed(seeds, rule, ends or self.sources, composites)

    def _passed(
        self,
        seeds: Mapping[str, Tensor],
        rule: RuleOf,
        ends: Sequence[str],
        composites: Sequence[Composite],
    ) -> dict[str, Tensor]:
        """What comes down to the ends from the cotangents of some tensors."""
        way = path(self.graph, ends, [*seeds], blocked(self.graph).keys())

        def checked(node: Node) -> MultiRule:
            self.check(node)
            return rule(node)

        whole = [c for c in composites if not c.inside & {*ends}]
        walk = Walk(self.e, self.graph, way, checked, self.tensor, whole)
        walk.run(seeds.items())
        self.problems.extend(walk.problems)
        found = {name: walk.cotangent(self.given(name)) for name in ends}
        return {name: ct for name, ct in found.items() if ct is not None}

    def windows(
        self, rule: RuleOf, composites: Sequence[Composite] = ()
    ) -> dict[str, Tensor] | None:
        """What comes down to the explained inputs by rules that look at nothing around an element.

        Returns:
            None where a unit sees so much of them that `walk` is as well.
        """
        names = self.sources
        if self.units is None:
            return None
        stops = blocked(self.graph).keys()
        seen = views(self.graph, path(self.graph, names, [self.target], stops), self.target, names)
        if seen is None:
            return None
        way = path(self.graph, seen.ends, [self.target], stops)
        whole = [c for c in composites if not c.inside & {*names}]
        region = Region(self.graph, way, self.target, seen.windows, rule, whole)
        try:
            glimpse = pull_back_windows(self.e, region, self.units, seen.ends)
        except Unsupported:
            return None
        self.scores.append(glimpse.score)
        return self._passed(glimpse.cts, rule, names, composites)

    def inside(self, body: Emitter, values: Mapping[str, Tensor]) -> Descent:
        """The same in a body, where the forward pass is computed for other inputs."""
        for name, value in values.items():
            body.let(name, value)
        body.repeat(self._dependents(body))
        return replace(self, e=body, units=None)

    def again(
        self, values: Mapping[str, Tensor], along: Path | None = None
    ) -> Callable[[Tensor], Tensor]:
        """Compute the forward pass for other inputs too.

        Args:
            values: the inputs.
            along: what is computed again; everything else, such as the scales that a quantiser
                finds at run time, stays what it is. All that depends on the inputs if None.

        Returns:
            From a tensor to what it is for those inputs.
        """
        passed = None if along is None else {node.name for node in along.nodes}
        nodes = self._dependents(self.e)
        if passed is not None:
            nodes = [node for node in nodes if node.name in passed]
        names = self.e.again(nodes, values)
        names |= {name: value.name for name, value in values.items()}
        return lambda tensor: replace(tensor, name=names.get(tensor.name, tensor.name))

    def _dependents(self, e: Emitter) -> list[NodeProto]:
        """The nodes that change with the explained inputs, to be computed once more."""
        nodes = dependents(self.graph, self.sources, self.target)
        nodes, constants = pad_axes.named(nodes, self.graph)
        for name, value in constants.items():
            e.let(name, e.const(value))
        return nodes
