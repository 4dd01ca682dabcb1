"""Sums that are the same in any order and grouping, against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from retrograph.scanning.exact_sum import ExactSum
from support.graphs import Array


def numbers(seed: int) -> Array:
    """Float32 numbers of both signs and many magnitudes, zeros, and a channel of zeros alone."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(60, 5)) * np.exp2(rng.integers(-30, 10, (60, 5)))
    values[rng.random((60, 5)) < 0.2] = 0
    values[:, 4] = 0
    values[:, 3] *= 1e30
    return np.asarray(values.astype(np.float32).astype(np.float64))


def add(total: ExactSum, values: Array, groups: Array) -> None:
    """Add numbers to the sums of their groups."""
    total.make_room(int(groups.max()) + 1)
    digits = total.digits(values)
    for group in np.unique(groups).tolist():
        total.add(group, digits[:, groups == group])


def summed(values: Array, groups: Array, cuts: list[Array]) -> ExactSum:
    """Sums that are taken of some rows each, and merged."""
    total = ExactSum.empty(0, values.shape[1])
    for rows in cuts:
        part = ExactSum.empty(0, values.shape[1])
        add(part, values[rows], groups[rows])
        total.merge(part, np.arange(len(part.words)))
    return total


@pytest.mark.parametrize("seed", range(6))
def test_the_words_do_not_depend_on_order_or_grouping(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, groups = numbers(seed), rng.integers(0, 3, 60)
    groups[0] = 2
    at_once = ExactSum.empty(0, 5)
    add(at_once, values, groups)
    for _ in range(5):
        rows = rng.permutation(60)
        cuts = np.split(rows, np.sort(rng.choice(59, 7, replace=False) + 1))
        other = summed(values, groups, cuts)
        np.testing.assert_array_equal(at_once.words, other.words)
        np.testing.assert_array_equal(at_once.top, other.top)


@pytest.mark.parametrize("seed", range(6))
def test_the_sums_are_right_to_the_last_place(seed: int) -> None:
    values = numbers(seed)
    total = ExactSum.empty(1, 5)
    add(total, values, np.zeros(60, np.int64))
    for channel, found in enumerate(total.values()[0].tolist()):
        exact = float(sum(map(Fraction, values[:, channel].tolist())))
        assert abs(found - exact) <= np.spacing(abs(exact))


def test_what_float64_holds_exactly_is_exact() -> None:
    values = np.array([[2.0**52, -1.5, 0.1], [1, 0.25, -0.1], [-(2.0**52), 2.0**-40, 5e-324]])
    total = ExactSum.empty(1, 3)
    add(total, values, np.zeros(3, np.int64))
    assert total.values()[0].tolist() == [1.0, -1.25 + 2.0**-40, 0.0]


@pytest.mark.parametrize("value", [5e-324, -5e-324, 1e-300, 1e300, -1e308 / 4])
def test_numbers_of_any_size(value: float) -> None:
    total = ExactSum.empty(1, 1)
    add(total, np.full((3, 1), value), np.zeros(3, np.int64))
    assert total.values()[0, 0] == pytest.approx(3 * value, rel=1e-15, abs=0)
