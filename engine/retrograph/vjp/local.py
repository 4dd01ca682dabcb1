"""The walk for units of a middle layer: of every tensor only the window that a unit sees.

Units are taken one by one, in a Loop: each has windows of its own. A cotangent of a window is zero
outside of the tensor, so what is read there does not matter; it reads as zeros, and as -inf where
maxima are taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from retrograph.ir.emit import BOOL, INT64, Emitter
from retrograph.ir.graph import Graph, NodeProto, Rows, Shape, Tensor
from retrograph.ir.path import Composite, Path
from retrograph.ir.views import Pair, View, image, read, sliding
from retrograph.vjp.registry import Cotangents, Node, RuleOf, Unsupported, static_shape
from retrograph.vjp.walk import Walk

Place = tuple[Pair, View]
"""A window, and the height and width of what it is a window of."""


@dataclass(frozen=True)
class Units:
    """The explained units.

    Attributes:
        index: int64 [M, 3], channel, row and column of each; -1 for one that is out of range.
        items: int64 [M], the item of the batch that each belongs to.
        rows: what the rows of their cotangents count.
    """

    index: Tensor
    items: Tensor
    rows: Rows


@dataclass(frozen=True)
class Region:
    """What is walked.

    Attributes:
        graph: canonical.
        way: from the sources to the target.
        windows: of every tensor on it.
        rule: which rule a node takes.
        composites: nodes that are treated as one.
    """

    graph: Graph
    way: Path
    windows: Mapping[str, View]
    rule: RuleOf
    composites: Sequence[Composite]


def pull_back_windows(
    e: Emitter, region: Region, units: Units, target: str, sources: Sequence[str]
) -> dict[str, Tensor]:
    """The cotangents of the sources, of each unit alone: [M, C, H, W]

    Raises:
        Unsupported: a node on the path cannot be treated.
    """
    body = e.body("unit")
    i = body.formal(Tensor(e.fresh("bwd/i"), INT64, ()))
    on = body.formal(Tensor(e.fresh("bwd/on"), BOOL, ()))
    index, item = (body.gather(given, i, 0) for given in (units.index, units.items))
    walk = LocalWalk(body, region, Cuts(body, _places(region), index, item))
    walk.run([(target, walk.one_hot(target, index))])
    if walk.problems:
        raise Unsupported("; ".join(problem.reason for problem in walk.problems))
    found = [body.squeeze(walk.restored(name), [0]) for name in sources]
    looped = e.emit_many(
        "Loop",
        e.squeeze(e.dim(units.index, 0), [0]),
        None,
        dtypes=[ct.dtype for ct in found],
        body=body.graph([on, *found]),
    )
    return {name: replace(ct, rows=units.rows) for name, ct in zip(sources, looped, strict=True)}


def _places(region: Region) -> list[Place]:
    """Every window that is cut out of something."""
    found = [(_size(region.graph, name), view) for name, view in region.windows.items()]
    for node in region.way.nodes:
        window = sliding(region.graph, node)
        if window is not None:
            below = window.below(region.windows[node.output[0]])
            found.append((_size(region.graph, node.input[0]), below))
    return list(dict.fromkeys(found))


def _size(graph: Graph, name: str) -> Pair:
    sizes = image(graph, name)
    assert sizes is not None
    return sizes[1:]


class Cuts:
    """What is cut out for one unit.

    Args:
        e: emits the body of the Loop.
        places: the windows, each with the height and width of what it is a window of.
        index: int64 [3], the unit's channel, row and column.
        item: int64 [], its item of the batch.
    """

    def __init__(self, e: Emitter, places: Sequence[Place], index: Tensor, item: Tensor) -> None:
        self.e = e
        self._number = {place: number for number, place in enumerate(places)}
        self._parts: dict[tuple[str, View, float], Tensor] = {}
        self._reading_zeros: set[str] = set()
        with e.scope("windows"):
            self._locate(places, index, item)

    def _locate(self, places: Sequence[Place], index: Tensor, item: Tensor) -> None:
        """Of all windows at once where they begin and end, and how far they stick out."""
        e, views = self.e, [view for _, view in places]
        limits, sizes, steps, firsts = (
            e.const(np.array(table), INT64)
            for table in (
                [limit for limit, _ in places],
                *([getattr(view, key) for view in views] for key in ("size", "step", "first")),
            )
        )
        centre = e.emit("Max", e.slice(index, [1], [3], [0]), e.const(0, INT64))
        start = e.add(e.mul(e.unsqueeze(centre, [0]), steps), firsts)
        low, high = (self._within(bound, limits) for bound in (start, e.add(start, sizes)))
        before = self._within(e.sub(low, start), sizes)
        length = e.sub(high, low)
        after = e.sub(e.sub(sizes, length), before)
        number = e.expand(e.reshape(item, [1, 1]), e.ints([len(places), 1]))
        none = e.const(np.zeros((len(places), 2)), INT64)
        self._starts = self._rows(e.concat([number, low], 1))
        self._ends = self._rows(e.concat([e.add(number, 1), high], 1))
        self._around = self._rows(e.concat([none, before, none, after], 1))
        self._inner = [self._rows(before), self._rows(e.add(before, length))]
        self._outside = self._rows(e.concat([none, low, none, e.sub(limits, high)], 1))

    def _rows(self, table: Tensor) -> Sequence[Tensor]:
        """The rows of a table, one for each place."""
        count = len(self._number)
        flat, kinds = self.e.reshape(table, [-1]), [INT64] * count
        if count == 1:
            return [flat]
        return self.e.emit_many("Split", flat, dtypes=kinds, axis=0, num_outputs=count)

    def _within(self, places: Tensor, limits: Tensor) -> Tensor:
        return self.e.emit("Min", self.e.emit("Max", places, self.e.const(0, INT64)), limits)

    def cut(self, tensor: Tensor, view: View, outside: float = 0.0) -> Tensor:
        """The window of a tensor [N, C, H, W], of the unit's item: [1, C, h, w]"""
        key = tensor.name, view, outside
        if key not in self._parts:
            number = self._number[_hw(tensor), view]
            part = self.e.slice(tensor, self._starts[number], self._ends[number], [0, 2, 3])
            self._parts[key] = self._padded(part, self._around[number], outside)
            if outside == 0:
                self._reading_zeros.add(self._parts[key].name)
        assert tensor.shape is not None
        return replace(self._parts[key], shape=(1, tensor.shape[1], *view.size))

    def reads_zeros(self, tensor: Tensor) -> bool:
        """Whether this is a window that reads as zeros outside of its tensor."""
        return tensor.name in self._reading_zeros

    def bounded(self, ct: Tensor, place: Place) -> Tensor:
        """A window's cotangent with zeros outside of its tensor."""
        return self._padded(self._inside(ct, place), self._around[self._number[place]])

    def restored(self, ct: Tensor, place: Place) -> Tensor:
        """A window's cotangent at its place in the tensor, zeros elsewhere: [1, C, H, W]"""
        return self._padded(self._inside(ct, place), self._outside[self._number[place]])

    def _inside(self, ct: Tensor, place: Place) -> Tensor:
        begin, end = (bound[self._number[place]] for bound in self._inner)
        return self.e.slice(ct, begin, end, [2, 3])

    def _padded(self, part: Tensor, pads: Tensor, value: float = 0.0) -> Tensor:
        e = self.e
        fill, axes = e.const(value, part.dtype), e.ints(range(4))
        return e.emit("Pad", part, pads, fill, axes, mode="constant")


