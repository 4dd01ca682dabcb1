"""What the nodes of two regions read, told by the tensors that are equal in both files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from retrograph.auditing.diagnosis.difference import Difference, Side
from retrograph.ir.graph import NodeProto

NodePair = tuple[NodeProto, NodeProto]


def read_tensors(side: Side, node: NodeProto) -> list[str]:
    """The tensors that a node reads which change with the input, each as often as it reads it."""
    network = side.network
    return [name for name in node.input if name in network.nodes or name in network.inputs]


@dataclass(frozen=True)
class Reading:
    """The tensors of both files that are equal, as the nodes of a region read them.

    Attributes:
        difference: the region.
    """

    difference: Difference

    @cached_property
    def _equal(self) -> dict[str, list[str]]:
        """By a tensor of B those of A that it is equal to."""
        found = defaultdict(list)
        for a, b in zip(*(s.network.inputs for s in self._sides), strict=False):
            found[b].append(a)
        for pair in self.difference.pairs:
            found[pair.b].append(pair.a)
        return found

    @cached_property
    def _known_a(self) -> dict[str, str]:
        """By a tensor of A the first one that the same tensor of B is equal to."""
        return {name: names[0] for names in self._equal.values() for name in names}

    @property
    def _sides(self) -> tuple[Side, Side]:
        return self.difference.a, self.difference.b

    def equal(self, a: str, b: str) -> bool:
        """Whether two tensors are equal."""
        return a in self._equal.get(b, ())

    def in_a(self, b: str) -> str:
        """The tensor of A that one of B is equal to; "" for none."""
        return next(iter(self._equal.get(b, ())), "")

    def source(self, side: Side, name: str) -> str:
        """The tensor that has an equal one, or computes numbers, from which one is moved."""
        known = self._equal if side is self.difference.b else self._known_a
        while name not in known and side.network.only_moves(name):
            parents = side.network.parents[name]
            if len(parents) != 1:
                break
            (name,) = parents
        return name

    def sources(self, side: Side, node: NodeProto) -> list[str]:
        """What a node reads, before its numbers are moved."""
        return [self.source(side, name) for name in read_tensors(side, node)]

    def counterparts(self) -> Iterator[NodePair]:
        """The nodes of both, operator by operator in forward order.

        Of those that only move numbers right before the regions the ones that read the same.
        """
        a, b = self._sides
        pairs = [*_matched(a.nodes, b.nodes, _operator)]
        moving = [(self._move(side, node), node) for side in (a, b) for node in side.moving_nodes]
        keys = {id(node): key for key, node in moving}
        pairs += _matched(a.moving_nodes, b.moving_nodes, lambda node: keys[id(node)])
        done = {id(node) for pair in pairs for node in pair}
        left_a, left_b = ([n for n in side.nodes if id(n) not in done] for side in (a, b))
        yield from pairs
        yield from _matched(left_a, [n for n in b.moving_nodes if id(n) not in done], _operator)
        yield from _matched([n for n in a.moving_nodes if id(n) not in done], left_b, _operator)

    def _move(self, side: Side, node: NodeProto) -> Hashable:
        """What tells a node that only moves numbers: its operator, and what of A it moves."""
        names = self.sources(side, node)
        if side is self.difference.b:
            return _operator(node), *(self.in_a(name) for name in names)
        return _operator(node), *(self._known_a.get(name, "") for name in names)


def _operator(node: NodeProto) -> Hashable:
    return str(node.op_type)


def _matched(
    a: Sequence[NodeProto], b: Sequence[NodeProto], key: Callable[[NodeProto], Hashable]
) -> Iterator[NodePair]:
    """The nodes of one key in both, each with the next one of the other."""
    theirs: dict[Hashable, list[NodeProto]] = defaultdict(list)
    for node in b:
        theirs[key(node)].append(node)
    for node in a:
        if theirs[key(node)]:
            yield node, theirs[key(node)].pop(0)
