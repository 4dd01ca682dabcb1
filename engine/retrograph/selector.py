"""Which unit is explained: from the graph input `select` to the seed cotangent.

    top        no input                              the most active unit of each item
    channel    select int64 [N, 1]                   that channel's most active position
    unit       select int64 [N, r]                   the unit at that index
    cotangent  cotangent [N, *target]                any weighting of the target

With `many`, K units for each item: `channel` [N, K, 1], `unit` [N, K, r], `cotangent`
[N, K, *target], and for `top` select int64 [1] holds K, how many of the most active units to take.

r is the rank of an item of the target, its shape without the batch axis. Where others are folded
into that axis (windows, frames, the classes of a squeezed [N * C]), the rows of an item are the
first axis of its units. Where the target has no batch axis the whole target is one item: N is 1 and
an index has its full rank. An item that is a single number, a target of rank 0 for one, has one
unit: r is 1 and its index [0]. An index out of range explains nothing: attribution and score are 0
and the unit that is given back is -1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from retrograph.ir.analysis.batch_axis import Batch
from retrograph.ir.analysis.channel_axis import channel_axis
from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Dim, DType, Graph, Rows, Shape, Tensor

Select = Literal["top", "channel", "unit", "cotangent"]
KINDS: tuple[Select, ...] = get_args(Select)


@dataclass(frozen=True)
class Target:
    """The explained tensor, its items in rows.

    Attributes:
        tensor: as in the graph.
        rows: how many rows of its leading axis an item has; None where the whole is one item.
        items: how many items there are.
        channel_axis: the axis of an item that counts channels.
    """

    tensor: Tensor
    rows: int | None
    items: Dim
    channel_axis: int

    @property
    def own(self) -> Shape:
        """The shape of one item."""
        shape = self.tensor.shape or ()
        if self.rows is None:
            return shape
        return shape[1:] if self.rows == 1 else (self.rows, *shape[1:])

    @property
    def item(self) -> Shape:
        """The shape of one item as its units are counted: (1,) where it is a single number."""
        return self.own or (1,)


def target_of(graph: Graph, batch: Batch, name: str, source: str) -> Target | None:
    """How a tensor is explained to one of the inputs; None where its rank is not known."""
    tensor, explained = graph.tensor(name), graph.tensor(source)
    assert tensor is not None
    assert explained is not None
    if tensor.shape is None:
        return None
    rows = batch.rows(tensor)
    items: Dim = 1
    if rows is not None:
        lead, batched = tensor.shape[0], (explained.shape or (None,))[0]
        items = lead // rows if isinstance(lead, int) else batched
        if rows == 1 and isinstance(items, str):
            tensor = replace(tensor, shape=(items, *tensor.shape[1:]))
        elif rows == 1:
            items = lead
    whole = Target(tensor, rows, items, 0)
    # Rows, channels and positions; of a single item the rows may be its channels.
    inside = int(rows not in (None, 1) and len(whole.own) > (3 if batch.single else 2))
    axis = channel_axis(graph, name, len(whole.own) - inside)
    return replace(whole, channel_axis=axis + inside)


@dataclass(frozen=True)
class Seed:
    """Where the backward pass starts.

    Attributes:
        ct: the cotangent of the target; [N * K, *item] where many units are explained.
        score: [N] or [N, K].
        unit: int64 [N, r] or [N, K, r].
        inputs: the graph input that the choice needs, if any, by the name it is to have.
    """

    ct: Tensor
    score: Tensor
    unit: Tensor
    inputs: dict[str, Tensor]


def seed(e: Emitter, target: Target, kind: Select, many: bool) -> Seed:
    """Emit the choice of units; with `many` the emitter learns whose item each unit is of."""
    choice = _Choice(e, target, many)
    with e.scope("select"):
        if kind == "cotangent":
            return choice.cotangent()
        index, inputs = {"top": choice.top, "channel": choice.channel, "unit": choice.unit}[kind]()
        return choice.one_hot(index, inputs)


class _Choice:
    """Indices count the elements of an item; they have the shape [N, K], K = 1 for one unit."""

    def __init__(self, e: Emitter, target: Target, many: bool) -> None:
        self.e, self.target, self.many = e, target, many
        # A choice looks at each item once: nothing of it is repeated for its units.
        self.tensor = replace(target.tensor, rows=Rows.SHARED)
        self.rank = len(target.item)
        with e.scope("select"):
            self.flat = self._by_item(self.tensor)  # [N, M]
            self.sizes = [self._size(axis) for axis in range(self.rank)]

    def _by_item(self, x: Tensor, *units: int) -> Tensor:
        """What has the target's shape as [N, *units, M]."""
        e, target = self.e, self.target
        if target.rows in (None, 1):
            return e.reshape(x, [1 if target.rows is None else 0, *units, -1])
        numbers = [d for d in target.own if isinstance(d, int)]
        if len(numbers) == len(target.own):
            return e.reshape(x, [-1, *units, math.prod(numbers)])
        count = e.div(e.dim(self.tensor, 0), target.rows)
        return e.reshape(x, e.concat([count, e.ints([*units, -1])], axis=0))

    def _size(self, axis: int) -> Tensor:
        size = self.target.item[axis]
        if isinstance(size, int):
            return self.e.ints([size])
        return self.e.dim(self.tensor, axis + int(self.target.rows == 1))

    def top(self) -> tuple[Tensor, dict[str, Tensor]]:
        if not self.many:
            return self.e.emit("ArgMax", self.flat, dtype=INT64, axis=1, keepdims=1), {}
        count = self._input("select", INT64, (1,))
        dtypes = [self.flat.dtype, INT64]
        _, best = self.e.emit_many("TopK", self.flat, count, dtypes=dtypes, axis=1)
        return best, {"select": count}

    def channel(self) -> tuple[Tensor, dict[str, Tensor]]:
        e, select, axis = self.e, self._select((1,)), self.target.channel_axis
        channels = e.reshape(select, [0, -1])
        valid = self._within(channels, self.sizes[axis])
        order = [axis, *[a for a in range(self.rank) if a != axis]]
        items = e.reshape(self.flat, e.concat([e.ints([-1]), *self.sizes], axis=0))
        turned = e.transpose(items, [0, *[a + 1 for a in order]])
        planes = e.reshape(turned, e.concat([e.ints([0]), self.sizes[axis], e.ints([-1])], axis=0))
        best = e.emit("ArgMax", planes, dtype=INT64, axis=2, keepdims=0)  # [N, C]
        channels = e.where(valid, channels, 0)
        position = e.emit("GatherElements", best, channels, axis=1)
        sizes = [self.sizes[a] for a in order]
        places = [channels, *self._unravel(position, sizes[1:])]
        index = self._ravel([places[order.index(a)] for a in range(self.rank)])
        return e.where(valid, index, -1), {"select": select}

    def unit(self) -> tuple[Tensor, dict[str, Tensor]]:
        e, select = self.e, self._select((self.rank,))
        stacked = select if self.many else e.unsqueeze(select, [1])
        places = [e.gather(stacked, e.const(a, INT64), axis=2) for a in range(self.rank)]
        valid = self._within(places[0], self.sizes[0])
        for place, size in zip(places[1:], self.sizes[1:], strict=True):
            valid = e.logical_and(valid, self._within(place, size))
        return e.where(valid, self._ravel(places), -1), {"select": select}

    def cotangent(self) -> Seed:
        e = self.e
        shape = self.tensor.shape or ()
        if self.many:
            shape = (self.target.items, "K", *self.target.own)
        given = self._input("cotangent", self.flat.dtype, shape)
        weights = e.reshape(given, [0, 0, -1]) if self.many else self._by_item(given, 1)
        score = e.reduce_sum(e.mul(weights, e.unsqueeze(self.flat, [1])), [2], keepdims=False)
        size = e.emit("Abs", weights)
        index = e.emit("ArgMax", size, dtype=INT64, axis=2, keepdims=0)
        return self._seed(weights, index, score, {"cotangent": given})

    def one_hot(self, index: Tensor, inputs: dict[str, Tensor]) -> Seed:
        e = self.e
        number = e.range(e.dim(self.flat, 1))
        hit = e.equal(e.unsqueeze(index, [2]), number)  # [N, K, M]
        valid = e.greater(index, -1)
        value = e.emit("GatherElements", self.flat, e.where(valid, index, 0), axis=1)
        score = e.where(valid, value, 0.0)
        return self._seed(e.cast(hit, self.flat.dtype), index, score, inputs)

    def _seed(
        self, weights: Tensor, index: Tensor, score: Tensor, inputs: dict[str, Tensor]
    ) -> Seed:
        """From weights [N, K, M], index and score [N, K]."""
        e = self.e
        valid = e.greater(index, -1)
        places = [e.where(valid, p, -1) for p in self._unravel(index, self.sizes)]
        unit = e.concat([e.unsqueeze(p, [2]) for p in places], axis=2)
        if not self.many:
            ct = e.reshape_like(weights, self.tensor)
            return Seed(ct, e.squeeze(score, [1]), e.squeeze(unit, [1]), inputs)
        e.item_of_unit = self._item_of_unit(index)
        e.units_apart = e.concat([e.sizes(index, 0), e.ints([-1])], axis=0)
        sizes = self.sizes if self.target.own else []
        ct = e.reshape(weights, e.concat([e.ints([-1]), *sizes], axis=0))
        shaped = replace(ct, shape=(None, *self.target.own), rows=Rows.UNITS)
        return Seed(shaped, score, unit, inputs)

    def _item_of_unit(self, index: Tensor) -> Tensor:
        e = self.e
        number = e.unsqueeze(e.range(e.dim(index, 0)), [1])
        return e.reshape(e.expand(number, e.sizes(index, 0)), [-1])

    def _select(self, item: Shape) -> Tensor:
        lead: Shape = (self.target.items, "K") if self.many else (self.target.items,)
        return self._input("select", INT64, (*lead, *item))

    def _input(self, name: str, dtype: DType, shape: Shape) -> Tensor:
        """A graph input, under a name of its own until the graph is whole."""
        return Tensor(self.e.fresh(f"bwd/{name}"), dtype, shape)

    def _within(self, place: Tensor, size: Tensor) -> Tensor:
        return self.e.logical_and(self.e.greater(place, -1), self.e.less(place, size))

    def _ravel(self, places: Sequence[Tensor]) -> Tensor:
        """The index of an element from its place on each axis."""
        index = places[0]
        for place, size in zip(places[1:], self.sizes[1:], strict=True):
            index = self.e.add(self.e.mul(index, size), place)
        return index

    def _unravel(self, index: Tensor, sizes: Sequence[Tensor]) -> list[Tensor]:
        """The place on each axis from the index."""
        places: list[Tensor] = []
        for size in reversed(sizes[1:]):
            places.append(self.e.mod(index, size))
            index = self.e.div(index, size)
        return [index, *reversed(places)] if sizes else []