class LocalWalk(Walk):
    """A walk that sees each node as if it computed nothing but the windows."""

    def __init__(self, e: Emitter, region: Region, cuts: Cuts) -> None:
        super().__init__(e, region.graph, region.way, region.rule, None, region.composites)
        self.windows, self.cuts = region.windows, cuts
        self._protos = {proto.name: proto for proto in region.way.nodes}

    def one_hot(self, target: str, index: Tensor) -> Tensor:
        """The cotangent of the unit itself: [1, C, 1, 1]"""
        e, tensor = self.e, self.graph.tensor(target)
        assert tensor is not None
        channels = static_shape(replace(tensor, shape=(tensor.shape or ())[1:2]))[0]
        numbers = e.const(np.arange(channels), INT64)
        hit = e.equal(numbers, e.slice(index, [0], [1], [0]))
        return e.reshape(e.cast(hit, tensor.dtype), [1, channels, 1, 1])

    def restored(self, source: str) -> Tensor:
        """What came down to a source: [1, C, H, W]"""
        tensor = self.graph.tensor(source)
        assert tensor is not None
        ct = self.cotangent(tensor)
        assert ct is not None
        return self.cuts.restored(ct, (_hw(tensor), self.windows[source]))

    def cotangent(self, tensor: Tensor) -> Tensor | None:
        """What came down to a tensor's window: [1, C, h, w]"""
        ct = super().cotangent(tensor)
        return ct and replace(ct, shape=_shape(tensor, self.windows[tensor.name]))

    def _pass_down(self, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
        proto = self._protos[node.name]
        below = read(self.graph, proto, self.windows[proto.output[0]])
        assert below is not None
        if sliding(self.graph, proto) is not None:
            cts = [ct and self._bounded(ct, node.y) for ct in cts]
        found = super()._pass_down(self._windowed(node, proto, below), cts)
        return [
            self._aligned(x, ct, below) if x is not None and ct is not None else None
            for x, ct in zip(node.inputs, found, strict=True)
        ]

    def _bounded(self, ct: Tensor, y: Tensor) -> Tensor:
        """With zeros outside of the tensor, where its padding has left something."""
        view = self.windows[y.name]
        single = view.first == (0, 0) and view.size == (1, 1)
        if single or self._is_zero_outside(ct):
            return ct
        return replace(self.cuts.bounded(ct, (_hw(y), view)), shape=ct.shape)

    def _windowed(self, node: Node, proto: NodeProto, below: View) -> Node:
        """A node as if it read and made nothing but the windows."""
        view = self.windows[proto.output[0]]
        if sliding(self.graph, proto) is None:
            inputs = tuple(t and self._cut(t, view) for t in node.inputs)
            parts = tuple(self._windowed(part, proto, below) for part in node.parts)
            return replace(node, inputs=inputs, outputs=(self._cut(node.y, view),), parts=parts)
        x = replace(node.x, shape=_shape(node.x, below))
        if node.op == "MaxPool":
            x = self.cuts.cut(node.x, below, -np.inf)
        y = replace(node.y, shape=_shape(node.y, view))
        bounds = {"pads", "auto_pad", "ceil_mode"}
        attrs = {key: value for key, value in node.attrs.items() if key not in bounds}
        return replace(node, inputs=(x, *node.inputs[1:]), outputs=(y,), attrs=attrs)

    def _cut(self, tensor: Tensor, view: View) -> Tensor:
        """A window of what has any; constants are the same everywhere."""
        return tensor if tensor.name in self.graph.constants else self.cuts.cut(tensor, view)

    def _is_zero_outside(self, ct: Tensor) -> bool:
        """Whether a cotangent has passed the mask of a tensor that reads as zeros outside."""
        op, inputs, attrs = self.e.origin(ct)
        given = [t for t in inputs if t is not None]
        match op:
            case "HardSigmoid":
                return attrs["beta"] <= 0 and self.cuts.reads_zeros(given[0])
            case "Mul":
                return any(self._is_zero_outside(t) for t in given)
            case "Add":
                return all(self._is_zero_outside(t) for t in given)
            case "Relu":
                return self._is_zero_outside(given[0])
        return False

    def _aligned(self, x: Tensor, ct: Tensor, view: View) -> Tensor:
        """A cotangent of a window as one of the window that all readers of x see together."""
        whole = self.windows.get(x.name, view)
        before = [b - a for a, b in zip(whole.first, view.first, strict=True)]
        after = [b - a for a, b in zip(view.end, whole.end, strict=True)]
        return self.e.pad(ct, [*before, *after], [2, 3], 4) if any((*before, *after)) else ct


def _hw(tensor: Tensor) -> Pair:
    """The height and width of a tensor [N, C, H, W] of known sizes."""
    height, width = static_shape(replace(tensor, shape=(tensor.shape or ())[2:]))
    return height, width


def _shape(tensor: Tensor, view: View) -> Shape:
    """That of a tensor's window."""
    return (1, (tensor.shape or (1, 1))[1], *view.size)
