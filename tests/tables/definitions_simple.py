"""More operators by their definition in NumPy, where onnx.reference (1.23) is wrong or has gaps.

GlobalLpPool   not there
LpPool         ceil_mode: the mean over what lies inside times the size of a whole window; SAME_*
               fails where a window is smaller than its stride, and does not count the dilation
MaxUnpool      output_shape: counts the places over the shape that the attributes give
Scatter        is missing
Unique         sorted=0: fails, cuts along axis 0, or sorts all the same where Y is the one output
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from tables.definitions import Array, MaxPool, Operator, at


class LpPool(MaxPool):
    """sum(|x|^p)^(1/p) over the positions of each window that lie inside"""

    def _run(self, x: Array, **attrs: Any) -> tuple[Array, ...]:
        p, sizes = attrs["p"], x.shape[2:]
        outputs, windows = self.windows(x, attrs)
        y = np.empty((*x.shape[:2], *outputs), x.dtype)
        for place, positions, _ in windows:
            inside = [
                q for q in positions if all(0 <= i < n for i, n in zip(q, sizes, strict=True))
            ]
            y[at(place)] = np.sum([np.abs(x[at(q)]) ** p for q in inside], axis=0) ** (1 / p)
        return (y,)


class GlobalLpPool(Operator):
    """sum(|x|^p)^(1/p) over every axis behind batch and channels"""

    def _run(self, x: Array, p: int) -> tuple[Array]:
        total = (np.abs(x) ** p).sum(axis=tuple(range(2, x.ndim)), keepdims=True)
        return (total ** (1 / p),)


class MaxUnpool(Operator):
    """y.flat[i] = x, in the order of x"""

    def _run(
        self, x: Array, places: Array, shape: Array | None = None, **attrs: Any
    ) -> tuple[Array]:
        kernel, rank = attrs["kernel_shape"], x.ndim - 2
        strides, pads = attrs["strides"] or [1] * rank, attrs["pads"] or [0] * 2 * rank
        if shape is None:
            spatial = [
                (x.shape[2 + a] - 1) * strides[a] - pads[a] - pads[a + rank] + kernel[a]
                for a in range(rank)
            ]
            shape = np.array([*x.shape[:2], *spatial])
        y = np.zeros(shape, x.dtype)
        for place, value in zip(places.reshape(-1), x.reshape(-1), strict=True):
            y.reshape(-1)[place] = value
        return (y,)


class Scatter(Operator):
    """x with the updates at their places along an axis"""

    def _run(
        self, x: Array, places: Array, updates: Array, axis: int = 0, **attrs: Any
    ) -> tuple[Array]:
        y = x.copy()
        np.put_along_axis(y, places, updates, axis)
        return (y,)


class Unique(Operator):
    """The different numbers, or slices along an axis, in their order or that of occurrence"""

    def _run(self, x: Array, axis: int | None = None, **attrs: Any) -> tuple[Array, ...]:
        rows = (
            x.reshape(-1, 1) if axis is None else np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
        )
        _, first, inverse, counts = np.unique(rows, True, True, True, axis=0)
        order = np.arange(first.size) if attrs["sorted"] else np.argsort(first)
        y = np.take(x.reshape(-1) if axis is None else x, first[order], axis or 0)
        outputs = (y, first[order], np.argsort(order)[inverse.reshape(-1)], counts[order])
        return outputs[: len(self.onnx_node.output)]


SIMPLE: list[type[OpRun]] = [GlobalLpPool, LpPool, MaxUnpool, Scatter, Unique]
