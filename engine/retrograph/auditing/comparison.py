"""Two networks on the same inputs: what agrees, where they part, what repairs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import axis_orders, item_shape
from retrograph.auditing.fingerprints import Fingerprint, fingerprints
from retrograph.auditing.network import Network
from retrograph.auditing.noise import least
from retrograph.auditing.outputs import OutputPair, compare_output, worst
from retrograph.auditing.pairing import Pair, Tolerance, candidates, confirmed
from retrograph.auditing.settling import Settled, settle
from retrograph.auditing.told import SILENT, Part


@dataclass(frozen=True)
class Comparison:
    """B held against A, as it is or with tensors of A in its place.

    Attributes:
        a, b: what both compute.
        prints_a: the fingerprints of A's compared tensors.
        prints_b: those of B's.
        pairs: the tensors that agree; outputs among them only with the same output.
        outputs: the outputs that are the same.
        tolerance: the relative error that is noise, by tensor of A.
    """

    a: Activations
    b: Activations
    prints_a: Mapping[str, Fingerprint]
    prints_b: Mapping[str, Fingerprint]
    pairs: tuple[Pair, ...]
    outputs: tuple[OutputPair, ...]
    tolerance: Tolerance

    @property
    def output_tolerance(self) -> float:
        """Up to which relative error an output is equal."""
        return least(self.tolerance, [pair.a for pair in self.outputs])

    @property
    def output_error(self) -> float:
        """The largest relative error of an output."""
        return worst(self.outputs)

    @cached_property
    def resized(self) -> tuple[str, ...]:
        """The names of outputs that both have, in sizes that cannot be compared."""
        compared = {name for pair in self.outputs for name in (pair.a, pair.b)}
        theirs = self.b.network.outputs
        return tuple(n for n in self.a.network.outputs if n in theirs and n not in compared)

    @property
    def agrees(self) -> bool:
        """Whether every output is equal within noise, and none has another size."""
        return not self.resized and all(
            pair.error <= self.tolerance[pair.a] for pair in self.outputs
        )

    @cached_property
    def settled_a(self) -> Settled:
        """What is settled of A."""
        paired = {pair.a for pair in self.outputs}
        return self._settled(self.a.network, {pair.a for pair in self.pairs}, paired)

    @cached_property
    def settled_b(self) -> Settled:
        """What is settled of B."""
        paired = {pair.b for pair in self.outputs}
        return self._settled(self.b.network, {pair.b for pair in self.pairs}, paired)

    def with_cut(self, name: str, b: Activations) -> Comparison:
        """The same with a tensor of A in the place of B's.

        Args:
            name: B's tensor.
            b: what B computes then.
        """
        changed = b.network.dependents(name) | {name}
        kept = [pair for pair in self.pairs if pair.b not in changed]
        points = [point for point in b.network.points if point in changed]
        items = [each.item for each in self.prints_a.values()]
        prints = fingerprints(b, points, items)
        fresh = paired(self.a, b, self.prints_a, prints, self.tolerance)
        found = replace(
            self,
            b=b,
            prints_b={**self.prints_b, **prints},
            pairs=(*kept, *fresh),
            outputs=tuple(measured(self.a, b, self.outputs)),
        )
        return found.with_outputs_apart()

    def with_outputs_apart(self) -> Comparison:
        """The same where an output agrees with the same output or with nothing."""
        good = {(p.a, p.b): p for p in self.outputs if p.error <= self.tolerance[p.a]}
        ends = {p.a for p in self.outputs}, {p.b for p in self.outputs}
        inner = [p for p in self.pairs if p.a not in ends[0] and p.b not in ends[1]]
        outer = [Pair(p.a, p.b, p.order, p.error) for p in good.values()]
        return replace(self, pairs=(*inner, *outer))

    def _settled(self, network: Network, agreeing: set[str], paired: set[str]) -> Settled:
        common = {*paired, *self.resized}
        alone = [n for n in network.outputs if n not in common] if paired else []
        return settle(network, agreeing, alone)


def measured(a: Activations, b: Activations, pairs: Sequence[OutputPair]) -> Iterator[OutputPair]:
    """The output pairs with their errors as they are now, infinite where B's has another size."""
    ours, theirs = a.values([p.a for p in pairs]), b.values([p.b for p in pairs])
    for pair in pairs:
        if not axis_orders(item_shape(ours[pair.a].shape), item_shape(theirs[pair.b].shape)):
            yield replace(pair, error=float("inf"))
            continue
        yield compare_output(pair.a, pair.b, ours[pair.a], theirs[pair.b])


def paired(
    a: Activations,
    b: Activations,
    prints_a: Mapping[str, Fingerprint],
    prints_b: Mapping[str, Fingerprint],
    tolerance: Tolerance,
) -> list[Pair]:
    """The tensors that agree."""
    return confirmed([*candidates(prints_a, prints_b, tolerance)], a, b, tolerance)


def compare_networks(
    a: Activations,
    b: Activations,
    outputs: Sequence[OutputPair],
    tolerance: Tolerance,
    told: Part = SILENT,
) -> Comparison:
    """Hold B against A.

    Args:
        a, b: what both compute.
        outputs: those that are the same.
        tolerance: by tensor of A, its outputs included.
        told: takes how far it is.
    """
    prints_a = fingerprints(a, a.network.points, told=told.part(0, 33))
    items = [each.item for each in prints_a.values()]
    prints_b = fingerprints(b, b.network.points, items, told.part(33, 66))
    pairs = paired(a, b, prints_a, prints_b, tolerance)
    told(1, 1)
    found = Comparison(a, b, prints_a, prints_b, tuple(pairs), tuple(outputs), tolerance)
    return found.with_outputs_apart()
