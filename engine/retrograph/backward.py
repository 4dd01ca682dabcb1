"""From a canonical forward graph to the forward and backward graph: ONNX in, ONNX out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from onnx import ModelProto, NodeProto

from retrograph.errors import BlockedError, InputError, Problem, UnsupportedError, command
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.analysis.channel_axis import input_channels
from retrograph.ir.analysis.origin import (
    among,
    in_words_of_the_file,
    naming_the_file,
    of_the_file,
)
from retrograph.ir.builder import Device
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import (
    Graph,
    Rows,
    Shape,
    Tensor,
    op_label,
    opset_of,
    value_info,
)
from retrograph.ir.op_traits import ACTIVATIONS
from retrograph.ir.passes import pad_axes
from retrograph.ir.passes.bodies import within
from retrograph.ir.passes.to_float16 import Precision
from retrograph.ir.path import Path, path
from retrograph.ir.patterns.activations import activations, name_of
from retrograph.ir.rename import rename
from retrograph.methods import Arrival, Method
from retrograph.methods.base import Scene
from retrograph.methods.descent import Descent
from retrograph.names import SCORE, UNIT, attribution_names, giving_way
from retrograph.report import Place, Report, counted_once, rounding_notes, truncation_notes
from retrograph.selector import Seed, Select, Target, seed, target_of
from retrograph.vjp import Node
from retrograph.vjp.engine.obstacles import (
    Apart,
    Misread,
    causes,
    cuts,
    losing_rank,
    strangers,
    without_rule,
)
from retrograph.vjp.engine.walk import blocked, defined
from retrograph.vjp.engine.window_places import Units


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


def check_support(request: Request) -> Report:
    """Walk the whole path and collect every node that cannot be treated; nothing is built.

    Raises:
        InputError: the target does not depend on the inputs, or the method is not defined on
            the path.
        UnsupportedError: nodes without a rule leave the target's rank unknown; it lists them.
    """
    with naming_the_file(request.graph):
        return _Backward(request).report()


def build_backward(request: Request) -> tuple[ModelProto, Report]:
    """The forward and backward graph as a model, without metadata.

    Raises:
        UnsupportedError: nodes on the path cannot be treated; it lists them all.
        InputError: the target does not depend on the inputs, or the method is not defined on
            the path.
    """
    with naming_the_file(request.graph):
        backward = _Backward(request)
        report = backward.report()
        if report.problems:
            raise _unsupported(request, report.problems, backward.path)
        return backward.model(), report


def _unsupported(request: Request, problems: Sequence[Problem], way: Path) -> UnsupportedError:
    return UnsupportedError(
        f"cannot build '{request.method.name}' from '{request.target}' to "
        f"{', '.join(repr(s) for s in request.sources)} (opset {opset_of(request.graph.model)}): "
        f"{len(problems)} of the {len(way.nodes)} nodes between them cannot be treated",
        [of_the_file(request.graph, problem) for problem in problems],
        "Nodes that the target does not need were ignored. Choose an earlier layer as the "
        f"target (see {command('layers')}), or add a rule with @defvjp (CONTRIBUTING.md).",
    )


class _Backward:
    """One walk from the target to the inputs."""

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
        self.method = request.method.settled(self.graph, self.path, request.sources, request.target)
        self.e = Emitter(self.graph, request.device)
        self._obstacles: list[Misread | Apart] = [Misread(self.graph, self.path.nodes)]
        if request.many:
            self._obstacles.append(Apart(self.graph, self.batch, request.target))
        self.seed: Seed = seed(self.e, self._target(), request.select, request.many)
        self.descent = Descent(
            e=self.e,
            graph=self.graph,
            sources=request.sources,
            target=request.target,
            ct=self.seed.ct,
            tensor=self._tensor,
            check=self._check,
            units=self._units(),
        )
        self.found = {part.name: part.descend(self.descent) for part in self.method.parts}
        self.score = self._score()

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

    def _check(self, node: Node) -> None:
        """Raises Unsupported where no rule can treat a node."""
        for obstacle in self._obstacles:
            obstacle.check(node)

    def _target(self) -> Target:
        request = self.request
        found = target_of(self.graph, self.batch, request.target, request.sources[0])
        if found is None:
            raise self._rank_unknown()
        return found

    def _rank_unknown(self) -> UnsupportedError | InputError:
        """Why the target's rank is not known: nodes without a rule, or shapes that are open."""
        ruleless = without_rule(self.graph, self.path.nodes)
        if ruleless:
            return _unsupported(self.request, ruleless, self.path)
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

    def _units(self) -> Units | None:
        """The explained units one by one; None where they have no place in a picture."""
        target = self._target()
        plain = target.rows == 1 and len(target.own) == 3 and target.channel_axis == 0
        if self.request.select == "cotangent" or not plain:
            return None
        with self.e.scope("units"):
            index = self.e.reshape(self.seed.unit, [-1, 3])
            items = self.e.item_of_unit or self.e.range(self.e.dim(replace(index, shape=None), 0))
        if self.request.many:
            return Units(index, items, Rows.UNITS, "units")
        return Units(index, items, Rows.SHARED, target.items)

    def _tensor(self, name: str) -> Tensor | None:
        tensor = self.graph.tensor(name)
        if tensor is None or not self.request.many:
            return tensor
        # The rows of its cotangent are units: nothing may be read off its leading dimension.
        if name == self.request.target:
            return replace(tensor, shape=(None, *self._target().own), rows=Rows.ITEMS)
        if not self.batch.leads(name):
            return tensor
        shape = None if tensor.shape is None else (None, *tensor.shape[1:])
        return replace(tensor, shape=shape, rows=Rows.ITEMS)

    # What comes of it.

    def report(self) -> Report:
        nodes = list(within(self.graph, self.path.nodes))
        relu = [(graph, n) for graph, n in nodes if n.name in graph.relu_like]
        passed = counted_once((graph, n) for graph, n in nodes if n.name in graph.straight_through)
        smooth = self._smooth(nodes)
        kinds = Counter(place.op for place in smooth)
        scene = Scene(
            self.graph, self.request.sources, self.path, self.request.target, len(relu), kinds
        )
        notes = [*self.request.notes, *self.method.notes(scene)]
        entries = (self.graph.entries.get(name) for name in self.request.sources)
        notes += [entry.note for entry in entries if entry is not None]
        notes += rounding_notes([n.op_type for _, n in passed], self.request.straight_through)
        notes += truncation_notes(self.graph, self.request.sources, self.request.target)
        target = self._target()
        sources = (self.graph.tensor(name) for name in self.request.sources)
        leads = {t.shape[0] for t in sources if t is not None and t.shape}
        if target.rows is None and leads - {1} and not self.batch.single:
            notes.append(
                f"the batch is not the first axis of '{self.request.target}': all of it is one item"
            )
        item = tuple(d if isinstance(d, int) else None for d in target.item)
        return Report(
            item=item,
            channel_axis=target.channel_axis,
            parameters=self.method.parameters,
            problems=self._problems(),
            relu=self._places(relu),
            straight_through=self._places(passed),
            smooth=smooth,
            notes=tuple(in_words_of_the_file(self.graph, note) for note in notes),
            names=self._names(),
        )

    def _problems(self) -> tuple[Problem, ...]:
        """What cannot be treated, at the nodes of the file."""
        found = causes(self.graph, [*dict.fromkeys(self.descent.problems)])
        return tuple(dict.fromkeys(of_the_file(self.graph, problem) for problem in found))

    def _places(self, nodes: Iterable[tuple[Graph, NodeProto]]) -> tuple[Place, ...]:
        """Where nodes come of; those of bodies are as they are."""
        file = {n.name: n for n in self.graph.model.graph.node}
        found = (among(file, n) if graph is self.graph else n for graph, n in nodes)
        return tuple(Place(n.name, op_label(n), n.output[0]) for n in found)

    def _smooth(self, nodes: Sequence[tuple[Graph, NodeProto]]) -> tuple[Place, ...]:
        """The activations that are no ReLU, each once however many nodes spell it."""
        found = activations(self.graph, self.path.nodes)
        parts = {node.name for composite in found for node in composite.nodes}
        single = [
            (graph, n)
            for graph, n in nodes
            if n.op_type in ACTIVATIONS and n.name not in graph.relu_like | parts
        ]
        names = ((name_of(self.graph, c), c) for c in found)
        spelled = (Place(c.name, name, c.output) for name, c in names if name in ACTIVATIONS)
        return (*spelled, *self._places(single))

    def model(self) -> ModelProto:
        attribution, sources = {}, self.request.sources
        for source, key in zip(sources, attribution_names(sources), strict=True):
            tensor = self._tensor(source)
            assert tensor is not None
            attribution[key] = self._attribution(tensor)
        outputs = {
            **attribution,
            SCORE: self.score,
            UNIT: self.seed.unit,
            **{name: self._for_each_unit(total) for name, total in self.descent.outputs.items()},
        }
        own = {self.e.fresh(f"bwd/{name}"): name for name in outputs}
        computed = self.e.finish(dict(zip(own, outputs.values(), strict=True)))
        shapes = self._output_shapes()
        model = self.graph.to_model(
            replace(
                computed,
                inputs=[value_info(t) for t in self.seed.inputs.values()],
                outputs=[
                    value_info(replace(tensor, name=name, shape=shape))
                    for name, tensor, shape in zip(own, outputs.values(), shapes, strict=True)
                ],
            )
        )
        pad_axes.name_all(model.graph, self.graph)
        rename(model, self._public_names(own))
        return model

    def _public_names(self, outputs: dict[str, str]) -> dict[str, str]:
        """From names inside to those outside; inner tensors that have one give it up."""
        called = self._names()
        names = {inner: called[name] for inner, name in outputs.items()}
        names |= {tensor.name: called[name] for name, tensor in self.seed.inputs.items()}
        return names | {name: self.e.fresh(f"{name}/source") for name in names.values()}

    def _names(self) -> dict[str, str]:
        """What is added is called so, by the names of the contract."""
        added = (*attribution_names(self.request.sources), SCORE, UNIT, *self.descent.outputs)
        ends = {*self.graph.input_names(), *self.graph.output_names()}
        return giving_way((*added, *self.seed.inputs), ends)

    def _attribution(self, source: Tensor) -> Tensor:
        e, shape = self.e, self._attribution_shape(source)
        with e.scope("attribution"):
            found = [
                e.cast(part.finish(e, self._arrival(part, source)), source.dtype)
                for part in self.method.parts
            ]
            made = replace(self.method.combine(e, found), shape=shape, dtype=source.dtype)
            if not self.request.many:
                return made
            lead = self._lead()
            return e.reshape(made, e.concat([lead, e.sizes(made, 1)], axis=0))

    def _for_each_unit(self, total: Tensor) -> Tensor:
        """A number for each unit, [N] or [N, K]."""
        return self.e.reshape(total, self._lead())

    def _lead(self) -> Tensor:
        """The sizes [N], or [N, K]."""
        return self.e.sizes(self.seed.unit, 0, 2 if self.request.many else 1)

    def _score(self) -> Tensor:
        """The units' activations; off their windows where nothing else asks for more."""
        if self.request.select != "unit" or not self.descent.scores:
            return self.seed.score
        return self._for_each_unit(self.descent.scores[0])

    def _arrival(self, method: Method, source: Tensor) -> Arrival:
        channel = input_channels(self.graph, source)
        return Arrival(source, channel, self.found[method.name][source.name])

    def _attribution_shape(self, source: Tensor) -> Shape:
        channel = input_channels(self.graph, source)
        return self.method.shape(source.shape or (), channel)

    def _output_shapes(self) -> list[Shape]:
        target = self._target()
        lead: Shape = (target.items, "K") if self.request.many else (target.items,)
        shapes: list[Shape] = []
        for source in self.request.sources:
            tensor = self.graph.tensor(source)
            assert tensor is not None
            shape = self._attribution_shape(tensor)
            shapes.append((*lead, *shape[1:]) if self.request.many else shape)
        return [*shapes, lead, (*lead, len(target.item)), *[lead] * len(self.descent.outputs)]


__all__ = ["Request", "blocked", "build_backward", "check_support"]
