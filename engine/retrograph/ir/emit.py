"""The builder of the backward graph: the one place that makes nodes.

A rule calls typed methods (`e.mul(a, b)`), the emitter names what they make, types it, and shares
equal constants. The nodes live in an ONNX GraphSurgeon graph of their own until they are appended
to the forward pass, which is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import onnx_graphsurgeon as gs
from onnx import NodeProto, TensorProto, helper

from retrograph.ir.graph import Array, DType, Graph, Rows, Shape, Tensor

INT64 = np.dtype(np.int64)
FLOAT32 = np.dtype(np.float32)
BOOL = np.dtype(np.bool_)

Operand = Tensor | float | int
Ints = Sequence[int] | Tensor


class Emitter:
    """Emits standard ONNX nodes behind a forward graph.

    Methods are named after the operators and take their attributes; a number among the operands
    becomes a constant of the other operand's type.

    Where many units are explained at once, an operator that joins a tensor with a row for each
    unit and one with a row for each item first repeats the items' rows; rules need not know.
    """

    def __init__(self, forward: Graph) -> None:
        self.opset = forward.opset
        self._taken = {*forward.producer, *forward.constants, *forward.types}
        self._graph = gs.Graph(opset=forward.opset)
        self._variables: dict[str, gs.Variable] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Tensor] = {}
        self._scope = "bwd"
        self._repeated: dict[str, Tensor] = {}
        self.item_of_unit: Tensor | None = None
        """For each of the N * K units the item it belongs to, int64 [N * K]."""

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Name what is emitted inside `bwd/<name>/...`."""
        outer, self._scope = self._scope, f"bwd/{name}"
        yield
        self._scope = outer

    def emit(
        self, op: str, *inputs: Tensor | None, dtype: DType | None = None, **attrs: Any
    ) -> Tensor:
        """One node with one output, of the first input's type unless `dtype` is given."""
        return self.emit_many(op, *inputs, dtypes=[dtype or _dtype_of(inputs)], **attrs)[0]

    def emit_many(
        self, op: str, *inputs: Tensor | None, dtypes: Sequence[DType], **attrs: Any
    ) -> list[Tensor]:
        """One node with an output for each of `dtypes`; None among the inputs is left out."""
        inputs, rows = self._matched(op, inputs)
        outputs = [Tensor(self.fresh(f"{self._scope}/{op}"), d, None, rows) for d in dtypes]
        node = gs.Node(
            op=op,
            name=outputs[0].name,
            attrs=attrs,
            inputs=[gs.Variable.empty() if t is None else self._variable(t) for t in inputs],
            outputs=[self._variable(t) for t in outputs],
        )
        self._graph.nodes.append(node)
        return outputs

    def _matched(
        self, op: str, inputs: tuple[Tensor | None, ...]
    ) -> tuple[tuple[Tensor | None, ...], Rows]:
        """Inputs with rows for the same thing, and what the rows of the output count."""
        rows = max((t.rows for t in inputs if t is not None), default=Rows.SHARED)
        if op == "Shape":
            return inputs, Rows.SHARED
        if rows is Rows.UNITS:
            inputs = tuple(
                self._repeat(t) if t is not None and t.rows is Rows.ITEMS else t for t in inputs
            )
        return inputs, rows

    def _repeat(self, items: Tensor) -> Tensor:
        if items.name not in self._repeated:
            assert self.item_of_unit is not None
            rows = Tensor(items.name, items.dtype, None)
            repeated = self.emit("Gather", rows, self.item_of_unit, axis=0)
            self._repeated[items.name] = replace(repeated, rows=Rows.UNITS)
        return self._repeated[items.name]

    def const(self, value: Array | Sequence[int] | float, dtype: DType | None = None) -> Tensor:
        """A constant; equal constants are stored once."""
        array = np.asarray(value, dtype)
        key = (array.dtype.name, array.shape, array.tobytes())
        if key not in self._constants:
            name = self.fresh("bwd/const")
            self._variables[name] = gs.Constant(name, np.array(array, order="C"))
            self._constants[key] = Tensor(name, array.dtype, array.shape)
        return self._constants[key]

    def ints(self, values: Ints) -> Tensor:
        return values if isinstance(values, Tensor) else self.const(list(values), INT64)

    def rename(self, tensor: Tensor, name: str) -> Tensor:
        """Call an emitted tensor `bwd/<name>` if that is free."""
        wanted = f"bwd/{name}"
        if tensor.name not in self._variables or wanted in self._taken:
            return tensor
        variable = self._variables[tensor.name]
        if isinstance(variable, gs.Constant) or not variable.inputs:
            return tensor
        self._taken.add(wanted)
        variable.name = wanted
        self._variables[wanted] = variable
        return replace(tensor, name=wanted)

    def finish(self, outputs: dict[str, Tensor]) -> tuple[list[NodeProto], list[TensorProto]]:
        """The nodes and constants that these outputs need, each given out under its key's name."""
        named = []
        for name, tensor in outputs.items():
            copy = self.emit("Identity", tensor)
            variable = self._variables[copy.name]
            variable.name = name
            named.append(variable)
        self._graph.outputs = named
        self._graph.cleanup(remove_unused_node_outputs=False).toposort()
        for variable in named:
            variable.dtype = FLOAT32
        proto = gs.export_onnx(self._graph, do_type_check=False).graph
        return list(proto.node), list(proto.initializer)

    def _variable(self, tensor: Tensor) -> gs.Variable:
        if tensor.name not in self._variables:
            self._variables[tensor.name] = gs.Variable(tensor.name)
        return self._variables[tensor.name]

    def fresh(self, hint: str) -> str:
        """A tensor name that neither the forward nor the backward graph has."""
        name, count = hint, 0
        while name in self._taken:
            count += 1
            name = f"{hint}_{count}"
        self._taken.add(name)
        return name

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
        return self.emit("Relu", a)

    # Comparison and choice.

    def greater(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Greater", *self._pair(a, b), dtype=BOOL)

    def less(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Less", *self._pair(a, b), dtype=BOOL)

    def equal(self, a: Operand, b: Operand) -> Tensor:
        return self.emit("Equal", *self._pair(a, b), dtype=BOOL)

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

    def pad(self, a: Tensor, pads: Ints, axes: Sequence[int], rank: int) -> Tensor:
        """Zeros around the given axes of a tensor of that rank; negative numbers take away.

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
        zero, every = self.const(0, a.dtype), self.ints(range(rank))
        return self.emit("Pad", a, self.ints(pads), zero, every, mode="constant")

    def range(self, end: Tensor) -> Tensor:
        """0 .. end-1 as int64, for `end` int64 [1]."""
        stop = self.squeeze(end, [0])
        return self.emit("Range", self.const(0, INT64), stop, self.const(1, INT64))

    def gather(self, a: Tensor, indices: Tensor, axis: int) -> Tensor:
        return self.emit("Gather", a, indices, axis=axis)

    def constant_of_shape(self, shape: Tensor, value: float, dtype: DType) -> Tensor:
        """A tensor filled with `value`; bfloat16 is cast, since ConstantOfShape lacks it."""
        plain = FLOAT32 if dtype == ml_dtypes.bfloat16 else dtype
        fill = gs.Constant("value", np.asarray([value], plain))
        return self.cast(self.emit("ConstantOfShape", shape, dtype=plain, value=fill), dtype)

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


def _dtype_of(inputs: Sequence[Tensor | None]) -> DType:
    return next(t.dtype for t in inputs if t is not None)
