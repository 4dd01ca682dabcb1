"""In which orders of axes two tensors may be the same numbers.

A tensor's first axis counts the items of a batch; of the others those of size 1 are dropped. An
*order* is a permutation of what is left: `ordered(a, order)` has the axes as B has them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np

from retrograph.runtime import Array

Order = tuple[int, ...]

_FREELY_ORDERED = 3
"""Up to so many axes every order is tried; of more those that move the channels alone."""


def item_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The sizes of the axes that tell: all but the batch axis and those of size 1."""
    return tuple(size for size in shape[1:] if size != 1)


@cache
def axis_orders(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[Order, ...]:
    """The orders that bring item shape `a` to item shape `b`, the usual ones first."""
    if sorted(a) != sorted(b):
        return ()
    rank = len(a)
    usual = list(dict.fromkeys([tuple(range(rank)), (*range(1, rank), 0)[:rank]]))
    usual.append((rank - 1, *range(rank - 1))[:rank])
    more = itertools.permutations(range(rank)) if rank <= _FREELY_ORDERED else ()
    orders = dict.fromkeys([*usual, *more])
    return tuple(order for order in orders if tuple(a[i] for i in order) == b)


def squeezed(values: Array) -> Array:
    """Values [N, *item] with the axes of an item that tell."""
    return values.reshape(values.shape[0], *item_shape(values.shape))


def ordered(values: Array, order: Order) -> Array:
    """Values [N, *item] of A with their axes in B's order, those of size 1 dropped; a view."""
    return squeezed(values).transpose(0, *(axis + 1 for axis in order))


def relative_error(expected: Array, computed: Array) -> float:
    """The norm of the difference over that of what is expected; infinite where it is no number."""
    with np.errstate(all="ignore"):
        difference = float(np.linalg.norm((expected - computed).ravel()))
        norm = float(np.linalg.norm(expected.ravel()))
    if not np.isfinite(difference):
        return float("inf")
    return difference / norm if norm else float(difference > 0)


def least_error(a: Array, b: Array) -> tuple[float, Order | None]:
    """The relative error of B's values under the order in which it is least.

    Args:
        a, b: values [N, *item] of tensors of A and B.

    Returns:
        The error and the order; infinite and None where no order fits.
    """
    if a.shape[:1] != b.shape[:1]:
        return float("inf"), None
    there = squeezed(b)
    orders = axis_orders(item_shape(a.shape), item_shape(b.shape))
    errors = [(relative_error(ordered(a, order), there), order) for order in orders]
    return min(errors, default=(float("inf"), None))
