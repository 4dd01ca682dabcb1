"""Transposes of what is linear along one axis: by its matrix, or by the inverse of its indices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor


def unit_matrix(e: Emitter, size: Tensor, like: Tensor) -> Tensor:
    """The unit matrix [size, size] in the type of `like`;   size: int64 [1]"""
    number = e.range(size)
    hit = e.equal(e.unsqueeze(number, [1]), e.unsqueeze(number, [0]))
    return e.cast(hit, like.dtype)


def along(e: Emitter, ct: Tensor, axis: int, rank: int, matrix: Tensor) -> Tensor:
    """sum over o of ct[.., o, ..] * matrix[o, i], along one axis;   matrix: [O, I]"""
    if axis == rank - 1:
        return e.matmul(ct, matrix)
    if axis == rank - 2:
        return e.matmul(e.transpose(matrix, [1, 0]), ct)
    perm = [a for a in range(rank) if a != axis] + [axis]
    back = [int(i) for i in np.argsort(perm)]
    return e.transpose(e.matmul(e.transpose(ct, perm), matrix), back)


def put(e: Emitter, ct: Tensor, index: Tensor, axis: int, size: Tensor) -> Tensor:
    """Move position j of ct to position index[j] of an axis that long; zeros elsewhere.

    Args:
        ct: [.., L, ..]
        index: int64 [L], no number twice.
        size: int64 [1]
    """
    length = e.emit("Size", index, dtype=INT64)
    nowhere = e.expand(e.reshape(length, [1]), size)
    source = e.emit(
        "ScatterElements", nowhere, index, e.range(e.reshape(length, [1])), axis=0, dtype=INT64
    )
    with_zero = e.pad(ct, [0, 1], [axis])
    return e.gather(with_zero, source, axis)


def add_at(
    e: Emitter, ct: Tensor, index: Tensor, axis: int, rank: int, size: Tensor
) -> Tensor:
    """Add position j of ct to position index[j] of an axis that long.

    Args:
        ct: [.., L, ..], of that rank.
        index: int64 [L], numbers may repeat.
        size: int64 [1]
    """
    sizes = e.sizes(replace(ct, shape=None), 0)
    whole = e.emit("ScatterElements", sizes, e.ints([axis]), size, axis=0)
    zeros = e.constant_of_shape(whole, 0.0, ct.dtype)
    line = e.reshape(index, [-1 if a == axis else 1 for a in range(rank)])
    places = e.expand(line, sizes)
    return e.emit("ScatterElements", zeros, places, ct, axis=axis, reduction="add")
