"""Quantised tensors, each with the same whole numbers in floating point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import Array, DType, Graph, attributes
from retrograph.ir.patterns.straight_through import EVERYWHERE

FLOAT32 = np.dtype(np.float32)
NOUGHT = np.zeros((), np.int64)

Reach = tuple[int, int]


@dataclass(frozen=True)
class Code:
    """The whole numbers of a quantised tensor less its zero point, in floating point.

    Attributes:
        name: the tensor that holds them.
        dtype: its type.
        zero: the zero point: a number, one for each place along an axis in a shape that
            broadcasts, or the name of a tensor that holds a number.
        reach: the lowest and the highest whole number that the quantised tensor may hold.
    """

    name: str
    dtype: DType
    zero: Array | str
    reach: Reach

    @property
    def is_uniform(self) -> bool:
        """Whether one zero point holds everywhere."""
        return isinstance(self.zero, str) or self.zero.size == 1


class Codes:
    """The nodes of a graph as they are rewritten, and the codes of quantised tensors.

    Attributes:
        of: the code of each tensor that has one.
        nodes: the rewritten graph so far.
        spare: the nodes that may go where nothing reads them.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.of: dict[str, Code] = {}
        self.nodes: list[NodeProto] = []
        self.spare: set[str] = set()

    def keep(self, node: NodeProto) -> None:
        """Leave a node that gives integers for those who read integers."""
        self.nodes.append(node)
        self.spare.add(node.name)

    def add(self, node: NodeProto, op: str, *inputs: str, **attrs: Any) -> str:
        """One more node beside a node; the name of its output."""
        return self.add_many(node, op, *inputs, count=1, **attrs)[0]

    def add_many(
        self, node: NodeProto, op: str, *inputs: str, count: int, **attrs: Any
    ) -> list[str]:
        """One more node beside a node, of `count` outputs; their names."""
        outputs = [self.graph.fresh(f"{node.name}/{op}") for _ in range(count)]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], **attrs))
        self.spare.add(outputs[0])
        return outputs

    def straight(self, node: NodeProto, op: str, *inputs: str) -> str:
        """One more node that rounds, through which the cotangent passes unchanged."""
        rounded = self.add(node, op, *inputs)
        self.graph.straight_through[rounded] = EVERYWHERE
        return rounded

    def replace(self, node: NodeProto, op: str, *inputs: str, **attrs: Any) -> None:
        """The last node in the place of a node: it gives the same output."""
        self.nodes.append(helper.make_node(op, inputs, node.output[:1], name=node.name, **attrs))

    def constant(self, node: NodeProto, value: float | Sequence[int] | Array, dtype: DType) -> str:
        """A constant beside a node."""
        return self.graph.add_constant(np.asarray(value, dtype), node.name)

    def less(self, node: NodeProto, code: Code, zero: Array | str) -> str:
        """The numbers of a code less another zero point, in floating point."""
        if isinstance(code.zero, str) and isinstance(zero, str) and code.zero == zero:
            return code.name
        if isinstance(code.zero, str) or isinstance(zero, str):
            own, other = (self.float_zero(node, z, code.dtype) for z in (code.zero, zero))
            return self.add(node, "Add", code.name, self.add(node, "Sub", own, other))
        shift = code.zero - zero
        if not shift.any():
            return code.name
        return self.add(node, "Add", code.name, self.constant(node, shift, code.dtype))

    def operand(self, node: NodeProto, name: str, zero: Array | str, dtype: DType) -> str:
        """The whole numbers of any integer tensor less a zero point, in floating point."""
        if name in self.of:
            return self.less(node, self.of[name], zero)
        value = self.graph.value(name)
        if value is None:
            whole = self.add(node, "Cast", name, to=helper.np_dtype_to_tensor_dtype(dtype))
        elif isinstance(zero, str):
            whole = self.constant(node, value, dtype)
        else:
            return self.constant(node, value.astype(NOUGHT.dtype) - zero, dtype)
        if not isinstance(zero, str) and not zero.any():
            return whole
        return self.add(node, "Sub", whole, self.float_zero(node, zero, dtype))

    def reach(self, name: str) -> Reach:
        """The lowest and the highest whole number that an integer tensor may hold."""
        if name in self.of:
            return self.of[name].reach
        value, tensor = self.graph.value(name), self.graph.tensor(name)
        if value is not None and value.size:
            return int(value.min()), int(value.max())
        return (tensor and limits(tensor.dtype)) or limits_of(np.int64)

    def refuse(self, node: NodeProto, reason: str) -> bool:
        """Leave a node as it is, which its codes do not pass; False."""
        self.graph.undefined[node.name] = reason
        return False

    def float_zero(self, node: NodeProto, zero: Array | str, dtype: DType) -> str:
        """A zero point in floating point."""
        if not isinstance(zero, str):
            return self.constant(node, zero, dtype)
        return self.add(node, "Cast", zero, to=helper.np_dtype_to_tensor_dtype(dtype))

    def scale(self, node: NodeProto) -> Array | str | None:
        """The scale of a QuantizeLinear or DequantizeLinear; None where its form is not known."""
        return self._parameter(node, 1)

    def zero(self, node: NodeProto) -> tuple[Array | str, DType] | None:
        """Its zero point with its type; None where its form is not known."""
        if len(node.input) > 2 and node.input[2]:
            tensor, found = self.graph.tensor(node.input[2]), self._parameter(node, 2)
            if tensor is None or found is None:
                return None
            return found if isinstance(found, str) else found.astype(np.int64), tensor.dtype
        element = int(attributes(node).get("output_dtype", 0))
        whole = node.op_type == "QuantizeLinear" and element
        return NOUGHT, helper.tensor_dtype_to_np_dtype(element) if whole else np.dtype(np.uint8)

    def _parameter(self, node: NodeProto, place: int) -> Array | str | None:
        """A constant in a shape that broadcasts with the tensor, or the name of a single number."""
        name = str(node.input[place])
        tensor, value = self.graph.tensor(name), self.graph.value(name)
        if tensor is None or tensor.shape is None:
            return None
        if value is None:
            return name if tensor.shape in ((), (1,)) else None
        if value.size == 1:
            return value.reshape(())
        attrs, x = attributes(node), self.graph.tensor(node.input[0])
        if x is None or x.shape is None:
            return None
        axis, block = int(attrs.get("axis", 1)) % len(x.shape), int(attrs.get("block_size", 0))
        if value.ndim == 1 and not block:
            return value.reshape([-1 if a == axis else 1 for a in range(len(x.shape))])
        size = x.shape[axis]
        if not isinstance(size, int):
            return None
        return np.repeat(value, block, axis).take(range(size), axis)


def limits(dtype: DType) -> Reach | None:
    """The lowest and highest number of an integer type; None for other types."""
    if dtype in _NARROW:
        return _NARROW[dtype]
    return limits_of(dtype.type) if np.issubdtype(dtype, np.integer) else None


def limits_of(kind: type[np.integer[Any]]) -> Reach:
    """The lowest and highest number of one of NumPy's integer types."""
    found = np.iinfo(kind)
    return int(found.min), int(found.max)


_NARROW: dict[DType, Reach] = {
    np.dtype(ml_dtypes.int4): (-8, 7),
    np.dtype(ml_dtypes.uint4): (0, 15),
    np.dtype(ml_dtypes.int2): (-2, 1),
    np.dtype(ml_dtypes.uint2): (0, 3),
}


Follower = Callable[[Codes, NodeProto], bool]
"""Adds the nodes in the place of a node, or beside it; False where it is to stay alone."""

FOLLOWERS: dict[str, Follower] = {}


def follows(*ops: str) -> Callable[[Follower], Follower]:
    """Declare how codes go through these operators."""

    def declare(follower: Follower) -> Follower:
        for op in ops:
            assert op not in FOLLOWERS
            FOLLOWERS[op] = follower
        return follower

    return declare
