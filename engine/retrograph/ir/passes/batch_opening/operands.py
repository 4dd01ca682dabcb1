"""What is the same for every item, with as many rows as there are items at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.analysis.batch_axis import Batch, Place
from retrograph.ir.graph import Graph
from retrograph.ir.passes.expand.steps import Steps


class CannotOpen(Exception):
    """A node cannot be opened; its text says why."""


@dataclass
class Counter:
    """What computes the number of items at run time, once it is asked for.

    Attributes:
        name: of the tensor int64 [1] that holds it.
        source: an input whose axis `axis` counts the items.
    """

    name: str
    source: str
    axis: int
    is_read: bool = False

    @property
    def nodes(self) -> list[NodeProto]:
        """What computes it; nothing where none has asked."""
        bounds: dict[str, Any] = {"start": self.axis, "end": self.axis + 1}
        node = helper.make_node("Shape", [self.source], [self.name], self.name, **bounds)
        return [node] if self.is_read else []


@dataclass(frozen=True)
class Items:
    """The items of a graph that is opened, or of a body in it.

    Attributes:
        graph: changed in place.
        batch: where the items lie in the tensors of the fixed graph.
        count: how many there are in the fixed graph.
        counter: tells how many there are at run time.
    """

    graph: Graph
    batch: Batch
    count: int
    counter: Counter

    @property
    def number(self) -> str:
        """The tensor int64 [1] that holds the number of items."""
        self.counter.is_read = True
        return self.counter.name

    def rows(self, place: Place) -> int:
        """How many rows of the fixed graph an axis with the items has."""
        return place.before * self.count * place.after


def rows_for_items(steps: Steps, items: Items, i: int, place: Place, *, broadcast: bool) -> str:
    """Operand `i`, which has no items, with the rows that an axis of N items needs.

    Args:
        steps: of the node that reads it.
        items: of the graph.
        place: where the items lie in what it is joined with, its axis counted in the operand.
        broadcast: whether the node repeats a single row by itself.

    Raises:
        CannotOpen: it differs from item to item, or its shape is not known.
    """
    name = steps.input(i)
    tensor = items.graph.tensor(name)
    if tensor is None or tensor.shape is None:
        raise CannotOpen(f"the shape of its constant operand '{name}' is not known")
    rows = tensor.shape[place.axis]
    if rows == 1 and broadcast:
        return name
    if rows != items.rows(place):
        raise CannotOpen(f"its operand '{name}' has {rows} rows for {items.rows(place)}")
    head, tail = tensor.shape[: place.axis], tensor.shape[place.axis + 1 :]
    row = _row_of_one(steps, items, name, place)
    if (place.before, place.after) == (1, 1):
        if broadcast:
            return row
        return _expanded(steps, items, row, len(head), len(tail))
    sizes = [d for d in (*head, *tail) if isinstance(d, int)]
    if len(sizes) < len(head) + len(tail):
        raise CannotOpen(f"the shape of its constant operand '{name}' is open")
    before, after = [*head, place.before], [place.after, *tail]
    parts = steps.add("Reshape", row, steps.ints(np.array([*before, 1, *after])))
    repeated = _expanded(steps, items, parts, len(before), len(after))
    return steps.add("Reshape", repeated, steps.ints(np.array([*head, -1, *tail])))


def _expanded(steps: Steps, items: Items, x: str, before: int, after: int) -> str:
    """A tensor of one row, N times along the axis with `before` others in front."""
    ones = [steps.ints([1] * count) for count in (before, after) if count]
    parts = [*ones[: bool(before)], items.number, *ones[bool(before) :]]
    shape = steps.add("Concat", *parts, axis=0) if ones else items.number
    return steps.add("Expand", x, shape)


def _row_of_one(steps: Steps, items: Items, name: str, place: Place) -> str:
    """What an operand holds for one item, where it holds the same for all."""
    if items.count == 1:
        return name
    value = items.graph.value(name)
    if value is None:
        raise CannotOpen(f"its operand '{name}' is computed for {items.count} items")
    head, tail = value.shape[: place.axis], value.shape[place.axis + 1 :]
    parts = value.reshape(*head, place.before, items.count, place.after, *tail)
    axis = place.axis + 1
    first = parts.take([0], axis)
    if not (first == parts).all():
        raise CannotOpen(f"its operand '{name}' differs from item to item")
    return steps.number(first.reshape(*head, -1, *tail), value.dtype)
