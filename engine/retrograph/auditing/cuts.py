"""Where a tensor of A may be put in the place of one of B, the nearest places first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import Order, axis_orders, item_shape
from retrograph.auditing.comparison import Comparison
from retrograph.auditing.network import Network
from retrograph.auditing.pairing import usual_orders

_NEAR = 8
"""So many tensors from the first unsettled ones on may be the end of a region."""

_OTHER_OPERATOR = 1.5
_OTHER_SIZE = 0.5
_MOVED = 2.0
"""What a place before the first unsettled tensors costs, where numbers are only moved."""


@dataclass(frozen=True)
class Cut:
    """A tensor of A that is put in the place of one of B.

    Attributes:
        a, b: their names.
        order: the order of axes that brings A's to B's.
        cost: how far behind the start they are; the least is tried first.
        one_sided: whether one of the files has no nodes there.
        resized: whether the two have other sizes, so that what is behind computes with A's.
        moved: whether they lie before the first unsettled tensors, moved otherwise in B.
    """

    a: str
    b: str
    order: Order
    cost: float
    one_sided: bool = False
    resized: bool = False
    moved: bool = False


@dataclass(frozen=True)
class _Place:
    """A cut without an order of axes."""

    a: str
    b: str
    cost: float
    one_sided: bool = False
    moved: bool = False

    def cut(self, order: Order, *, resized: bool = False) -> Cut:
        cost = self.cost + _OTHER_SIZE * resized
        return Cut(self.a, self.b, order, cost, self.one_sided, resized, self.moved)


def cuts_of(comparison: Comparison) -> Iterator[Cut]:
    """What may be put where: every fitting two of the first tensors of both."""
    a, b = comparison.a.network, comparison.b.network
    places = [*_places(comparison)]
    usual = usual_orders(comparison.pairs)
    shapes_a = _shapes(comparison.a, [place.a for place in places])
    shapes_b = _shapes(comparison.b, [place.b for place in places])
    for place in places:
        shapes = shapes_a[place.a], shapes_b[place.b]
        for order in _orders(*shapes, usual):
            yield place.cut(order)
        if a.op(place.a) == b.op(place.b) and not place.moved:
            for order in _orders_of_resized(*shapes, usual):
                yield place.cut(order, resized=True)


def _places(comparison: Comparison) -> Iterator[_Place]:
    """Two of the first tensors; one of these and one right before; two right before, moved."""
    a, b = comparison.a.network, comparison.b.network
    starts_a = comparison.settled_a.starts or [pair.a for pair in comparison.outputs]
    starts_b = comparison.settled_b.starts
    ours = a.downstream(starts_a, _NEAR) or [pair.a for pair in comparison.outputs]
    theirs = b.downstream(starts_b, _NEAR)
    before_a, before_b = _before(a, starts_a), _before(b, starts_b)
    for i, x in enumerate(ours):
        for j, y in enumerate(theirs):
            yield _Place(x, y, i + j + (0 if a.op(x) == b.op(y) else _OTHER_OPERATOR))
    for i, x in enumerate(ours):
        yield from (_Place(x, y, i + _OTHER_OPERATOR, one_sided=True) for y in before_b)
    for j, y in enumerate(theirs):
        yield from (_Place(x, y, j + _OTHER_OPERATOR, one_sided=True) for x in before_a)
    for x in before_a:
        for y in before_b:
            if b.only_moves(y):
                yield _Place(x, y, _MOVED, one_sided=True, moved=True)


def _before(network: Network, starts: Sequence[str]) -> list[str]:
    """The compared tensors right before some, and those between, whose nodes only move numbers."""
    return [*network.before(starts), *reversed(network.moves_before(starts))]


def _orders(
    a: tuple[int, ...], b: tuple[int, ...], usual: Mapping[int, Sequence[Order]]
) -> Sequence[Order]:
    """The orders of axes to be tried: that which other tensors have, else the first two."""
    if a[:1] != b[:1]:
        return ()
    orders = axis_orders(item_shape(a), item_shape(b))
    known = [order for order in usual.get(len(item_shape(a)), ()) if order in orders]
    return known[:1] or orders[:2]


def _orders_of_resized(
    a: tuple[int, ...], b: tuple[int, ...], usual: Mapping[int, Sequence[Order]]
) -> Sequence[Order]:
    """The order of axes, all counted, for tensors of as many axes and other sizes."""
    if a[:1] != b[:1] or len(a) != len(b) or axis_orders(item_shape(a), item_shape(b)):
        return ()
    return tuple(usual.get(len(a) - 1, ()))[:1] or (tuple(range(len(a) - 1)),)


def _shapes(activations: Activations, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    return {
        name: value.shape for name, value in activations.values([*dict.fromkeys(names)]).items()
    }
