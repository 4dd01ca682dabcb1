"""Moving axes and positions; what is normalised, reduced or multiplied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import accumulate
from operator import mul

from retrograph.ir.graph import Dim
from retrograph.receptive_field.elementwise import elementwise
from retrograph.receptive_field.reading import (
    Reading,
    Unknown,
    all_but,
    changed,
    rule,
    shape_of,
    without,
)
from retrograph.receptive_field.span import Span, Spans, along, fixed, scaled


@rule("Transpose")
def _transpose(r: Reading) -> Spans:
    perm = list(r.attrs.get("perm") or range(r.rank)[::-1])
    return tuple(along(perm.index(axis)) for axis in range(r.rank))


@rule("Concat")
def _concat(r: Reading) -> Spans:
    offset = -_extent(r, r.node.input[: r.place])
    return changed(r.rank, [(r.axis, along(r.axis, 1, offset, offset))])


@rule("Split")
def _split(r: Reading) -> Spans:
    offset = _extent(r, r.node.output[: r.output])
    return changed(r.rank, [(r.axis, along(r.axis, 1, offset, offset))])


def _extent(r: Reading, names: Iterable[str]) -> int:
    """The sizes of these tensors along the node's axis, summed."""
    shapes = [shape_of(r.graph, name) for name in names]
    sizes = [None if shape is None else shape[r.axis] for shape in shapes]
    if not all(isinstance(size, int) for size in sizes):
        raise Unknown
    return sum(size for size in sizes if isinstance(size, int))


@rule("Slice")
def _slice(r: Reading) -> Spans:
    starts = r.numbers(1) or []
    axes, steps = r.axes(3) or range(len(starts)), r.numbers(4) or [1] * len(starts)
    changes: list[tuple[int, Span | None]] = []
    for start, axis, step in zip(starts, axes, steps, strict=True):
        size = r.x[axis]
        if isinstance(size, int):
            start = slice(start, None, step).indices(size)[0]
        known = isinstance(size, int) or (start >= 0 and step > 0)
        changes.append((axis, along(axis, step, start, start) if known else None))
    return changed(r.rank, changes)


@rule("Gather")
def _gather(r: Reading) -> Spans:
    """Every unit sees from the least to the greatest of the indices."""
    size, more = r.x[r.axis], len(r.y) - r.rank
    places = r.numbers(1) or []
    if not isinstance(size, int):
        raise Unknown
    places = [int(i) % size for i in places] or [0]
    return tuple(
        fixed(min(places), max(places)) if i == r.axis else along(i if i < r.axis else i + more)
        for i in range(r.rank)
    )


@rule("Tile")
def _tile(r: Reading) -> Spans:
    repeats = enumerate(zip(r.x, r.numbers(1) or [], strict=True))
    return tuple(
        along(i) if n == 1 else fixed(0, 0) if size == 1 else None for i, (size, n) in repeats
    )


@rule("Squeeze")
def _squeeze(r: Reading) -> Spans:
    axes = r.axes(1)
    ones = [axis for axis, size in enumerate(r.x) if size == 1]
    return without(r.rank, ones if axes is None else axes, fixed(0, 0))


@rule("Unsqueeze")
def _unsqueeze(r: Reading) -> Spans:
    new = {int(axis) % len(r.y) for axis in r.numbers(1) or []}
    return tuple(along(axis) for axis in range(len(r.y)) if axis not in new)


_PRIMES = tuple((1 << n) - 1 for n in (61, 89, 107, 127, 521, 607, 1279, 2203))
"""Stand for sizes that are not known: no known size is a multiple of one."""


