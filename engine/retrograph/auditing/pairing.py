"""Which tensors of two networks are numerically equal under some order of axes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import Order, ordered, relative_error, squeezed
from retrograph.auditing.fingerprints import Fingerprint, sample, sampled_orders
from retrograph.auditing.network import Network

_SAMPLES_MAY = 3.0
"""So many times the tolerance may the error at the sampled positions be."""

_NORM_MAY = 1e-3


@dataclass(frozen=True)
class Pair:
    """A tensor of A and one of B that are equal.

    Attributes:
        a, b: their names.
        order: the order of axes that brings A's to B's.
        error: the relative error.
    """

    a: str
    b: str
    order: Order
    error: float


Tolerance = Mapping[str, float]
"""By a tensor of A the relative error up to which one of B is equal to it."""


def candidates(
    a: Mapping[str, Fingerprint], b: Mapping[str, Fingerprint], tolerance: Tolerance
) -> Iterator[Pair]:
    """The pairs whose norms and samples agree, with the error at the sampled positions."""
    names = sorted((n for n in b if b[n].varies), key=lambda n: b[n].norm)
    norms = np.array([b[name].norm for name in names])
    for name, print_a in a.items():
        if not print_a.varies or not np.isfinite(print_a.norm):
            continue
        most = _SAMPLES_MAY * tolerance[name]
        margin = max(_NORM_MAY, most) * print_a.norm
        first, last = np.searchsorted(norms, [print_a.norm - margin, print_a.norm + margin])
        values = sample(print_a)
        for other in names[first:last]:
            orders = sampled_orders(print_a, b[other])
            errors = [(relative_error(values, there), order) for order, there in orders]
            error, order = min(errors, default=(np.inf, ()))
            if error <= most:
                yield Pair(name, other, order, error)


def confirmed(
    pairs: Sequence[Pair], a: Activations, b: Activations, tolerance: Tolerance
) -> list[Pair]:
    """The pairs whose values agree, with the error over all of them."""
    agreeing = []
    for names in a.batches([*dict.fromkeys(pair.a for pair in pairs)]):
        chosen = [pair for pair in pairs if pair.a in names]
        ours = a.values(names)
        for group in b.batches([*dict.fromkeys(pair.b for pair in chosen)]):
            theirs = b.values(group)
            for pair in chosen:
                if pair.b in theirs:
                    moved = ordered(ours[pair.a], pair.order)
                    error = relative_error(moved, squeezed(theirs[pair.b]))
                    if error <= tolerance[pair.a]:
                        agreeing.append(Pair(pair.a, pair.b, pair.order, error))
    return agreeing


def usual_orders(pairs: Sequence[Pair]) -> dict[int, list[Order]]:
    """By the number of axes the orders of the pairs, the most frequent first."""
    counts = Counter(pair.order for pair in pairs)
    orders: dict[int, list[Order]] = {}
    for order, _ in counts.most_common():
        orders.setdefault(len(order), []).append(order)
    return orders


def in_order(a: Network, b: Network, pairs: Sequence[Pair]) -> list[Pair]:
    """The longest run of pairs that rises in both networks."""
    points_a, points_b = set(a.points), set(b.points)
    known = [p for p in pairs if p.a in points_a and p.b in points_b]
    known.sort(key=lambda p: (a.place[p.a], b.place[p.b]))
    best: list[list[Pair]] = []
    for pair in known:
        before = [
            chain
            for chain in best
            if a.place[chain[-1].a] < a.place[pair.a] and b.place[chain[-1].b] < b.place[pair.b]
        ]
        longest = max(before, key=len, default=[])
        best.append([*longest, pair])
    return max(best, key=len, default=[])
