"""If, Loop and Scan: the items are followed through their bodies.

A state that a Loop or Scan carries from step to step has its items where every step leaves them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from onnx import GraphProto, ModelProto, ValueInfoProto

from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.batch_axis.passage import FREE, Passage, Place
from retrograph.ir.graph import Graph, Tensor, captured

Places = dict[str, Place | None]
"""Where the items lie, by the tensors' names: None where they are joined, FREE for none."""

Follow = Callable[[Graph, Places], Callable[[str], Place | None]]
"""(body, where the items lie in its inputs) -> where they lie in any tensor of it"""


def branches(p: Passage, follow: Follow) -> list[Place | None]:
    """The places in the outputs of an If, where its condition is one for all items."""
    bodies = [_typed(p, attribute.g, {}) for attribute in p.node.attribute]
    if 0 in p.placed:
        return _joined(p)
    ends = [list(map(follow(body, _captured(p)), body.output_names())) for body in bodies]
    return [_same(*places) for places in zip(*ends, strict=True)]


def loop(p: Passage, follow: Follow) -> list[Place | None]:
    """The places in the outputs of a Loop that takes as many steps for every item."""
    if {0, 1} & p.placed.keys():
        return _joined(p)
    states = [_place(p, name) for name in p.node.input[2:]]
    steps = _Steps(p, follow, ahead=2, out=1)
    found = steps.settled(states, [])
    if found is None or found(steps.ends[0]) != FREE:
        return _joined(p)
    stacks = (found(name) for name in steps.ends[1 + len(states) :])
    return [*steps.states, *(_stacked(place, 0) for place in stacks)]


def scan(p: Passage, follow: Follow) -> list[Place | None]:
    """The places in the outputs of a Scan along other axes than that of the items."""
    inputs = list(p.node.input)
    first = len(inputs) - int(p.attrs["num_scan_inputs"])
    axes = p.attrs.get("scan_input_axes") or [0] * (len(inputs) - first)
    states = [_place(p, name) for name in inputs[:first]]
    steps = _Steps(p, follow, ahead=0, out=0, axes=axes)
    out_axes = p.attrs.get("scan_output_axes") or [0] * len(steps.ends[first:])
    if min([*axes, *out_axes]) < 0:
        return _joined(p)
    elements = [_element(_place(p, n), a) for n, a in zip(inputs[first:], axes, strict=True)]
    found = None if None in elements else steps.settled(states, elements)
    if found is None:
        return _joined(p)
    stacks = zip(map(found, steps.ends[first:]), out_axes, strict=True)
    return [*steps.states, *(_stacked(place, axis) for place, axis in stacks)]


@dataclass
class _Steps:
    """The steps of a Loop or Scan.

    Attributes:
        ahead: how many inputs of the body stand before its states.
        out: how many outputs of the body stand before its states.
        axes: along which the inputs behind the states are scanned.
        states: where the items lie in them, once settled.
    """

    p: Passage
    follow: Follow
    ahead: int
    out: int
    axes: Sequence[int] = ()

    def __post_init__(self) -> None:
        (self._proto,) = (a.g for a in self.p.node.attribute if a.name == "body")
        self._formals = [info.name for info in self._proto.input][self.ahead :]
        self.ends = [info.name for info in self._proto.output]
        self.states: list[Place | None] = []

    def settled(
        self, states: Sequence[Place | None], elements: Sequence[Place | None]
    ) -> Callable[[str], Place | None] | None:
        """Follow the steps until each state keeps its place.

        Returns:
            Where the items lie in the tensors of the body; None where a state changes its shape.
        """
        self.states = list(states)
        body = _typed(self.p, self._proto, self._known())
        nexts = self.ends[self.out : self.out + len(states)]
        if any(_differ(body, *pair) for pair in zip(self._formals, nexts, strict=False)):
            return None
        while True:
            inputs = dict(zip(self._formals, [*self.states, *elements], strict=True))
            found = self.follow(body, {**_captured(self.p), **inputs})
            joined = [_same(*pair) for pair in zip(self.states, map(found, nexts), strict=True)]
            if joined == self.states:
                return found
            self.states = joined

    def _known(self) -> dict[str, Tensor]:
        """The states and elements as the node's inputs type them."""
        known: dict[str, Tensor] = {}
        first = len(self._formals) - len(self.axes)
        for i, (formal, name) in enumerate(
            zip(self._formals, list(self.p.node.input)[self.ahead :], strict=True)
        ):
            tensor = self.p.graph.tensor(name)
            if tensor is None or tensor.shape is None:
                continue
            dims = list(tensor.shape)
            if i >= first:
                del dims[self.axes[i - first]]
            known[formal] = replace(tensor, name=formal, shape=tuple(dims))
        return known


def _typed(p: Passage, proto: GraphProto, known: dict[str, Tensor]) -> Graph:
    """A body as a graph with the types that follow from those of its inputs."""
    graph, outside = p.graph, dict.fromkeys(captured(p.node))
    model = ModelProto()
    model.opset_import.extend(graph.model.opset_import)
    model.graph.CopyFrom(proto)
    del model.graph.input[:]
    infos = (known.get(v.name) for v in proto.input)
    model.graph.input.extend(
        v if tensor is None else shape_inference.to_info(tensor)
        for v, tensor in zip(proto.input, infos, strict=True)
    )
    for name in outside:
        tensor = graph.tensor(name)
        if name not in graph.constants:
            info = ValueInfoProto(name=name) if tensor is None else shape_inference.to_info(tensor)
            model.graph.input.append(info)
    body = Graph(model)
    body.constants |= {n: graph.constants[n] for n in outside if n in graph.constants}
    body.opset = graph.opset
    shape_inference.infer_types(body)
    return body


def _captured(p: Passage) -> Places:
    """Where the items lie in what the bodies take from outside."""
    return {name: _place(p, name) for name in captured(p.node)}


def _place(p: Passage, name: str) -> Place:
    return p.places.get(name, FREE)


def _joined(p: Passage) -> list[Place | None]:
    return [None] * len(p.node.output)


def _same(*places: Place | None) -> Place | None:
    """The place that all have which have any; None where some differ, or join the items."""
    found = set(places) - {FREE}
    return FREE if not found else found.pop() if len(found) == 1 else None


def _element(place: Place, axis: int) -> Place | None:
    """The place in an element along an axis; None where that is the axis of the items."""
    if place == FREE or place.axis < axis:
        return place
    return None if place.axis == axis else replace(place, axis=place.axis - 1)


def _stacked(place: Place | None, axis: int) -> Place | None:
    """The place in a stack of elements along an axis."""
    if place is None or place == FREE or place.axis < axis:
        return place
    return replace(place, axis=place.axis + 1)


def _differ(body: Graph, before: str, after: str) -> bool:
    """Whether a step surely changes the shape of a state."""
    a, b = body.tensor(before), body.tensor(after)
    if a is None or b is None or a.shape is None or b.shape is None:
        return False
    if len(a.shape) != len(b.shape):
        return True
    return any(
        isinstance(x, int) and isinstance(y, int) and x != y
        for x, y in zip(a.shape, b.shape, strict=True)
    )