@rule("Reshape", "Flatten")
def _reshape(r: Reading) -> Spans:
    """Axes that stay, merge or split, told by the product of the sizes before them.

    An axis of x and one of y with the same product before them cut the same numbers into a and
    into b parts, so that one position of y's holds a / b positions of x's. An axis of x without
    such a partner is lost: all of it is seen.
    """
    x, y = _sizes(r)
    starts = {before: axis for axis, before in _starts(y)}
    spans: list[Span | None] = [fixed(0, 0) if size == 1 else None for size in x]
    for axis, before in _starts(x):
        if before in starts:
            ratio = x[axis] / y[starts[before]]
            known = max(ratio.numerator, ratio.denominator) < _PRIMES[0]
            spans[axis] = scaled(starts[before], ratio) if known else None
    return tuple(spans)


def _starts(sizes: Sequence[Fraction]) -> Iterator[tuple[int, Fraction]]:
    """The axes longer than 1, each with the product of the sizes before it."""
    before = accumulate(sizes, mul, initial=Fraction(1))
    return ((i, n) for i, (n, size) in enumerate(zip(before, sizes, strict=False)) if size != 1)


def _sizes(r: Reading) -> tuple[list[Fraction], list[Fraction]]:
    """The sizes of x and y, primes for those not known; a single new one in y follows from x."""
    x, y = list(r.x), list(r.y)
    wanted = (r.numbers(1) or []) if r.node.op_type == "Reshape" else []
    for i in (i for i, size in enumerate(wanted) if size == 0 and not r.attrs["allowzero"]):
        x[i] = y[i] = x[i] or f"x {i}"
    named = {size for size in x if size is not None}
    new = [i for i, size in enumerate(y) if not isinstance(size, int) and size not in named]
    names: list[int | str] = [f"x {i}" if n is None else n for i, n in enumerate(x)]
    names += [f"y {i}" if n is None or i in new else n for i, n in enumerate(y)]
    open_names = dict.fromkeys(name for name in names if isinstance(name, str))
    if 0 in names or len(open_names) > len(_PRIMES):
        raise Unknown
    primes: dict[Dim, int] = dict(zip(open_names, _PRIMES, strict=False))
    numbers = [Fraction(n if isinstance(n, int) else primes[n]) for n in names]
    before, after = numbers[: len(x)], numbers[len(x) :]
    if len(new) == 1:
        after[new[0]] *= reduce(mul, before, Fraction(1)) / reduce(mul, after)
    return before, after


# Sums over axes.


@rule("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2")
@rule("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
def _reduce(r: Reading) -> Spans:
    axes = r.axes(1) or ([] if r.attrs["noop_with_empty_axes"] else range(r.rank))
    return all_but(r.rank, axes) if r.attrs["keepdims"] else without(r.rank, axes, None)


@rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "InstanceNormalization")
def _over_positions(r: Reading) -> Spans:
    return all_but(r.rank, range(2, r.rank))


@rule("LRN")
def _over_channels(r: Reading) -> Spans:
    return all_but(r.rank, [1])


@rule("BatchNormalization")
def _normalized(r: Reading) -> Spans:
    if r.attrs["training_mode"]:
        raise Unknown
    return all_but(r.rank, [])


@rule("Softmax", "LogSoftmax", "LpNormalization")
def _over_axis(r: Reading) -> Spans:
    return all_but(r.rank, [r.axis])


@rule("LayerNormalization")
def _over_last_axes(r: Reading) -> Spans:
    return all_but(r.rank, range(r.axis, r.rank))


@rule("MatMul")
def _matmul(r: Reading) -> Spans:
    """[*B, M, K] times [*B, K, N]; matrices only."""
    other = shape_of(r.graph, r.node.input[1 - r.place])
    if other is None or min(len(other), r.rank) < 2:
        raise Unknown
    spans = list(elementwise(r))
    spans[r.rank - 1 - r.place] = None
    return tuple(spans)


@rule("Gemm")
def _gemm(r: Reading) -> Spans:
    """A' [M, K] times B' [K, N] plus C."""
    if r.place == 2:
        return elementwise(r)
    turned = bool(r.attrs["transB" if r.place else "transA"])
    kept = along(r.place)
    return (None, kept) if turned != bool(r.place) else (kept, None)
