"""Random numbers as a function of where they stand: the same on every run and every runtime.

A number is hashed from the seed, the stream, the sample and its position in the item by whole
numbers alone, so that nothing is drawn at run time and an item's numbers do not depend on its
batch. With p = 2^31 - 1, a round is h -> (h + k)^5 mod p, a permutation of 0..p-1 as 5 and p - 1
have no common factor. With f the rounds of two constants:

    key(seed, stream, s) = f(f(f(seed) + stream) + s)
    a(s, j) = f(f(j) + key(s)), b(s, j) = f'(a(s, j)), u = (a + 1/2) / 2^31, v = (b + 1/2) / 2^31
    normal: sqrt(-2 log u) cos(2 pi v) at position j, sqrt(-2 log u) sin(2 pi v) at position Q + j

for j = 0..Q-1, Q half the item's size rounded up (Box and Muller: A Note on the Generation of
Random Normal Deviates, 1958).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from retrograph.ir.emit import FLOAT32, Emitter
from retrograph.ir.graph import Array, Tensor

PRIME = 2**31 - 1

_ROUNDS = (391_939_211, 122_949_829)
_MORE_ROUNDS = (455_052_511, 314_606_869)
"""Below 2^29: the square of h + k stays below 2^63."""


def keys(seed: int, stream: int, count: int) -> Array:
    """The keys of so many samples, int64 [count]."""
    start = _hashed(_hashed(seed) + stream)
    return np.array([_hashed(start + sample) for sample in range(count)], np.int64)


def uniform(seed: int, stream: int, count: int) -> Array:
    """Numbers between 0 and 1, one for each sample, float64 [count]."""
    return (keys(seed, stream, count) + 0.5) / 2**31


def places(e: Emitter, size: Tensor) -> Tensor:
    """The hashed positions of an item, which all samples share;   size: int64 [1] -> int64 [Q]"""
    return _emitted(e, e.range(e.div(e.add(size, 1), 2)), _ROUNDS)


def normal(e: Emitter, places: Tensor, key: Tensor, size: Tensor) -> Tensor:
    """Numbers of mean 0 and variance 1 for a sample.

    Args:
        places: of the item.
        key: of the sample, int64 [].
        size: of the item, int64 [1].

    Returns:
        float32 [size]
    """
    first = _emitted(e, e.mod(e.add(places, key), PRIME), _ROUNDS)
    second = _emitted(e, first, _MORE_ROUNDS)
    radius = e.sqrt(e.mul(e.log(_unit(e, first)), -2.0))
    angle = e.mul(_unit(e, second), 2 * math.pi)
    both = [e.mul(radius, e.emit(turn, angle)) for turn in ("Cos", "Sin")]
    return e.slice(e.concat(both, axis=0), [0], size, [0])


def _hashed(number: int) -> int:
    for constant in _ROUNDS:
        number = pow(number + constant, 5, PRIME)
    return number


def _emitted(e: Emitter, h: Tensor, constants: Sequence[int]) -> Tensor:
    for constant in constants:
        shifted = e.add(h, constant)
        square = e.mod(e.mul(shifted, shifted), PRIME)
        h = e.mod(e.mul(e.mod(e.mul(square, square), PRIME), shifted), PRIME)
    return h


def _unit(e: Emitter, h: Tensor) -> Tensor:
    return e.mul(e.add(e.cast(h, FLOAT32), 0.5), 2.0**-31)
