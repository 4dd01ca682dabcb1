"""The emitter of the backward graph: an operator of ONNX is a method.

A rule calls typed methods (`e.mul(a, b)`); how nodes are made and named is in builder.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from onnx import helper

from retrograph.ir.builder import Builder
from retrograph.ir.graph import DType, Rows, Shape, Tensor

INT64 = np.dtype(np.int64)
FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
BOOL = np.dtype(np.bool_)

_EQUAL_OF_TEXTS = 19
"""From this opset on Equal takes texts too, and CUDA has no kernel for it."""

Operand = Tensor | float | int
Ints = Sequence[int] | Tensor


class Emitter(Builder):
    """Emits standard ONNX nodes behind a forward graph.

    Methods are named after the operators and take their attributes; a number among the operands
    becomes a constant of the other operand's type.
    """

    def ints(self, values: Ints) -> Tensor:
        return values if isinstance(values, Tensor) else self.const(list(values), INT64)

    def _pair(self, a: Operand, b: Operand) -> tuple[Tensor, Tensor]:
        if isinstance(a, Tensor):
            return a, b if isinstance(b, Tensor) else self.const(b, a.dtype)
        assert isinstance(b, Tensor)
        return self.const(a, b.dtype), b

    # Arithmetic, element by element with broadcasting.

    def add(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Add", *self._pair(a, b))

    def sub(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Sub", *self._pair(a, b))

    def mul(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Mul", *self._pair(a, b))

    def scaled(self, ct: Tensor, factor: Tensor, like: Tensor) -> Tensor:
        """ct * factor, which has the shape of `like`.

        Where units' rows meet their items' the factor is broadcast, which takes no copy of it for
        each unit.
        """
        item = [d for d in (like.shape or ())[1:] if isinstance(d, int)]
        same = ct.shape is not None and like.shape is not None and [*ct.shape[1:]] == item
        parted = ct.rows is Rows.UNITS and factor.rows is Rows.ITEMS
        if not (same and parted) or self.units_apart is None:
            return self.mul(ct, factor)
        units = replace(self.reshape(ct, self.units_apart), rows=Rows.SHARED)
        items = replace(self.reshape(factor, [0, 1, -1]), rows=Rows.SHARED)
        product = self.reshape(self.mul(units, items), [-1, *item])
        return replace(product, rows=Rows.UNITS)

    def div(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Div", *self._pair(a, b))

    def pow(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Pow", *self._pair(a, b))

    def mod(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Mod", *self._pair(a, b))

    def neg(self, a: Tensor) -> Tensor:
        return self.emit("Neg", a)

    def exp(self, a: Tensor) -> Tensor:
        return self.emit("Exp", a)

    def log(self, a: Tensor) -> Tensor:
        return self.emit("Log", a)

    def sqrt(self, a: Tensor) -> Tensor:
        return self.emit("Sqrt", a)

    def sigmoid(self, a: Tensor) -> Tensor:
        return self.emit("Sigmoid", a)

    def relu(self, a: Tensor) -> Tensor:
        return replace(self.emit("Relu", a), shape=a.shape)

    def maximum(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Max", *self._pair(a, b))

    def sign(self, a: Tensor) -> Tensor:
        """-1, 0 or 1; WebGPU has no Sign."""
        if self.device != "web":
            return self.emit("Sign", a)
        above, below = (self.cast(hit, a.dtype) for hit in (self.greater(a, 0), self.less(a, 0)))
        return self.sub(above, below)

    # Comparison and choice.

    def greater(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Greater", *self._pair(a, b), dtype=BOOL)

    def less(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Less", *self._pair(a, b), dtype=BOOL)

    def equal(self, a: Operand, b: Operand) -> Tensor:
        pair = self._pair(a, b)
        if self.opset < _EQUAL_OF_TEXTS:
            return self.emit("Equal", *pair, dtype=BOOL)
        bounds = [self.emit(op, *pair, dtype=BOOL) for op in ("GreaterOrEqual", "LessOrEqual")]
        return self.logical_and(*bounds)

    def logical_and(self, a: Tensor, b: Tensor) -> Tensor:
        return self.emit("And", a, b, dtype=BOOL)

    def where(self, condition: Tensor, a: Operand, b: Operand) -> Tensor:
        a, b = self._pair(a, b)
        return self.emit("Where", condition, a, b, dtype=a.dtype)

    def cast(self, a: Tensor, dtype: DType) -> Tensor:
        if a.dtype == dtype:
            return a
        return self.emit("Cast", a, dtype=dtype, to=helper.np_dtype_to_tensor_dtype(dtype))

    # Shape.

    def sizes(self, a: Tensor, start: int, end: int | None = None) -> Tensor:
        """The dimensions from `start` to `end` as int64 [end-start]: a constant where known."""
        dims = a.shape[start:end] if a.shape is not None else (None,)
        known = [d for d in dims if isinstance(d, int)]
        if len(known) == len(dims):
            return self.const(known, INT64)
        attrs = {"start": start} if end is None else {"start": start, "end": end}
        return self.emit("Shape", a, dtype=INT64, **attrs)

    def dim(self, a: Tensor, axis: int) -> Tensor:
        """One dimension as int64 [1], for an axis counted from the front."""
        return self.sizes(a, axis, axis + 1)

    def count(self, a: Tensor, axes: Iterable[int]) -> Tensor:
        """The product of some dimensions as int64 [1]: a constant where they are known."""
        known = 1
        total: Tensor | None = None
        for axis in axes:
            size = None if a.shape is None else a.shape[axis]
            if isinstance(size, int):
                known *= size
            else:
                total = self.dim(a, axis) if total is None else self.mul(total, self.dim(a, axis))
        if total is None:
            return self.ints([known])
        return total if known == 1 else self.mul(total, known)

    def reshape(self, a: Tensor, shape: Ints) -> Tensor:
        return self.emit("Reshape", a, self.ints(shape))

    def reshape_like(self, a: Tensor, like: Tensor) -> Tensor:
        """`a` in the shape of `like`, but for its rows, which stay those of `a`."""
        shape = open_shape(like.shape)
        if shape is not None:
            return self.reshape(a, shape)
        if like.rows is Rows.SHARED:
            return self.reshape(a, self.sizes(like, 0))
        return self.reshape(a, self.concat([self.ints([-1]), self.sizes(like, 1)], axis=0))

    def transpose(self, a: Tensor, perm: Sequence[int]) -> Tensor:
        return self.emit("Transpose", a, perm=list(perm))

    def squeeze(self, a: Tensor, axes: Ints) -> Tensor:
        return self.emit("Squeeze", a, self.ints(axes))

    def unsqueeze(self, a: Tensor, axes: Ints) -> Tensor:
        return self.emit("Unsqueeze", a, self.ints(axes))

    def expand(self, a: Tensor, shape: Ints) -> Tensor:
        return self.emit("Expand", a, self.ints(shape))

    def concat(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        return parts[0] if len(parts) == 1 else self.emit("Concat", *parts, axis=axis)

    def slice(self, a: Tensor, starts: Ints, ends: Ints, axes: Ints, steps: Ints = ()) -> Tensor:
        parts = [self.ints(starts), self.ints(ends), self.ints(axes)]
        if isinstance(steps, Tensor) or steps:
            parts.append(self.ints(steps))
        return self.emit("Slice", a, *parts)

    def pad(
        self, a: Tensor, pads: Ints, axes: Sequence[int], rank: int, value: float = 0.0
    ) -> Tensor:
        """A value around the given axes of a tensor of that rank; negative numbers take away.

        The node names all axes, in order: ONNX Runtime (1.31.1) moves a Transpose through a Pad as
        if it did, and folds one without the input `axes` into a pool.
        """
        places = [*axes, *(axis + rank for axis in axes)]
        whole = self.const([0] * 2 * rank, INT64)
        if isinstance(pads, Tensor):
            if list(axes) != list(range(rank)):
                pads = self.emit("ScatterElements", whole, self.ints(places), pads, axis=0)
        else:
            given = dict(zip(places, pads, strict=True))
            pads = [given.get(place, 0) for place in range(2 * rank)]
        around, every = self.const(value, a.dtype), self.ints(range(rank))
        return self.emit("Pad", a, self.ints(pads), around, every, mode="constant")

    def range(self, end: Tensor) -> Tensor:
        """0 .. end-1 as int64, for `end` int64 [1]."""
        stop = self.squeeze(end, [0])
        return self.emit("Range", self.const(0, INT64), stop, self.const(1, INT64))

    def gather(self, a: Tensor, indices: Tensor, axis: int) -> Tensor:
        return self.emit("Gather", a, indices, axis=axis)

    def constant_of_shape(self, shape: Tensor, value: float, dtype: DType) -> Tensor:
        """A tensor filled with `value`: by Expand, for which CUDA has a kernel in every opset."""
        return self.expand(self.const(value, dtype), shape)

    # Reductions and products.

    def reduce_sum(self, a: Tensor, axes: Ints, keepdims: bool = True) -> Tensor:
        if not isinstance(axes, Tensor) and not axes:
            return a
        return self.emit("ReduceSum", a, self.ints(axes), keepdims=int(keepdims))

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        return self.emit("MatMul", a, b)


def open_shape(shape: Shape | None) -> list[int] | None:
    """A shape for Reshape with -1 for the open dimension; None where several are open."""
    if shape is None:
        return None
    dims = [d if isinstance(d, int) else -1 for d in shape]
    if dims.count(-1) > 1 or (-1 in dims and 0 in dims):
        return None
    return dims
