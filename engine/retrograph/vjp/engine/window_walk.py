"""The walk for units of a middle layer: of every tensor only the window that a unit sees.

The forward pass is computed once more for the windows alone, so what comes down to the inputs
needs nothing else of it. What a window holds outside of its tensor has no meaning: convolutions and
pools read zeros there, or the least number where maxima are taken, and a cotangent is made zero
there before it passes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Dim, Graph, NodeProto, Shape, Tensor, attributes
from retrograph.ir.path import Composite, Path
from retrograph.receptive_field.unit_windows import View, read, sliding, sticks_out
from retrograph.vjp.engine.walk import Walk
from retrograph.vjp.engine.window_places import Place, Places, Units, channels, hw
from retrograph.vjp.registry import Cotangents, Node, RuleOf, Unsupported

_BOUNDS = {"pads", "auto_pad", "ceil_mode"}


@dataclass(frozen=True)
class Region:
    """What is walked.

    Attributes:
        graph: canonical.
        way: from the sources to the target.
        target: the explained tensor.
        windows: of every tensor on the way.
        rule: which rule a node takes.
        composites: nodes that are treated as one.
    """

    graph: Graph
    way: Path
    target: str
    windows: Mapping[str, View]
    rule: RuleOf
    composites: Sequence[Composite]

    def tensor(self, name: str) -> Tensor:
        """A tensor that the graph must have."""
        found = self.graph.tensor(name)
        assert found is not None
        return found

    @property
    def bordered(self) -> list[Place]:
        """The windows that stick out of their tensors for some units."""
        limit = hw(self.tensor(self.target))
        places = [(hw(self.tensor(name)), view) for name, view in self.windows.items()]
        return list(dict.fromkeys(p for p in places if sticks_out(p[1], p[0], limit)))


@dataclass(frozen=True)
class Glimpse:
    """What the windows give.

    Attributes:
        cts: the cotangents of the sources, of each unit alone: [M, C, H, W]
        score: the units' activations, [M]; 0 for one that is out of range.
    """

    cts: Mapping[str, Tensor]
    score: Tensor


def pull_back_windows(e: Emitter, region: Region, units: Units, sources: Sequence[str]) -> Glimpse:
    """The cotangents of the sources and the activations of units, by nothing but their windows.

    Raises:
        Unsupported: a node on the path cannot be treated.
    """
    places = Places(e, units, region.bordered)
    windows = Windows(e, region, places)
    walk = LocalWalk(e, region, windows)
    hit = _hit(e, units, channels(region.tensor(region.target)))
    ct = e.cast(hit, region.tensor(region.target).dtype)
    walk.run([(region.target, ct)])
    if walk.problems:
        raise Unsupported("; ".join(problem.reason for problem in walk.problems))
    value = e.where(hit, windows.whole(region.target), 0.0)
    score = e.reduce_sum(value, [1, 2, 3], keepdims=False)
    cts = {name: replace(walk.restored(name), rows=units.rows) for name in sources}
    return Glimpse(cts, score)


def _hit(e: Emitter, units: Units, count: int) -> Tensor:
    """Which of the channels is a unit's: bool [M, C, 1, 1]"""
    numbers = e.const(np.arange(count).reshape(1, count, 1, 1))
    return e.equal(numbers, e.reshape(e.slice(units.index, [0], [1], [1]), [-1, 1, 1, 1]))


