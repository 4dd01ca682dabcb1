"""Interpolation: the elements that a position between them reads.

N counts the items, G groups of channels that share their positions, P positions, r spatial axes,
T the elements that a position reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.ir.emit import BOOL, INT64, Emitter
from retrograph.ir.graph import Array, Tensor
from retrograph.vjp.lowering.linear_maps import scatter_add


def polynomials(mode: str, a: float = -0.75) -> Array:
    """The weights of the elements around a position, as polynomials of its fraction.

    Row k holds the coefficients of fraction^k, a column for each element.

    Args:
        mode: "nearest", "linear" or "cubic".
        a: the coefficient of a cubic one.
    """
    if mode == "nearest":
        return np.array([[1.0]])
    if mode == "linear":
        return np.array([[1.0, 0.0], [-1.0, 1.0]])
    return np.array(
        [
            [0, 1, 0, 0],
            [a, 0, -a, 0],
            [-2 * a, -a - 3, 2 * a + 3, a],
            [a, a + 2, -a - 2, -a],
        ]
    )


def derived(rows: Array) -> Array:
    """The derivatives of polynomials by the fraction."""
    return rows[1:] * np.arange(1, len(rows))[:, None]


@dataclass(frozen=True)
class Taps:
    """What each position reads.

    Attributes:
        place: in an item's flattened elements, int64 [N, G, P, T].
        weight: [N, G, P, T].
        slopes: for each axis the derivative of the weight by the position, [N, G, P, T].
        count: T.
    """

    place: Tensor
    weight: Tensor
    slopes: tuple[Tensor, ...]
    count: int


@dataclass(frozen=True)
class Interpolation:
    """How positions read.

    Attributes:
        mode: "nearest", "linear" or "cubic".
        padding: what lies beyond the elements: "zeros", "border" or "reflection".
        corners: whether they are reflected at the centres of the outer elements, not their edges.
    """

    mode: str = "linear"
    padding: str = "zeros"
    corners: bool = False


def taps(e: Emitter, positions: Tensor, sizes: Tensor, rank: int, how: Interpolation) -> Taps:
    """The elements around positions counted in elements, the first being 0.

    Args:
        positions: [N, G, P, r].
        sizes: int64 [r].
        rank: r.
    """
    rows = polynomials(how.mode)
    count = rows.shape[1]
    start = e.emit("Round" if how.mode == "nearest" else "Floor", positions)
    fraction = e.unsqueeze(e.sub(positions, start), [4])
    around = e.const(np.arange(count) - (count - 1) // 2, INT64)
    index = e.add(e.unsqueeze(e.cast(start, INT64), [4]), around)
    weight, slope = polynomial(e, fraction, rows), polynomial(e, fraction, derived(rows))
    last = e.sub(e.unsqueeze(sizes, [1]), 1)
    if how.padding == "zeros":
        inside = _inside(e, index, last)
        weight, slope = e.where(inside, weight, 0.0), e.where(inside, slope, 0.0)
    elif how.padding == "reflection":
        index = _reflected(e, index, last, how.corners)
    index = e.emit("Max", e.emit("Min", index, last), e.const(0, INT64))
    weights = [_of_axis(e, weight, axis) for axis in range(rank)]
    slopes = [_of_axis(e, slope, axis) for axis in range(rank)]
    return Taps(
        place=_flat_place(e, [_of_axis(e, index, axis) for axis in range(rank)], sizes),
        weight=_product(e, weights),
        slopes=tuple(
            _product(e, [*weights[:axis], slopes[axis], *weights[axis + 1 :]])
            for axis in range(rank)
        ),
        count=count**rank,
    )


def polynomial(e: Emitter, fraction: Tensor, rows: Array) -> Tensor:
    """[.., 1] -> [.., T], by Horner's rule"""
    value = e.mul(fraction, 0.0)
    for row in rows[::-1]:
        value = e.add(e.mul(value, fraction), e.const(row, fraction.dtype))
    return value


def _inside(e: Emitter, index: Tensor, last: Tensor) -> Tensor:
    below = e.emit("LessOrEqual", index, last, dtype=BOOL)
    return e.logical_and(below, e.greater(index, -1))


def _reflected(e: Emitter, index: Tensor, last: Tensor, corners: bool) -> Tensor:
    """Reflected at 0 and `last`, or half an element farther out."""
    far = e.mul(last, 2) if corners else e.add(e.mul(last, 2), 1)
    period = e.emit("Max", far, e.const(1, INT64)) if corners else e.add(far, 1)
    turned = e.mod(index, period)
    return e.emit("Min", turned, e.sub(far, turned))


def _of_axis(e: Emitter, a: Tensor, axis: int) -> Tensor:
    return e.gather(a, e.const(axis, INT64), axis=3)


def _flat_place(e: Emitter, indices: list[Tensor], sizes: Tensor) -> Tensor:
    place = indices[0]
    for axis, index in enumerate(indices[1:], 1):
        scaled = e.mul(place, e.gather(sizes, e.const(axis, INT64), axis=0))
        place = _merged(e, e.add(e.unsqueeze(scaled, [4]), e.unsqueeze(index, [3])))
    return place


def _product(e: Emitter, factors: list[Tensor]) -> Tensor:
    whole = factors[0]
    for factor in factors[1:]:
        whole = _merged(e, e.mul(e.unsqueeze(whole, [4]), e.unsqueeze(factor, [3])))
    return whole


def _merged(e: Emitter, a: Tensor) -> Tensor:
    """The two last of five axes as one."""
    return e.reshape(a, [0, 0, 0, -1])


def read(e: Emitter, x: Tensor, found: Taps) -> Tensor:
    """What the positions read: [N, G, C, S] -> [N, G, C, P, T]"""
    values = e.emit("GatherElements", x, _for_channels(e, x, found), axis=3)
    return e.reshape(values, [0, 0, 0, -1, found.count])


def spread(e: Emitter, x: Tensor, ct: Tensor, found: Taps) -> Tensor:
    """The transpose of the weighted reading: [N, G, C, P] -> [N, G, C, S], the shape of x."""
    parts = _merged(e, e.mul(e.unsqueeze(ct, [4]), e.unsqueeze(found.weight, [2])))
    sizes = e.concat([e.dim(parts, 0), e.sizes(x, 1)], axis=0)
    return scatter_add(e, sizes, _for_channels(e, x, found), parts, axis=3)


def _for_channels(e: Emitter, x: Tensor, found: Taps) -> Tensor:
    """[N, G, P, T] -> [N, G, C, P * T]"""
    line = e.reshape(e.unsqueeze(found.place, [2]), [0, 0, 1, -1])
    return e.expand(line, e.concat([e.ints([1, 1]), e.dim(x, 2), e.ints([1])], axis=0))


def motion(e: Emitter, read_ct: Tensor, found: Taps) -> Tensor:
    """The cotangent of the positions, from that of what they read.

    Args:
        read_ct: the sum over channels of the cotangent times the elements, [N, G, P, T].

    Returns:
        [N, G, P, r]
    """
    return e.concat([e.reduce_sum(e.mul(read_ct, s), [3]) for s in found.slopes], axis=3)
