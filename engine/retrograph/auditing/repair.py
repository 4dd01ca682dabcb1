"""Proof by repair: A's tensor is put in the place of B's, and what is behind agrees, or not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import ordered, relative_error
from retrograph.auditing.comparison import Comparison, measured
from retrograph.auditing.cuts import Cut, cuts_of
from retrograph.auditing.fingerprints import fingerprint
from retrograph.auditing.network import Network
from retrograph.auditing.outputs import OutputPair
from retrograph.auditing.pairing import candidates
from retrograph.auditing.regions import Region
from retrograph.errors import InputError
from retrograph.runtime import Array

_TRIES = 40
_REGIONS = 6
_FARTHER = 2.0
"""So much farther a cut is sought that repairs everything, where one is found that repairs a part.
"""
_LINEAR = frozenset(
    {"Add", "BatchNormalization", "Conv", "ConvTranspose", "Div", "Gemm", "MatMul", "Mul", "Sub"}
)


@dataclass(frozen=True)
class Tried:
    """A cut and what it does.

    Attributes:
        cut: what was put in.
        b: what B computes then.
        outputs: how far its outputs are from A's.
        repaired: whether all of them agree.
        next_agree: whether a tensor right behind agrees.
    """

    cut: Cut
    b: Activations
    outputs: tuple[OutputPair, ...]
    repaired: bool
    next_agree: bool

    @property
    def is_proved(self) -> bool:
        """Whether B agrees with A behind the cut."""
        return self.repaired or self.next_agree

    @property
    def error(self) -> float:
        """The largest relative error of an output."""
        return max((pair.error for pair in self.outputs), default=float("inf"))


@dataclass(frozen=True)
class Step:
    """A region found, and what was compared before and after it was repaired."""

    region: Region
    before: Comparison
    after: Comparison


def find_regions(comparison: Comparison) -> Iterator[Step]:
    """Where B parts from A, in forward order, each place repaired before the next is sought.

    Where no outputs can be compared, a place is proved by the tensors right behind it alone.
    """
    for _ in range(_REGIONS):
        if not _is_unsettled(comparison):
            return
        tried = _best(comparison)
        if tried is None:
            yield Step(_without_counterpart(comparison), comparison, comparison)
            return
        if tried.cut.b in comparison.b.cuts:  # the last repair has gained nothing
            return
        after = comparison.with_cut(tried.cut.b, tried.b)
        yield Step(_region(comparison, tried), comparison, after)
        if tried.repaired or not (tried.is_proved or comparison.pairs):
            return
        comparison = after


def _is_unsettled(comparison: Comparison) -> bool:
    """Whether there is a place left where the files part."""
    starts = comparison.settled_b.starts
    if comparison.outputs:
        return bool(starts) and not comparison.agrees
    return bool(starts or comparison.settled_a.starts)


def _best(comparison: Comparison) -> Tried | None:
    """The cut that repairs B, or makes the next tensors agree; else the nearest alike."""
    cuts = sorted(cuts_of(comparison), key=lambda cut: cut.cost)[:_TRIES]
    nearest: Tried | None = None
    for cut in cuts:
        if nearest is not None and _is_enough(comparison, nearest, cut):
            return nearest
        try:
            tried = _try(comparison, cut)
        except InputError:  # B cannot be run with a tensor of that kind
            continue
        if tried.repaired:
            return tried
        if not (tried.is_proved or _may_stand(comparison, cut)):
            continue
        if nearest is None or _rank(comparison, tried) > _rank(comparison, nearest):
            nearest = tried
    return nearest


def _is_enough(comparison: Comparison, nearest: Tried, cut: Cut) -> bool:
    """Whether a cut need not be tried, for a nearer one makes the next tensors agree.

    Where that one is not between the first nodes of both, what agrees behind it may be another
    block that computes the same.
    """
    if not nearest.next_agree or cut.cost <= nearest.cut.cost + _FARTHER:
        return False
    is_first_a = nearest.cut.a in comparison.settled_a.starts
    return is_first_a and nearest.cut.b in comparison.settled_b.starts


def _may_stand(comparison: Comparison, cut: Cut) -> bool:
    """Whether a cut that proves nothing tells where the files part all the same.

    One that leaves a file without nodes does only if both go on with one operator behind it, and
    do not begin with one.
    """
    if not comparison.outputs or comparison.resized or cut.resized:
        return False
    if not cut.one_sided:
        return True
    a, b = comparison.a.network, comparison.b.network
    starts_a, starts_b = comparison.settled_a.starts, comparison.settled_b.starts
    ops_a, ops_b = {a.op(name) for name in starts_a}, {b.op(name) for name in starts_b}
    behind_a = {a.op(name) for name in _behind(a, cut.a)[:1]}
    behind_b = {b.op(name) for name in _behind(b, cut.b)[:1]}
    return behind_a == behind_b and not ops_a & ops_b


def _rank(comparison: Comparison, tried: Tried) -> tuple[bool, bool]:
    """What is the better proof; of two alike the first one tried stays."""
    return tried.next_agree, _alike(comparison, tried.cut)


def _alike(comparison: Comparison, cut: Cut) -> bool:
    return comparison.a.network.op(cut.a) == comparison.b.network.op(cut.b)


def _put(comparison: Comparison, cut: Cut) -> Array:
    """A's values as B's tensor has them."""
    if cut.resized:
        return comparison.a[cut.a].transpose(0, *(axis + 1 for axis in cut.order))
    there = comparison.b[cut.b]
    return ordered(comparison.a[cut.a], cut.order).reshape(there.shape)


def _try(comparison: Comparison, cut: Cut) -> Tried:
    b = comparison.b.with_cut(cut.b, _put(comparison, cut))
    behind = _behind(comparison.b.network, cut.b)
    b.values([*(pair.b for pair in comparison.outputs), *behind])  # one run
    outputs = tuple(measured(comparison.a, b, comparison.outputs))
    may_repair = bool(outputs) and not comparison.resized
    repaired = may_repair and all(p.error <= comparison.tolerance[p.a] for p in outputs)
    ops = {comparison.a.network.op(cut.a), comparison.b.network.op(cut.b)}
    may_tell = len(ops) == 1 or ops <= _LINEAR
    next_agree = not repaired and may_tell and _agree_behind(comparison, cut, b, behind)
    return Tried(cut, b, outputs, repaired, next_agree)


def _behind(network: Network, name: str) -> list[str]:
    return network.downstream(network.children.get(name, []), 3)


def _agree_behind(comparison: Comparison, cut: Cut, b: Activations, behind: list[str]) -> bool:
    """Whether a tensor right behind the cut has a partner right behind A's."""
    after_a = _behind(comparison.a.network, cut.a)
    ours = {n: comparison.prints_a[n] for n in after_a if n in comparison.prints_a}
    items = [each.item for each in ours.values()]
    theirs = {n: fingerprint(value, items) for n, value in b.values(behind).items()}
    found = candidates(ours, theirs, comparison.tolerance)
    return any(pair.error <= comparison.tolerance[pair.a] for pair in found)


