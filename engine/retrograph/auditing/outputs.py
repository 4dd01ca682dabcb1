"""Which outputs of two files are the same, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.auditing.axes import Order, axis_orders, item_shape, least_error
from retrograph.auditing.network import Network
from retrograph.runtime import Array


@dataclass(frozen=True)
class OutputPair:
    """An output of A and the same of B.

    Attributes:
        a, b: their names.
        error: the relative error of B's; infinite where it has values that are no numbers.
        order: the order of axes that brings A's to B's.
        agreeing: the share of inputs whose most active unit is the same; None where an item of
            the output is one number.
    """

    a: str
    b: str
    error: float
    order: Order
    agreeing: float | None


def pair_outputs(
    a: Network, b: Network, ours: Mapping[str, Array], theirs: Mapping[str, Array]
) -> list[OutputPair]:
    """Each output of A with the one of B that is nearest to it, of the same name where none is.

    Args:
        a, b: the networks.
        ours, theirs: the values of their outputs.
    """
    fits = {
        (x, y): least_error(ours[x], theirs[y])[0]
        for x in a.outputs
        for y in b.outputs
        if _fit(ours[x], theirs[y])
    }
    pairs: list[OutputPair] = []
    ranked = sorted(fits, key=lambda pair: _rank(pair, fits, a, b))
    taken: set[str] = set()
    for x, y in ranked:
        if f"a {x}" not in taken and f"b {y}" not in taken:
            taken |= {f"a {x}", f"b {y}"}
            pairs.append(compare_output(x, y, ours[x], theirs[y]))
    return sorted(pairs, key=lambda pair: a.outputs.index(pair.a))


def compare_output(a: str, b: str, ours: Array, theirs: Array) -> OutputPair:
    """How far an output of B is from the same of A."""
    error, order = least_error(ours, theirs)
    orders = axis_orders(item_shape(ours.shape), item_shape(theirs.shape))
    return OutputPair(a, b, error, order or orders[0], _agreeing(ours, theirs))


def worst(pairs: Sequence[OutputPair]) -> float:
    """The largest error of some outputs."""
    return max((pair.error for pair in pairs), default=float("inf"))


def _fit(ours: Array, theirs: Array) -> bool:
    same_rows = ours.shape[:1] == theirs.shape[:1]
    return same_rows and bool(axis_orders(item_shape(ours.shape), item_shape(theirs.shape)))


_NEAR = 1e-2


def _rank(
    pair: tuple[str, str], fits: Mapping[tuple[str, str], float], a: Network, b: Network
) -> tuple[bool, bool, int, float]:
    """Near ones first, then those of one name, then those at one place."""
    x, y = pair
    far = fits[pair] > _NEAR
    apart = abs(a.outputs.index(x) - b.outputs.index(y))
    return far, x != y, apart, fits[pair]


def _agreeing(ours: Array, theirs: Array) -> float | None:
    item = item_shape(ours.shape)
    if not item or item != item_shape(theirs.shape):
        return None
    first = ours.reshape(len(ours), -1).argmax(1)
    second = np.nan_to_num(theirs.reshape(len(theirs), -1), nan=-np.inf).argmax(1)
    return float(np.mean(first == second))
