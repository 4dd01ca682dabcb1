"""Where the items lie in a tensor, and a node as the rules of the batch axis see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from onnx import NodeProto

from retrograph.ir.analysis.symbolic_sizes import Sizes
from retrograph.ir.graph import Array, Graph, Shape, attributes


@dataclass(frozen=True)
class Place:
    """Where the items lie in a tensor: along one axis, of size before · N · after.

    Attributes:
        axis: counted from the front.
        before: how often the N items follow one another.
        after: how many places of one item follow one another.
    """

    axis: int = 0
    before: int = 1
    after: int = 1


LEADING = Place()
"""The leading axis is the batch alone."""

FREE = Place(-1)
"""There are no items: the tensor does not depend on the data of any input."""


@dataclass(frozen=True)
class Passage:
    """A node as a rule sees it, and where the items lie in what it reads."""

    graph: Graph
    node: NodeProto
    places: Mapping[str, Place]
    sizes: Sizes

    @cached_property
    def attrs(self) -> dict[str, Any]:
        return attributes(self.node)

    @cached_property
    def placed(self) -> dict[int, Place]:
        """The places in those inputs that have items, by the inputs' positions."""
        found = {i: self.places.get(name) for i, name in enumerate(self.node.input)}
        return {i: place for i, place in found.items() if place is not None}

    @property
    def alone(self) -> Place | None:
        """The place in the first input, if no other has items."""
        return self.placed.get(0) if len(self.placed) == 1 else None

    @property
    def common(self) -> Place | None:
        """The place in all inputs that have items, if it is the same."""
        return next(iter(self.placed.values())) if len(set(self.placed.values())) == 1 else None

    def given(self, i: int) -> bool:
        """Whether the optional input `i` is."""
        return len(self.node.input) > i and bool(self.node.input[i])

    def value(self, i: int) -> Array | None:
        return self.graph.value(self.node.input[i]) if self.given(i) else None

    def shape(self, i: int = 0) -> Shape | None:
        return shape_of(self.graph, self.node.input[i])

    @property
    def result(self) -> Shape | None:
        """The shape of the first output."""
        return shape_of(self.graph, self.node.output[0])

    def rank(self, i: int = 0) -> int | None:
        shape = self.shape(i)
        return None if shape is None else len(shape)

    def axis(self, default: int) -> int | None:
        """The attribute `axis`, counted from the front of the first input."""
        rank = self.rank()
        return self.attrs.get("axis", default) % rank if rank else None


def shape_of(graph: Graph, name: str) -> Shape | None:
    tensor = graph.tensor(name)
    return None if tensor is None else tensor.shape


Rule = Callable[[Passage], Place | None]
"""The place in what a node makes; None where a number of it may come of several items."""


def shifted(place: Place, gone: Iterable[int]) -> Place:
    """The place where other axes are taken out."""
    axis = place.axis - sum(other < place.axis for other in gone)
    return Place(axis, place.before, place.after)


def axes_in(p: Passage, i: int) -> list[int] | None:
    """The axes in input `i`, counted from the front; None where it is left out or not constant."""
    axes, rank = p.value(i), p.rank()
    return None if axes is None or not rank else [int(a) % rank for a in axes.reshape(-1)]