def _region(comparison: Comparison, tried: Tried) -> Region:
    cut = tried.cut
    a, b = comparison.a.network, comparison.b.network
    if cut.moved:
        ours, theirs = a.moves_to(cut.a), b.moves_to(cut.b)
    else:
        ours = a.between(comparison.settled_a.starts, cut.a)
        theirs = b.between(comparison.settled_b.starts, cut.b)
    return Region(
        a_tensors=tuple(ours),
        b_tensors=tuple(theirs),
        a_moves=tuple(a.moves_before(ours)),
        b_moves=tuple(b.moves_before(theirs)),
        a_end=cut.a,
        b_end=cut.b,
        order=None if cut.resized else cut.order,
        local_error=float("inf")
        if cut.resized
        else relative_error(_put(comparison, cut), comparison.b[cut.b]),
        error_after=tried.error,
        repaired=tried.repaired,
        next_agree=tried.next_agree,
    )


def _without_counterpart(comparison: Comparison) -> Region:
    """Where nothing of A fits in the place of B's tensors."""
    a, b = comparison.a.network, comparison.b.network
    ours, theirs = comparison.settled_a.starts, comparison.settled_b.starts
    ends = itertools.product(ours or a.outputs, theirs or b.outputs)
    end_a, end_b = min(ends, key=lambda end: a.op(end[0]) != b.op(end[1]))
    return Region(
        a_tensors=ours,
        b_tensors=theirs,
        a_moves=tuple(a.moves_before(ours)),
        b_moves=tuple(b.moves_before(theirs)),
        a_end=end_a,
        b_end=end_b,
        order=None,
        local_error=float("inf"),
        error_after=None,
        repaired=False,
        next_agree=False,
    )
