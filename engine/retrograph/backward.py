"""From a canonical forward graph to the forward and backward graph: ONNX in, ONNX out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from onnx import ModelProto

from retrograph.errors import Problem
from retrograph.ir.analysis.channel_axis import input_channels
from retrograph.ir.analysis.origin import in_words_of_the_file, naming_the_file, of_the_file
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Rows, Shape, Tensor, value_info
from retrograph.ir.passes import pad_axes
from retrograph.ir.rename import rename
from retrograph.methods import Arrival, Method
from retrograph.methods.base import Scene
from retrograph.methods.descent import Descent
from retrograph.names import SCORE, UNIT, attribution_names, giving_way
from retrograph.report import Report, RouteFacts, rounding_notes, truncation_notes
from retrograph.route import Request, Route
from retrograph.selector import Seed, seed
from retrograph.vjp import Node
from retrograph.vjp.engine.obstacles import Apart, Misread, causes
from retrograph.vjp.engine.walk import blocked
from retrograph.vjp.engine.window_places import Units


def route_facts(request: Request) -> RouteFacts:
    """What lies between the target and the inputs, whatever the method; nothing is walked.

    Raises:
        InputError: the target does not depend on the inputs.
        UnsupportedError: nodes without a rule leave the target's rank unknown; it lists them.
    """
    with naming_the_file(request.graph):
        return Route(request).facts()


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
            raise backward.route.unsupported(report.problems)
        return backward.model(), report


class _Backward:
    """One walk from the target to the inputs."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.route = Route(request)
        self.graph, self.batch, self.path = self.route.graph, self.route.batch, self.route.path
        self.method = request.method.settled(self.graph, self.path, request.sources, request.target)
        self.e = Emitter(self.graph, request.device)
        self._obstacles: list[Misread | Apart] = [Misread(self.graph, self.path.nodes)]
        if request.many:
            self._obstacles.append(Apart(self.graph, self.batch, request.target))
        self.seed: Seed = seed(self.e, self.route.target, request.select, request.many)
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

    def _check(self, node: Node) -> None:
        """Raises Unsupported where no rule can treat a node."""
        for obstacle in self._obstacles:
            obstacle.check(node)

    def _units(self) -> Units | None:
        """The explained units one by one; None where they have no place in a picture."""
        target = self.route.target
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
            return replace(tensor, shape=(None, *self.route.target.own), rows=Rows.ITEMS)
        if not self.batch.leads(name):
            return tensor
        shape = None if tensor.shape is None else (None, *tensor.shape[1:])
        return replace(tensor, shape=shape, rows=Rows.ITEMS)

    # What comes of it.

    def report(self) -> Report:
        facts = self.route.facts()
        kinds = Counter(place.op for place in facts.smooth)
        scene = Scene(
            self.graph, self.request.sources, self.path, self.request.target, len(facts.relu), kinds
        )
        notes = [*self.request.notes, *self.method.notes(scene)]
        entries = (self.graph.entries.get(name) for name in self.request.sources)
        notes += [entry.note for entry in entries if entry is not None]
        notes += rounding_notes(
            [n.op_type for _, n in self.route.rounding], self.request.straight_through
        )
        notes += truncation_notes(self.graph, self.request.sources, self.request.target)
        target = self.route.target
        sources = (self.graph.tensor(name) for name in self.request.sources)
        leads = {t.shape[0] for t in sources if t is not None and t.shape}
        if target.rows is None and leads - {1} and not self.batch.single:
            notes.append(
                f"the batch is not the first axis of '{self.request.target}': all of it is one item"
            )
        return Report(
            **vars(facts),
            parameters=self.method.parameters,
            problems=self._problems(),
            notes=tuple(in_words_of_the_file(self.graph, note) for note in notes),
            names=self._names(),
        )

    def _problems(self) -> tuple[Problem, ...]:
        """What cannot be treated, at the nodes of the file."""
        found = causes(self.graph, [*dict.fromkeys(self.descent.problems)])
        return tuple(dict.fromkeys(of_the_file(self.graph, problem) for problem in found))

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
        target = self.route.target
        lead: Shape = (target.items, "K") if self.request.many else (target.items,)
        shapes: list[Shape] = []
        for source in self.request.sources:
            tensor = self.graph.tensor(source)
            assert tensor is not None
            shape = self._attribution_shape(tensor)
            shapes.append((*lead, *shape[1:]) if self.request.many else shape)
        return [*shapes, lead, (*lead, len(target.item)), *[lead] * len(self.descent.outputs)]


__all__ = ["Request", "blocked", "build_backward", "check_support", "route_facts"]
