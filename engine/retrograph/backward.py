"""From a canonical forward graph to the forward and backward graph: ONNX in, ONNX out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnx import ModelProto, NodeProto, ValueInfoProto, helper

from retrograph.errors import InputError, Problem, UnsupportedError
from retrograph.ir import pad_axes
from retrograph.ir.batch import batch_leading
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import (
    Extra,
    Graph,
    Rows,
    Shape,
    Tensor,
    attributes,
    default_attributes,
    op_label,
    reads,
    rename,
)
from retrograph.ir.path import Path, ancestors, flow, path
from retrograph.methods import Method
from retrograph.selector import Seed, Select, Target, seed
from retrograph.vjp import Cotangents, Node, Unsupported
from retrograph.vjp.registry import why_nondifferentiable

ACTIVATIONS = {"LeakyRelu", "PRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "Sigmoid", "Tanh"}
ACTIVATIONS |= {"HardSigmoid", "HardSwish", "Softplus", "Softsign", "Mish", "Gelu", "Swish", "Erf"}
"""Activations that are no ReLU: under a ReLU rule they take their ordinary derivative."""


@dataclass(frozen=True)
class Request:
    """What is to be built.

    Attributes:
        graph: canonical.
        sources: the explained inputs.
        target: the explained tensor's name.
        method: the attribution method.
        select: how a unit is chosen at run time.
        many: whether K units of each item are explained at once.
    """

    graph: Graph
    sources: tuple[str, ...]
    target: str
    method: Method
    select: Select = "top"
    many: bool = False


@dataclass(frozen=True)
class Report:
    """What is found on the way from the target to the inputs.

    Attributes:
        item: the shape of one item of the target; None where a dimension is open.
        problems: the nodes that cannot be treated; empty where the graph can be built.
        relu: the nodes that the method treats as ReLU.
        notes: what a user should know of the result, a line each.
    """

    item: tuple[int | None, ...]
    problems: tuple[Problem, ...]
    relu: tuple[str, ...]
    notes: tuple[str, ...]


def blocked(graph: Graph) -> dict[str, str]:
    """The nodes through which nothing flows, each with the reason."""
    reasons = {n.name: why_nondifferentiable(n.domain, n.op_type) for n in graph.nodes}
    return {
        name: why
        for name, why in reasons.items()
        if why is not None and name not in graph.straight_through
    }


def check_support(request: Request) -> Report:
    """Walk the whole path and collect every node that cannot be treated; nothing is built.

    Raises:
        InputError: the target does not depend on the inputs, or the method is not defined on
            the path.
    """
    return _Backward(request).report()


def build_backward(request: Request) -> tuple[ModelProto, Report]:
    """The forward and backward graph as a model, without metadata.

    Raises:
        UnsupportedError: nodes on the path cannot be treated; it lists them all.
        InputError: the target does not depend on the inputs, or the method is not defined on
            the path.
    """
    backward = _Backward(request)
    report = backward.report()
    if report.problems:
        graph, count = request.graph, len(report.problems)
        raise UnsupportedError(
            f"cannot build '{request.method.name}' from '{request.target}' to "
            f"{', '.join(repr(s) for s in request.sources)} (opset {graph.opset}): "
            f"{count} of the {len(backward.path.nodes)} nodes between them cannot be treated",
            report.problems,
            "Nodes that the target does not need were ignored. Choose an earlier layer as the "
            "target (see `retrograph layers`), or add a rule with @defvjp (CONTRIBUTING.md).",
        )
    return backward.model(), report


class _Backward:
    """One walk from the target to the inputs."""

    def __init__(self, request: Request) -> None:
        self.request, self.graph = request, request.graph
        self.leading, self.moved = batch_leading(self.graph)
        stops = blocked(self.graph)
        self.path: Path = path(self.graph, request.sources, request.target, stops.keys())
        self._check_path(stops)
        self.e = Emitter(self.graph)
        self.problems: list[Problem] = []
        self.seed: Seed = seed(self.e, self._target(), request.select, request.many)
        self.cts: dict[str, list[Tensor]] = {}
        self._walk()

    def _check_path(self, stops: dict[str, str]) -> None:
        target, missing = self.request.target, set(self.request.sources) - self.path.tensors
        if not missing:
            return
        where = " or ".join(repr(s) for s in self.request.sources if s in missing)
        reached, behind = flow(self.graph, missing, stops), ancestors(self.graph, target)
        culprits = [
            n
            for n in self.graph.nodes
            if not (reached.isdisjoint(reads(n)) or behind.isdisjoint(n.output))
            and reached.isdisjoint(n.output)
        ]
        if culprits:
            n = culprits[-1]
            why = stops.get(n.name, "its result is not floating point")
            raise InputError(
                f"target '{target}' depends on {where} only through '{n.name}' ({op_label(n)}: "
                f"{why}); choose a layer before it (see `retrograph layers`)"
            )
        raise InputError(
            f"target '{target}' does not depend on {where}; choose another layer or input "
            "(see `retrograph layers`)"
        )

    def _target(self) -> Target:
        tensor = self.graph.tensor(self.request.target)
        assert tensor is not None
        if tensor.shape is None:
            raise InputError(
                f"the rank of target '{tensor.name}' is not known; export with static shapes"
            )
        batched = tensor.name in self.leading
        rank = len(tensor.shape) - (1 if batched else 0)
        return Target(tensor, batched, channel_axis(self.graph, tensor.name, rank))

    # The walk.

    def _walk(self) -> None:
        self._add(self.request.target, self.seed.ct)
        for proto in reversed(self.path.nodes):
            node = self._view(proto)
            cts = [self._cotangent(o) for o in node.outputs]
            if all(ct is None for ct in cts):
                continue
            with self.e.scope(node.name):
                for tensor, ct in zip(node.inputs, self._pass_down(node, cts), strict=True):
                    if tensor is not None and ct is not None and tensor.name in self.path.tensors:
                        self._add(tensor.name, ct)

    def _pass_down(self, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        """The cotangents of the node's inputs; a stand-in where it cannot be treated."""
        try:
            self._check_many(node)
            if node.name in self.graph.straight_through:
                return cts
            found = self.request.method.rule(node)(self.e, node, cts)
            assert len(found) == len(node.inputs), f"{node.op}: one entry for each input"
            lacking = [i for i in sorted(node.wanted) if found[i] is None]
            if lacking:
                names = ", ".join(f"'{node.input(i).name}'" for i in lacking)
                raise Unsupported(f"its parameter {names} depends on the explained input")
            return found
        except Unsupported as problem:
            label = node.op if not node.domain else f"{node.domain}.{node.op}"
            self.problems.append(Problem(node.name, label, str(problem)))
            stand_in = next(ct for ct in cts if ct is not None)
            return [stand_in if i in node.wanted else None for i in range(len(node.inputs))]

    def _check_many(self, node: Node) -> None:
        tensors = [t for t in (*node.inputs, *node.outputs) if t is not None]
        mixed = [t.name for t in tensors if t.name in self.moved]
        if self.request.many and mixed:
            raise Unsupported(
                f"the batch axis of '{mixed[0]}' is not in front, so many=True is not possible; "
                "explain one unit at a time"
            )

    def _add(self, name: str, ct: Tensor) -> None:
        self.cts.setdefault(name, []).append(ct)

    def _cotangent(self, tensor: Tensor | None) -> Tensor | None:
        """The sum of what came down to a tensor."""
        if tensor is None or tensor.name not in self.cts:
            return None
        parts = self.cts[tensor.name]
        total = parts[0]
        with self.e.scope(tensor.name):
            for part in parts[1:]:
                total = self.e.add(total, part)
        total = self.e.rename(total, tensor.name)
        self.cts[tensor.name] = [total]
        return replace(total, shape=tensor.shape, dtype=tensor.dtype)

    def _view(self, proto: NodeProto) -> Node:
        inputs = tuple(self._tensor(name) for name in proto.input)
        values = {i: self.graph.value(name) for i, name in enumerate(proto.input) if name}
        return Node(
            name=proto.name,
            op=proto.op_type,
            domain=proto.domain,
            inputs=inputs,
            outputs=tuple(self._tensor(name) for name in proto.output),
            attrs={
                **default_attributes(proto.op_type, proto.domain, self.graph.opset),
                **attributes(proto),
            },
            values={i: v for i, v in values.items() if v is not None},
            wanted=frozenset(i for i, name in enumerate(proto.input) if name in self.path.tensors),
            is_relu=proto.name in self.graph.relu_like,
        )

    def _tensor(self, name: str) -> Tensor | None:
        tensor = self.graph.tensor(name) if name else None
        if tensor is None or not self.request.many or name not in self.leading:
            return tensor
        # The rows of its cotangent are units: nothing may be read off its leading dimension.
        shape = None if tensor.shape is None else (None, *tensor.shape[1:])
        return replace(tensor, shape=shape, rows=Rows.ITEMS)

    # What comes of it.

    def report(self) -> Report:
        nodes = self.path.nodes
        relu = [n.name for n in nodes if n.name in self.graph.relu_like]
        smooth = Counter(
            n.op_type for n in nodes if n.op_type in ACTIVATIONS and n.name not in relu
        )
        notes = []
        if self.request.method.needs_relu:
            notes += self._relu_notes(relu, smooth)
        passed = sum(n.name in self.graph.straight_through for n in nodes)
        if passed:
            notes.append(
                f"{passed} quantised activations pass the cotangent straight through: the "
                "derivative of rounding is 0"
            )
        target = self._target()
        sources = (self.graph.tensor(name) for name in self.request.sources)
        leads = {t.shape[0] for t in sources if t is not None and t.shape}
        if not target.batched and leads - {1}:
            notes.append(
                f"the batch is not the first axis of '{self.request.target}': all of it is one item"
            )
        item = tuple(d if isinstance(d, int) else None for d in target.item)
        return Report(item, tuple(self.problems), tuple(relu), tuple(notes))

    def _relu_notes(self, relu: Sequence[str], smooth: Counter[str]) -> list[str]:
        name = self.request.method.name
        kinds = ", ".join(f"{count} {op}" for op, count in sorted(smooth.items()))
        if relu:
            taken = f"{name}: the ordinary derivative at {kinds} on the path"
            return [taken] if smooth else []
        if smooth or not self.graph.relu_like:
            found = f"only {kinds}" if smooth else "nor anywhere in the model"
            raise InputError(
                f"'{name}' is a rule for ReLUs and there is none between "
                f"'{self.request.target}' and the input ({found}); use --method gradient"
            )
        return [f"{name}: no ReLU below '{self.request.target}', so it equals the gradient"]

    def model(self) -> ModelProto:
        attribution = {}
        for source in self.request.sources:
            tensor = self._tensor(source)
            assert tensor is not None
            alone = len(self.request.sources) == 1
            key = "attribution" if alone else f"attribution.{source}"
            attribution[key] = self._attribution(tensor)
        outputs = {**attribution, "score": self.seed.score, "unit": self.seed.unit}
        own = {self.e.fresh(f"bwd/{name}"): name for name in outputs}
        nodes, constants = self.e.finish(dict(zip(own, outputs.values(), strict=True)))
        shapes = self._output_shapes()
        model = self.graph.to_model(
            Extra(
                nodes=nodes,
                constants=constants,
                inputs=[_info(t.name, t, t.shape) for t in self.seed.inputs.values()],
                outputs=[
                    _info(name, tensor, shape)
                    for name, tensor, shape in zip(own, outputs.values(), shapes, strict=True)
                ],
                reads=[name for node in nodes for name in node.input],
            )
        )
        pad_axes.name_all(model.graph, self.graph)
        rename(model, self._public_names(own))
        return model

    def _public_names(self, outputs: dict[str, str]) -> dict[str, str]:
        """From names inside to those of the contract; inner tensors that have one give it up."""
        names = outputs | {tensor.name: name for name, tensor in self.seed.inputs.items()}
        ends = {*self.graph.input_names(), *self.graph.output_names()}
        for name in list(names.values()):
            if name in ends:
                raise InputError(
                    f"the model has an input or output named '{name}', the name of one that a "
                    "built graph adds; rename it in the source model"
                )
            names[name] = self.e.fresh(f"{name}/source")
        return names

    def _attribution(self, source: Tensor) -> Tensor:
        ct = self._cotangent(source)
        assert ct is not None
        if not self.request.many:
            return ct
        e = self.e
        with e.scope("attribution"):
            lead = e.sizes(self.seed.score, 0, 2)
            return e.reshape(ct, e.concat([lead, e.sizes(source, 1)], axis=0))

    def _output_shapes(self) -> list[Shape]:
        target = self._target()
        lead: Shape = (target.items, "K") if self.request.many else (target.items,)
        shapes: list[Shape] = []
        for source in self.request.sources:
            tensor = self.graph.tensor(source)
            assert tensor is not None
            shape = tensor.shape or ()
            shapes.append((*lead, *shape[1:]) if self.request.many else shape)
        return [*shapes, lead, (*lead, len(target.item))]


def channel_axis(graph: Graph, name: str, rank: int) -> int:
    """The axis of an item that counts channels: the first, or the last where layout is NHWC."""
    node = graph.producer.get(name)
    while node is not None and node.op_type in _LAYOUT_KEEPING:
        node = graph.producer.get(node.input[0])
    if node is not None and node.op_type == "Transpose" and rank >= 2:
        perm = attributes(node).get("perm")
        if perm == [0, *range(2, rank + 1), 1]:
            return rank - 1
    return 0


_LAYOUT_KEEPING = frozenset(
    ("Relu", "Clip", "Add", "Mul", "Sub", "Div", "Sigmoid", "Tanh", "LeakyRelu", "Identity")
)


def _info(name: str, tensor: Tensor, shape: Shape | None) -> ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    return helper.make_tensor_value_info(name, element, None if shape is None else list(shape))


__all__ = ["Report", "Request", "build_backward", "check_support"]
