"""The generator of random numbers by its formula, in Python's unbounded integers."""

from __future__ import annotations

import numpy as np

from support.graphs import Array

P = 2**31 - 1

ROUNDS, MORE_ROUNDS = (391939211, 122949829), (455052511, 314606869)


def _mixed(h: Array, constants: tuple[int, int]) -> Array:
    """h -> (h + k)^5 mod p for each constant, by Python's unbounded numbers."""
    for k in constants:
        h = (h.astype(object) + k) ** 5 % P
    return h


def keys_by_formula(seed: int, stream: int, samples: int) -> list[int]:
    start = _mixed(_mixed(np.array([seed]), ROUNDS) + stream, ROUNDS)
    return [int(_mixed(start + s, ROUNDS)[0]) for s in range(samples)]


def normal_by_formula(seed: int, stream: int, sample: int, size: int) -> Array:
    """What random.py says, in float64."""
    key = keys_by_formula(seed, stream, sample + 1)[sample]
    first = _mixed(_mixed(np.arange((size + 1) // 2), ROUNDS) + key, ROUNDS)
    second = _mixed(first, MORE_ROUNDS)
    u, v = ((h.astype(np.float64) + 0.5) / 2**31 for h in (first, second))
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:size]