class Windows:
    """The forward pass of the windows, [M, C, h, w] each.

    Args:
        e: emits.
        region: what is walked.
        places: where the windows lie.
    """

    def __init__(self, e: Emitter, region: Region, places: Places) -> None:
        self.e, self.region, self.places = e, region, places
        self._wholes: dict[str, Tensor] = {}
        self._parts: dict[tuple[str, View, float], Tensor] = {}
        self._crops: dict[tuple[str, str, View], Tensor] = {}
        self._reading_zeros: set[str] = set()
        self._bordered = {*region.bordered}
        for proto in region.way.nodes:
            if proto.output[0] in region.windows:
                with e.scope(f"windows/{proto.name}"):
                    self._wholes[proto.output[0]] = self._computed(proto)

    def _computed(self, proto: NodeProto) -> Tensor:
        tensor = self.region.tensor(proto.output[0])
        view, attrs = self.region.windows[tensor.name], attributes(proto)
        inputs = self._inputs(proto, view)
        if proto.op_type == "Pad":  # the window of its input, with the zeros around it
            assert inputs[0] is not None
            return inputs[0]
        if sliding(self.region.graph, proto) is not None:
            attrs = {key: value for key, value in attrs.items() if key not in _BOUNDS}
        made = self.e.emit(proto.op_type, *inputs, dtype=tensor.dtype, **attrs)
        made = self.e.declare(made, self.shape(tensor, view))
        # The least number, which a maximum of nothing is, may overflow in what reads it.
        return self.bounded(made, self.place(tensor)) if proto.op_type == "MaxPool" else made

    def _inputs(self, proto: NodeProto, view: View) -> list[Tensor | None]:
        """What a node reads for a window of its output."""
        graph = self.region.graph
        below = read(graph, proto, view)
        given = [graph.tensor(name) if name else None for name in proto.input]
        assert below is not None
        if proto.op_type == "Concat":
            return [self._beside(t, below) for t in given if t is not None]
        window = sliding(graph, proto)
        if window is None:
            return [t and self.of(t, below) for t in given]
        x = self.region.tensor(proto.input[0])
        outside = outside_of(proto.op_type, x) if window.joins else None
        return [self.of(x, below, outside), *given[1:]]

    def _beside(self, tensor: Tensor, view: View) -> Tensor:
        """What is joined to other channels, constants too."""
        constant = tensor.name in self.region.graph.constants
        return self._cut(tensor, view, 0.0) if constant else self.of(tensor, view)

    def shape(self, tensor: Tensor, view: View) -> Shape:
        """That of a tensor's window."""
        return (self.count, channels(tensor), *view.size)

    @property
    def count(self) -> Dim:
        """How many units there are."""
        return self.places.units.count

    def of(self, tensor: Tensor, view: View, outside: float | None = None) -> Tensor:
        """A part of a tensor's window; constants are the same everywhere.

        Args:
            tensor: [N, C, H, W].
            view: the part.
            outside: what is read outside of the tensor; None where that does not matter.
        """
        if tensor.name in self.region.graph.constants:
            return tensor
        if tensor.name not in self._wholes:
            return self._cut(tensor, view, outside or 0.0)
        return self._cropped(self._read(tensor, outside), tensor, view)

    def whole(self, name: str) -> Tensor:
        """The window of a tensor on the way."""
        return self.of(self.region.tensor(name), self.region.windows[name])

    def _cut(self, tensor: Tensor, view: View, outside: float) -> Tensor:
        key = tensor.name, view, outside
        if key not in self._parts:
            part = self.places.cut(tensor, view, outside)
            self._parts[key] = self.e.declare(part, self.shape(tensor, view))
            if not outside:
                self._reading_zeros.add(part.name)
        return self._parts[key]

    def _read(self, tensor: Tensor, outside: float | None) -> Tensor:
        """The window of what has been computed; one with zeros around it takes its place."""
        window, place = self._wholes[tensor.name], self.place(tensor)
        if outside is None or place not in self._bordered:
            return window
        if outside == 0:
            window = self._wholes[tensor.name] = self.bounded(window, place)
            return window
        key = tensor.name, place[1], outside
        if key not in self._parts:
            raised = self.places.raised(window, place, outside)
            self._parts[key] = self.e.declare(raised, window.shape)
        return self._parts[key]

    def _cropped(self, window: Tensor, tensor: Tensor, part: View) -> Tensor:
        whole, key = self.region.windows[tensor.name], (tensor.name, window.name, part)
        if whole == part:
            return window
        if key not in self._crops:
            begins = [b - a for a, b in zip(whole.first, part.first, strict=True)]
            ends = [b + n for b, n in zip(begins, part.size, strict=True)]
            crop = self.e.slice(window, begins, ends, [2, 3])
            self._crops[key] = self.e.declare(crop, self.shape(tensor, part))
            if window.name in self._reading_zeros:
                self._reading_zeros.add(crop.name)
        return self._crops[key]

    def bounded(self, window: Tensor, place: Place) -> Tensor:
        """A window with zeros outside of its tensor."""
        if place not in self._bordered or window.name in self._reading_zeros:
            return window
        made = self.e.declare(self.places.bounded(window, place), window.shape)
        self._reading_zeros.add(made.name)
        return made

    def place(self, tensor: Tensor) -> Place:
        """Where the window of a tensor on the way lies."""
        return hw(tensor), self.region.windows[tensor.name]

    def reads_zeros(self, tensor: Tensor) -> bool:
        """Whether this is a window that reads as zeros outside of its tensor."""
        return tensor.name in self._reading_zeros


