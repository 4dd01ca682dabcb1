"""Which tensors of a file of less precision stand for which of the other, though none is equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import Order, axis_orders
from retrograph.auditing.fingerprints import Fingerprint, fingerprint, sample, sampled_orders
from retrograph.auditing.network import Network
from retrograph.auditing.pairing import Pair
from retrograph.auditing.precision import frontier, put
from retrograph.auditing.regions import WEIGHTED
from retrograph.ir.compose.cut import computed
from retrograph.runtime import Array

_ALIKE = 0.8
_SURE = 0.95
"""From this correlation on A's tensor is put in the place of B's."""

_SURE_OF_LAYERS = 0.5
"""The same of layers that are at one place besides."""

_SAME_OPERATOR = 0.01
_NEAR = 4
"""What a quantiser gives may stand for one of so many tensors of A from what it takes on."""

_ROUNDS = 3
"""So often at most the chain is sought again with A's own activations."""

Prints = Mapping[str, Fingerprint]


def chain_of(
    a: Activations,
    b: Activations,
    prints_a: Prints,
    prints_b: Prints,
    outputs: Sequence[Pair],
) -> list[Pair]:
    """The tensors that stand for each other: of chains in forward order the one most alike.

    What a bad layer spoils is like nothing of A, so that the chain is sought again with A's tensors
    put in the place of those that it is sure of, as long as it gets better. Layers with weights
    between two of its tensors stand for each other by operator, size and order; the outputs do
    anyway.

    Args:
        a, b: what both compute.
        prints_a, prints_b: the fingerprints of their compared tensors.
        outputs: those that are the same.
    """
    networks = a.network, b.network
    prints_a, prints_b = (
        {name: each for name, each in prints.items() if name not in codes}
        for prints, codes in ((prints_a, _codes(a.network)), (prints_b, _codes(b.network)))
    )
    chain = _most_alike(*networks, prints_a, prints_b)
    for _ in range(_ROUNDS):
        sure = [pair for pair in chain if pair.error <= 1 - _SURE]
        layers = _by_structure(*networks, prints_a, prints_b, sure)
        sure += [pair for pair in layers if pair.error <= 1 - _SURE_OF_LAYERS]
        near = _prints_given(a, b, sure, prints_a, prints_b)
        better = _most_alike(*networks, prints_a, near)
        if _total(better) <= _total(chain):
            break
        chain = better
    chain = _with_later(*networks, prints_a, near, chain)
    chain = _with_restored(*networks, prints_a, near, chain)
    known = {pair.a for pair in chain}, {pair.b for pair in chain}
    last = [p for p in outputs if p.a not in known[0] and p.b not in known[1]]
    chain = [*chain, *last]
    chain += _by_structure(*networks, prints_a, near, chain)
    return sorted(chain, key=lambda pair: b.network.place[pair.b])


def _prints_given(
    a: Activations, b: Activations, chain: Sequence[Pair], prints_a: Prints, prints_b: Prints
) -> dict[str, Fingerprint]:
    """The fingerprints of B's tensors where those before them that are in the chain are A's."""
    by_name = {pair.b: pair for pair in chain}
    items = tuple(dict.fromkeys(each.item for each in prints_a.values()))
    found: dict[str, Fingerprint] = {}
    for group in b.batches([*prints_b]):
        front = frontier(b.network, group, by_name)
        ours = a.values([by_name[name].a for name in front])
        cuts = {name: put(ours, by_name[name], prints_b[name].shape) for name in front}
        names = {name: computed(name) if name in cuts else name for name in group}
        values = b.run([*names.values()], cuts)
        found |= {name: fingerprint(values[names[name]], items) for name in group}
    return found


def _by_structure(
    a: Network, b: Network, prints_a: Prints, prints_b: Prints, chain: Sequence[Pair]
) -> Iterator[Pair]:
    """Layers with weights between the same tensors of the chain, by operator, size and order."""
    anchors = sorted((p for p in chain if p.a in prints_a), key=lambda pair: a.place[pair.a])
    places = [(-1, -1), *((a.place[p.a], b.place[p.b]) for p in anchors)]
    places.append((len(a.nodes), len(b.nodes)))
    for (start_a, start_b), (end_a, end_b) in pairwise(places):
        ours = _weighted(a, prints_a, start_a, end_a)
        theirs = _weighted(b, prints_b, start_b, end_b)
        fits = [
            [a.op(x) == b.op(y) and _fit(prints_a[x], prints_b[y]) for y in theirs] for x in ours
        ]
        for i, j in _longest_chain(np.array(fits, float).reshape(len(ours), len(theirs))):
            likeness, order = _correlation(prints_a[ours[i]], prints_b[theirs[j]])
            yield Pair(ours[i], theirs[j], order, 1 - likeness)


def _fit(a: Fingerprint, b: Fingerprint) -> bool:
    return bool(axis_orders(a.item, b.item))


def _weighted(network: Network, prints: Prints, start: int, end: int) -> list[str]:
    """The compared tensors of layers with weights between two places."""
    return [
        name
        for name in prints
        if start < network.place[name] < end and network.op(name) in WEIGHTED
    ]


