"""A quantile of each row of a tensor."""

from __future__ import annotations

import math

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor, is_static
from retrograph.vjp.lowering.linear_maps import wide

FLOAT64 = np.dtype(np.float64)


def quantile(e: Emitter, a: Tensor, like: Tensor, q: float) -> Tensor:
    """The quantile q of each row, between the two nearest numbers in proportion, as NumPy's.

    Args:
        e: emits.
        a: [N, ...], in rows of units or items.
        like: a tensor of the graph with the shape of an item.
        q: 0 to 1.

    Returns:
        [N, 1, ...], in the type of a.
    """
    flat = e.cast(e.reshape(a, [0, -1]), wide(a.dtype))
    sizes = None if like.shape is None else like.shape[1:]
    if is_static(sizes):
        last = math.prod(d for d in sizes or () if isinstance(d, int)) - 1
        floor = math.floor(q * last)
        taken, share = e.ints([last - floor + 1]), e.const(q * last - floor, flat.dtype)
    else:
        end = e.sub(e.cast(e.dim(flat, 1), FLOAT64), 1.0)
        place = e.mul(end, q)
        below = e.emit("Floor", place)
        taken = e.cast(e.add(e.sub(end, below), 1.0), INT64)
        share = e.cast(e.sub(place, below), flat.dtype)
    top, _ = e.emit_many("TopK", flat, taken, dtypes=[flat.dtype, INT64], axis=1)
    low = e.slice(top, [-1], [2**31], [1])
    above = e.emit("ReduceMax", e.slice(top, [-2], [2**31], [1]), e.ints([1]), keepdims=1)
    found = e.cast(e.add(low, e.mul(share, e.sub(above, low))), a.dtype)
    rank = 1 if like.shape is None else len(like.shape) - 1
    return e.reshape(found, [-1, *[1] * rank])