def outside_of(op: str, x: Tensor) -> float:
    """What a convolution or a pool reads outside of a tensor."""
    return float(np.finfo(x.dtype).min) if op == "MaxPool" else 0.0


class LocalWalk(Walk):
    """A walk that sees each node as if it computed nothing but the windows."""

    def __init__(self, e: Emitter, region: Region, windows: Windows) -> None:
        super().__init__(e, region.graph, region.way, region.rule, None, region.composites)
        self.region, self.windows = region, windows
        self._protos = {proto.name: proto for proto in region.way.nodes}

    def restored(self, source: str) -> Tensor:
        """What came down to a source: [M, C, H, W]"""
        tensor = self.region.tensor(source)
        ct = self.cotangent(tensor)
        assert ct is not None
        with self.e.scope(source):
            return self.windows.places.restored(ct, self.region.windows[source], hw(tensor))

    def cotangent(self, tensor: Tensor) -> Tensor | None:
        """What came down to a tensor's window: [M, C, h, w]; None to what is off the path."""
        if tensor.name not in self.region.windows:
            return None
        shape = self.windows.shape(tensor, self.region.windows[tensor.name])
        return super().cotangent(replace(tensor, shape=shape))

    def _pass_down(self, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        proto = self._protos[node.name]
        below = read(self.graph, proto, self.region.windows[proto.output[0]])
        assert below is not None
        window = sliding(self.graph, proto)
        if window is not None and window.joins:
            cts = [ct and self._bounded(ct, node.y) for ct in cts]
        found = cts
        if proto.op_type != "Pad":  # its window is that of its input
            found = super()._pass_down(self._windowed(node, proto, below), cts)
        return [
            self._aligned(x, ct, below) if x is not None and ct is not None else None
            for x, ct in zip_longest(node.inputs, found)
        ]

    def _bounded(self, ct: Tensor, y: Tensor) -> Tensor:
        """With zeros outside of the tensor, where its padding has left something."""
        if self._is_zero_outside(ct):
            return ct
        return self.windows.bounded(ct, self.windows.place(y))

    def _windowed(self, node: Node, proto: NodeProto, below: View) -> Node:
        """A node as if it read and made nothing but the windows."""
        view, windows = self.region.windows[proto.output[0]], self.windows
        if sliding(self.graph, proto) is None:
            inputs = tuple(t and windows.of(t, view) for t in node.inputs)
            parts = tuple(self._windowed(part, proto, below) for part in node.parts)
            return replace(node, inputs=inputs, outputs=(windows.of(node.y, view),), parts=parts)
        x = replace(node.x, shape=windows.shape(node.x, below))
        y = replace(node.y, shape=windows.shape(node.y, view))
        if node.op == "MaxPool":
            x, y = windows.of(node.x, below, outside_of(node.op, node.x)), windows.of(node.y, view)
        attrs = {key: value for key, value in node.attrs.items() if key not in _BOUNDS}
        return replace(node, inputs=(x, *node.inputs[1:]), outputs=(y,), attrs=attrs)

    def _is_zero_outside(self, ct: Tensor, reach: int = 8) -> bool:
        """Whether a cotangent has passed the mask of a tensor that reads as zeros outside.

        What lies further back than `reach` nodes is not looked at.
        """
        if not reach:
            return False
        op, inputs, attrs = self.e.origin(ct)
        given = [t for t in inputs if t is not None]
        match op:
            case "HardSigmoid":
                return attrs.get("beta", 0.5) <= 0 and self.windows.reads_zeros(given[0])
            case "Mul":
                return any(self._is_zero_outside(t, reach - 1) for t in given)
            case "Add":
                return all(self._is_zero_outside(t, reach - 1) for t in given)
            case "Relu":
                return self._is_zero_outside(given[0], reach - 1)
        return False

    def _aligned(self, x: Tensor, ct: Tensor, view: View) -> Tensor:
        """A cotangent of a window as one of the window that all readers of x see together."""
        whole = self.region.windows.get(x.name, view)
        before = [b - a for a, b in zip(whole.first, view.first, strict=True)]
        after = [b - a for a, b in zip(view.end, whole.end, strict=True)]
        return self.e.pad(ct, [*before, *after], [2, 3], 4) if any((*before, *after)) else ct