def _most_alike(a: Network, b: Network, prints_a: Prints, prints_b: Prints) -> list[Pair]:
    """Of chains in forward order the one of the largest correlation in all."""
    alike = {
        (i, j): found
        for i, x in enumerate(a.points)
        for j, y in enumerate(b.points)
        if x in prints_a and y in prints_b
        if (found := _likeness(prints_a[x], prints_b[y])) is not None
    }
    scores = np.zeros((len(a.points), len(b.points)))
    for (i, j), (likeness, _) in alike.items():
        scores[i, j] = _weight(likeness) + _SAME_OPERATOR * (a.op(a.points[i]) == b.op(b.points[j]))
    return [
        Pair(a.points[i], b.points[j], alike[i, j][1], 1 - alike[i, j][0])
        for i, j in _longest_chain(scores)
    ]


def _weight(likeness: float) -> float:
    """What a pair adds to its chain: two that are half alike are less than one that is right."""
    return ((likeness - _ALIKE) / (1 - _ALIKE)) ** 2


def _total(chain: Sequence[Pair]) -> float:
    return sum(_weight(1 - pair.error) for pair in chain)


def _codes(network: Network) -> set[str]:
    """The tensors between a quantiser's scales, which hold codes: no numbers of the network."""
    made = {name for name in network.nodes if not network.is_in_file(name)}
    found: set[str] = set()
    for name, parents in network.parents.items():
        is_code = not found.isdisjoint(parents) and network.op(name) != "Mul"
        if is_code or (network.op(name) == "Round" and name in made):
            found.add(name)
    first = {name for name in made if network.op(name) == "Div"}
    return found | {n for n in first if found.issuperset(network.children.get(n, ("",)))}


def _with_later(
    a: Network, b: Network, prints_a: Prints, prints_b: Prints, chain: Sequence[Pair]
) -> list[Pair]:
    """The chain where a pair of two operators gives way to one of the same, right behind in B.

    A chain rises in both files: where B has parallel branches in another order than A, a ReLU of A
    may find no place in it but beside what goes into B's.
    """
    known = {pair.b for pair in chain}
    after = []
    for pair in chain:
        op = a.op(pair.a)
        near = b.downstream([pair.b], _NEAR) if b.op(pair.b) != op else []
        found = [
            Pair(pair.a, name, likeness[1], 1 - likeness[0])
            for name in near
            if name in prints_b and name not in known and b.op(name) == op
            if (likeness := _likeness(prints_a[pair.a], prints_b[name])) is not None
        ]
        best = min(found, key=lambda each: each.error, default=pair)
        after.append(best if best.error < min(pair.error, 1 - _SURE) else pair)
        known.add(after[-1].b)
    return sorted(after, key=lambda pair: b.place[pair.b])


def _with_restored(
    a: Network, b: Network, prints_a: Prints, prints_b: Prints, chain: Sequence[Pair]
) -> list[Pair]:
    """The chain with what each quantiser gives, however far it is from what it takes.

    It stands for the same tensor of A as what it takes, or for one of the next, such as a ReLU that
    the quantiser's bounds replace, or a pool over codes: the one that is most alike.
    """
    known = {pair.b: pair for pair in chain}
    for before, after in _quantisers(b):
        if before in known and after not in known and after in prints_b:
            nearby = a.downstream([known[before].a], _NEAR)
            fits = [n for n in nearby if n in prints_a and _fit(prints_a[n], prints_b[after])]
            found = [(*_correlation(prints_a[n], prints_b[after]), n) for n in fits]
            if found:
                likeness, order, best = max(found)
                known[after] = Pair(best, after, order, 1 - likeness)
    return sorted(known.values(), key=lambda pair: b.place[pair.b])


def _quantisers(network: Network) -> Iterator[tuple[str, str]]:
    """The tensors before and after the codes of each quantiser that takes one tensor."""
    codes = _codes(network)
    for name, parents in network.parents.items():
        within, before = {p for p in parents if p in codes}, set[str]()
        if network.op(name) != "Mul" or not within:
            continue
        waiting = [*within]
        while waiting:
            for parent in network.parents[waiting.pop()]:
                if parent not in codes:
                    before.add(parent)
                elif parent not in within:
                    within.add(parent)
                    waiting.append(parent)
        if len(before) == 1:
            yield before.pop(), name


def _likeness(a: Fingerprint, b: Fingerprint) -> tuple[float, Order] | None:
    """The correlation of two tensors' samples, and the order of axes; None where it is low."""
    if not (a.varies and b.varies) or not 0.5 < b.norm / max(a.norm, 1e-30) < 2:
        return None
    best = _correlation(a, b)
    return best if best[0] >= _ALIKE else None


def _correlation(a: Fingerprint, b: Fingerprint) -> tuple[float, Order]:
    """The largest correlation of two tensors' samples, and the order of axes under which it is."""
    ours = _centred(sample(a))
    found = [(float(ours @ _centred(there)), order) for order, there in sampled_orders(a, b)]
    return max(found, default=(0.0, ()))


def _centred(values: Array) -> Array:
    moved = values - values.mean()
    norm = float(np.linalg.norm(moved))
    centred: Array = moved / norm if norm else moved
    return centred


def _longest_chain(scores: Array) -> list[tuple[int, int]]:
    """The pairs (row, column), both rising, of the largest sum."""
    rows, columns = scores.shape
    best = np.zeros((rows + 1, columns + 1))
    for i in range(rows):
        taken = np.maximum(best[i, 1:], best[i, :-1] + scores[i])
        best[i + 1, 1:] = np.maximum.accumulate(taken)
    chain = []
    i, j = rows, columns
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            chain.append((i, j))
    return chain[::-1]
