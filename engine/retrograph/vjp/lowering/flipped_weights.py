"""The weights of a convolution, turned round for its transpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import shape_of, static_shape

Taps = tuple[int, ...]
"""Positions in a kernel along one axis, equally far from each other."""


def turned(e: Emitter, weight: Tensor, taps: Sequence[Taps], group: int) -> Tensor:
    """[M, C/g, *K] -> [C, M/g, *T], of each axis those taps, the last one first.

    A runtime folds this once.
    """
    spatial = list(range(2, 2 + len(taps)))
    kernel = shape_of(weight)[2:]
    flipped = weight
    if any(t != (0,) or k != 1 for t, k in zip(taps, kernel, strict=True)):
        steps = [t[0] - t[1] if len(t) > 1 else -1 for t in taps]
        ends = [t[0] - 1 if t[0] > 0 else -(2**31) for t in taps]
        flipped = e.slice(weight, [t[-1] for t in taps], ends, spatial, steps)
    if group == 1:
        m, c = shape_of(weight)[:2]
        found = e.transpose(flipped, [1, 0, *spatial])
        return replace(found, shape=(c, m, *map(len, taps)))
    m, c, *_ = static_shape(weight)
    sizes = [len(t) for t in taps]
    grouped = e.reshape(flipped, [group, m // group, c, *sizes])
    swapped = e.transpose(grouped, [0, 2, 1, *[a + 1 for a in spatial]])
    shape = [group * c, m // group, *sizes]
    return replace(e.reshape(swapped, shape), shape=tuple(shape))
