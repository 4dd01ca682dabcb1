"""Transposes of what is linear along one axis: by its matrix, or by the inverse of its indices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from retrograph.ir.emit import FLOAT32, INT64, Emitter
from retrograph.ir.graph import DType, Tensor


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


def put(e: Emitter, ct: Tensor, index: Tensor, axis: int, rank: int, size: Tensor) -> Tensor:
    """Move position j of ct to position index[j] of an axis that long; zeros elsewhere.

    Args:
        ct: [.., L, ..], of that rank.
        index: int64 [L], no number twice.
        size: int64 [1]
    """
    length = e.emit("Size", index, dtype=INT64)
    nowhere = e.expand(e.reshape(length, [1]), size)
    source = e.emit(
        "ScatterElements", nowhere, index, e.range(e.reshape(length, [1])), axis=0, dtype=INT64
    )
    with_zero = e.pad(ct, [0, 1], [axis], rank)
    return e.gather(with_zero, source, axis)


def scatter_add(e: Emitter, sizes: Tensor, places: Tensor, ct: Tensor, axis: int) -> Tensor:
    """A tensor of those sizes with each element of ct added at its place along one axis.

    In float32 at least: ONNX Runtime's CPU adds no shorter numbers, and sums keep their precision.
    """
    zeros = e.constant_of_shape(sizes, 0.0, wide(ct.dtype))
    parts = e.cast(ct, wide(ct.dtype))
    added = e.emit("ScatterElements", zeros, places, parts, axis=axis, reduction="add")
    return e.cast(added, ct.dtype)


def divided(e: Emitter, ct: Tensor, count: Tensor) -> Tensor:
    """ct / count, in float32 at least: float16 cannot hold the size of a large picture."""
    quotient = e.div(e.cast(ct, wide(ct.dtype)), e.cast(count, wide(ct.dtype)))
    return e.cast(quotient, ct.dtype)


def wide(dtype: DType) -> DType:
    """The type itself, or float32 in place of a shorter one."""
    return FLOAT32 if dtype.itemsize < FLOAT32.itemsize else dtype


def add_at(e: Emitter, ct: Tensor, index: Tensor, axis: int, rank: int, size: Tensor) -> Tensor:
    """Add position j of ct to position index[j] of an axis that long.

    Args:
        ct: [.., L, ..], of that rank.
        index: int64 [L], numbers may repeat.
        size: int64 [1]
    """
    sizes = e.sizes(replace(ct, shape=None), 0)
    whole = e.emit("ScatterElements", sizes, e.ints([axis]), size, axis=0)
    line = e.reshape(index, [-1 if a == axis else 1 for a in range(rank)])
    return scatter_add(e, whole, e.expand(line, sizes), ct, axis)
