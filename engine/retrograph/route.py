"""The way from the target to the explained inputs, before any method goes along it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from onnx import NodeProto

from retrograph.errors import BlockedError, InputError, Problem, UnsupportedError, command
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.analysis.origin import among, of_the_file
from retrograph.ir.builder import Device
from retrograph.ir.graph import Graph, op_label, opset_of
from retrograph.ir.op_traits import ACTIVATIONS
from retrograph.ir.passes.bodies import within
from retrograph.ir.passes.to_float16 import Precision
from retrograph.ir.path import Path, path
from retrograph.ir.patterns.activations import activations, name_of
from retrograph.methods import Method
from retrograph.report import Place, RouteFacts, counted_once
from retrograph.selector import Select, Target, target_of
from retrograph.vjp.engine.obstacles import cuts, losing_rank, strangers, without_rule
from retrograph.vjp.engine.walk import blocked, defined


@dataclass(frozen=True)
class Request:
    """What is to be built.

    Attributes:
        graph: canonical, in the precision that is computed in.
        sources: the explained inputs.
        target: the explained tensor's name.
        method: the attribution method.
        select: how a unit is chosen at run time.
        many: whether K units of each item are explained at once.
        device: what the emitted operators suit best; they run on any.
        outputs: whether the model's own outputs are kept; without them nothing that only they
            need is computed.
        precision: what is computed in; with float32 in the model's own types.
        straight_through: whether rounding passes the cotangent; the graph knows how.
        source_batch: how many items the source model takes where its batch was opened, else 0.
        notes: what a user should know of the target, a line each.
    """

    graph: Graph
    sources: tuple[str, ...]
    target: str
    method: Method
    select: Select = "top"
    many: bool = False
    device: Device = "cpu"
    outputs: bool = True
    precision: Precision = "float32"
    straight_through: bool = True
    source_batch: int = 0
    notes: tuple[str, ...] = ()


class Route:
    """The nodes between the target and the explained inputs.

    Attributes:
        request: what is to be built.
        graph: that of the request, without operators that are not defined on the way; without the
            model's outputs where they are not kept.
        batch: which axes of its tensors count items.
        path: what the cotangents pass.

    Raises:
        UnsupportedError: the target needs nodes that are not known; it lists them.
        InputError: the target does not depend on the inputs.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self._check_known()
        self.graph = defined(request.graph, request.sources, [request.target])
        if not request.outputs:
            self.graph = self.graph.copy()
            self.graph.outputs = []
        self.batch = follow_batch(self.graph)
        stops = blocked(self.graph).keys()
        self.path: Path = path(self.graph, request.sources, [request.target], stops)
        self._check_path()

    def _check_known(self) -> None:
        graph, target = self.request.graph, self.request.target
        unknown = strangers(graph, target)
        if unknown:
            raise UnsupportedError(
                f"cannot build '{self.request.method.name}' from '{target}': {len(unknown)} of the "
                f"{len(graph.needed([target])[0])} nodes that it needs are not known",
                unknown,
                f"Choose an earlier layer as the target (see {command('layers')}).",
            )

    def _check_path(self) -> None:
        target, missing = self.request.target, set(self.request.sources) - self.path.tensors
        if not missing:
            return
        where = " or ".join(repr(s) for s in self.request.sources if s in missing)
        culprits = cuts(self.graph, missing, target)
        if culprits:
            last = culprits[-1]
            raise BlockedError(
                f"target '{target}' depends on {where} only through '{last.node}' ({last.op}: "
                f"{last.reason}); choose a layer before it (see {command('layers')})",
                culprits,
            )
        raise InputError(
            f"target '{target}' does not depend on {where}; choose another layer or input "
            f"(see {command('layers')})"
        )

    @cached_property
    def target(self) -> Target:
        """What is explained.

        Raises:
            UnsupportedError: nodes without a rule leave its rank unknown; it lists them.
            InputError: open shapes do.
        """
        request = self.request
        target = target_of(self.graph, self.batch, request.target, request.sources[0])
        if target is None:
            raise self._rank_unknown()
        return target

    def _rank_unknown(self) -> UnsupportedError | InputError:
        """Why the target's rank is not known: nodes without a rule, or shapes that are open."""
        ruleless = without_rule(self.graph, self.path.nodes)
        if ruleless:
            return self.unsupported(ruleless)
        culprits = losing_rank(self.graph, self.path.nodes)
        why = (
            f": that of what '{culprits[0].node}' ({culprits[0].op}) makes is not"
            if culprits
            else ""
        )
        return BlockedError(
            f"the rank of target '{self.request.target}' is not known{why}; export with static "
            "shapes",
            culprits,
        )

    def unsupported(self, problems: Sequence[Problem]) -> UnsupportedError:
        """Why nothing can be built: all problems, at the nodes of the file."""
        request = self.request
        sources = ", ".join(map(repr, request.sources))
        return UnsupportedError(
            f"cannot build '{request.method.name}' from '{request.target}' to {sources} "
            f"(opset {opset_of(request.graph.model)}): {len(problems)} of the "
            f"{len(self.path.nodes)} nodes between them cannot be treated",
            [of_the_file(request.graph, problem) for problem in problems],
            "Nodes that the target does not need were ignored. Choose an earlier layer as the "
            f"target (see {command('layers')}), or add a rule with @defvjp (CONTRIBUTING.md).",
        )

    def facts(self) -> RouteFacts:
        """What is known of the target and of the nodes on the way.

        Raises:
            UnsupportedError, InputError: as `target` does.
        """
        target = self.target
        return RouteFacts(
            item=tuple(d if isinstance(d, int) else None for d in target.item),
            channel_axis=target.channel_axis,
            relu=self._places(self._relu),
            straight_through=self._places(self.rounding),
            smooth=self._smooth(),
        )

    @cached_property
    def rounding(self) -> list[tuple[Graph, NodeProto]]:
        """The nodes that round and pass the cotangent unchanged, each in its graph."""
        return counted_once((g, n) for g, n in self._nodes if n.name in g.straight_through)

    @property
    def _relu(self) -> list[tuple[Graph, NodeProto]]:
        return [(graph, n) for graph, n in self._nodes if n.name in graph.relu_like]

    @cached_property
    def _nodes(self) -> list[tuple[Graph, NodeProto]]:
        """Those on the path and in its bodies, each in its graph."""
        return list(within(self.graph, self.path.nodes))

    def _places(self, nodes: Iterable[tuple[Graph, NodeProto]]) -> tuple[Place, ...]:
        """Where nodes come of; those of bodies are as they are."""
        file = {n.name: n for n in self.graph.model.graph.node}
        found = (among(file, n) if graph is self.graph else n for graph, n in nodes)
        return tuple(Place(n.name, op_label(n), n.output[0]) for n in found)

    def _smooth(self) -> tuple[Place, ...]:
        """The activations that are no ReLU, each once however many nodes spell it."""
        found = activations(self.graph, self.path.nodes)
        parts = {node.name for composite in found for node in composite.nodes}
        single = [
            (graph, n)
            for graph, n in self._nodes
            if n.op_type in ACTIVATIONS and n.name not in graph.relu_like | parts
        ]
        names = ((name_of(self.graph, c), c) for c in found)
        spelled = (Place(c.name, name, c.output) for name, c in names if name in ACTIVATIONS)
        return (*spelled, *self._places(single))
