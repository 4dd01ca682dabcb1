"""Shape arithmetic over open dimensions: what is known of a small integer tensor, number by number.

Exporters compute sizes from Shape even where all but the batch is known: Shape, Gather, Mul,
Concat, Reshape. Each number is followed as a product of a fraction and of the names of open
dimensions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Dim, Graph, Tensor, attributes

LONGEST = 64
"""No longer tensor is followed."""

_MOST_NAMES = 16
_LARGEST = 2**62


@dataclass(frozen=True)
class Size:
    """factor * names[0] * names[1] * ..., the names of open dimensions in order."""

    factor: Fraction
    names: tuple[str, ...] = ()

    @property
    def number(self) -> int | None:
        """The number, if it is a whole one."""
        return int(self.factor) if not self.names and self.factor.denominator == 1 else None


ZERO = Size(Fraction(0))

Known = Size | None
"""One number of a tensor; None where nothing is known of it."""


def size(dim: Dim) -> Known:
    """A dimension as a number."""
    if isinstance(dim, int):
        return Size(Fraction(dim))
    return None if dim is None else Size(Fraction(1), (dim,))


def product(sizes: Sequence[Known]) -> Known:
    """The product; None where a factor is unknown."""
    result: Known = Size(Fraction(1))
    for one in sizes:
        result = _mul(result, one)
    return result


class Sizes:
    """What is known of the integer tensors of a graph.

    With `exact` a division of an open size counts as without rest.
    """

    def __init__(self, graph: Graph, exact: bool = False) -> None:
        self.graph, self.exact = graph, exact
        self._found: dict[str, list[Known] | None] = {}

    def of(self, name: str) -> list[Known] | None:
        """The numbers of a tensor of rank 0 or 1; None where even their count is unknown."""
        waiting = [name]
        while waiting:
            last = waiting[-1]
            needed = () if last in self._found else self._needed(last)
            ahead = [other for other in needed if other and other not in self._found]
            waiting.extend(ahead)
            if not ahead:
                if last not in self._found:
                    self._found[last] = self._compute(last)
                waiting.pop()
        return self._found[name]

    def _needed(self, name: str) -> Sequence[str]:
        """The tensors that the numbers of a tensor are computed from."""
        node, tensor = self.graph.producer.get(name), self.graph.tensor(name)
        if node is None or tensor is None or not np.issubdtype(tensor.dtype, np.integer):
            return ()
        return node.input if node.op_type in _STEPS and node.op_type != "Shape" else ()

    def whole(self, name: str) -> list[int] | None:
        """The numbers of a tensor where all are known."""
        found = self.of(name)
        numbers = [None if one is None else one.number for one in found or ()]
        known = [n for n in numbers if n is not None]
        return known if found is not None and len(known) == len(numbers) else None

    def shape(self, name: str) -> list[Known] | None:
        """The dimensions of a tensor; those that a Reshape gave it, as they were computed."""
        turns: list[NodeProto] = []
        while (node := self.graph.producer.get(name)) is not None and node.op_type == "Transpose":
            turns.append(node)
            name = node.input[0]
        found = self._reshaped(name)
        for node in reversed(turns):
            if found is not None:
                perm = attributes(node).get("perm", range(len(found))[::-1])
                found = [found[axis] for axis in perm]
        return found

    def _reshaped(self, name: str) -> list[Known] | None:
        node, tensor = self.graph.producer.get(name), self.graph.tensor(name)
        if tensor is None or tensor.shape is None:
            return None
        dims = [size(d) for d in tensor.shape]
        wanted = self.of(node.input[1]) if node is not None and node.op_type == "Reshape" else None
        if wanted is None or len(wanted) != len(dims):
            return dims
        return [
            dim if one is None or one.factor <= 0 or not one.names else one
            for one, dim in zip(wanted, dims, strict=True)
        ]

    def _compute(self, name: str) -> list[Known] | None:
        value = self.graph.value(name)
        if value is not None:
            if value.size > LONGEST or not np.issubdtype(value.dtype, np.integer):
                return None
            return [Size(Fraction(int(v))) for v in value.reshape(-1)]
        node, tensor = self.graph.producer.get(name), self.graph.tensor(name)
        if tensor is None or tensor.rank not in (0, 1):
            return None
        if not np.issubdtype(tensor.dtype, np.integer):
            return None
        found = None
        if node is not None and node.domain in STANDARD_DOMAINS and node.op_type in _STEPS:
            found = _STEPS[node.op_type](self, node, name)
        if found is None:
            return _unknown(tensor)
        return found if len(found) <= LONGEST else None


def _unknown(tensor: Tensor) -> list[Known] | None:
    """Nothing but how many numbers there are; None where that is open too."""
    (count,) = tensor.shape or (1,)
    return [None] * count if isinstance(count, int) and count <= LONGEST else None


def _shape(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    tensor, attrs = sizes.graph.tensor(node.input[0]), attributes(node)
    if tensor is None or tensor.shape is None or tensor.name in sizes.graph.losing:
        return None
    return [size(d) for d in tensor.shape[attrs.get("start", 0) : attrs.get("end")]]


def _same(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    """Cast, Reshape, Squeeze, Unsqueeze: the numbers stay."""
    return sizes.of(node.input[0])


def _concat(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    parts = [sizes.of(source) for source in node.input]
    known = [part for part in parts if part is not None]
    return [one for part in known for one in part] if len(known) == len(parts) else None


def _gather(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    data, index = sizes.of(node.input[0]), sizes.whole(node.input[1])
    if data is None or index is None or any(not -len(data) <= i < len(data) for i in index):
        return None
    return [data[i] for i in index]


def _slice(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    data = sizes.of(node.input[0])
    bounds = [sizes.whole(source) if source else [0] for source in node.input[1:]]
    if data is None or any(b is None or len(b) != 1 for b in bounds):
        return None
    start, end, *_, step = [b[0] for b in bounds if b is not None] + [1][len(bounds) // 4 :]
    begin, stop, stride = slice(start, end, step or 1).indices(len(data))
    return [data[i] for i in range(begin, stop, stride)]


def _split(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    data = sizes.of(node.input[0])
    if data is None:
        return None
    lengths: list[int] | None = [-(-len(data) // len(node.output))] * len(node.output)
    if len(node.input) > 1 and node.input[1]:
        lengths = sizes.whole(node.input[1])
    if lengths is None:
        return None
    place = list(node.output).index(name)
    return data[sum(lengths[:place]) : sum(lengths[: place + 1])]


def _neg(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    data = sizes.of(node.input[0])
    minus = Size(Fraction(-1))
    return None if data is None else [_mul(one, minus) for one in data]


def _reduce_prod(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
    data = sizes.of(node.input[0])
    return None if data is None else [product(data)]


def _pairwise(rule: Callable[[Known, Known], Known]) -> _Step:
    def step(sizes: Sizes, node: NodeProto, name: str) -> list[Known] | None:
        if len(node.input) != 2:
            return None
        a, b = (sizes.of(source) for source in node.input)
        if a is None or b is None or (len(a) != len(b) and 1 not in (len(a), len(b))):
            return None
        count = max(len(a), len(b)) if min(len(a), len(b)) else 0
        a, b = (part * count if len(part) == 1 else part for part in (a, b))
        found = [rule(x, y) for x, y in zip(a, b, strict=True)]
        return found if sizes.exact else [_whole(one) for one in found]

    return step


def _whole(one: Known) -> Known:
    return one if one is not None and one.factor.denominator == 1 else None


def _mul(a: Known, b: Known) -> Known:
    if a is None or b is None:
        return None
    return _kept(Size(a.factor * b.factor, tuple(sorted(a.names + b.names))))


def _kept(one: Size) -> Known:
    """The size, unless it is none that a tensor could have."""
    far = max(abs(one.factor.numerator), one.factor.denominator) > _LARGEST
    return None if far or len(one.names) > _MOST_NAMES else one


def _div(a: Known, b: Known) -> Known:
    if a is None or b is None or not b.factor:
        return None
    if not a.names and not b.names:
        return Size(Fraction(math.trunc(a.factor / b.factor)))
    left, right = Counter(a.names), Counter(b.names)
    if right - left:
        return None
    return Size(a.factor / b.factor, tuple(sorted((left - right).elements())))


def _add(a: Known, b: Known) -> Known:
    if a is None or b is None:
        return None
    if a.names == b.names:
        total = a.factor + b.factor
        return _kept(Size(total, a.names if total else ()))
    if not a.factor:
        return b
    return a if not b.factor else None


def _sub(a: Known, b: Known) -> Known:
    return _add(a, _mul(b, Size(Fraction(-1))))


def _bound(choose: Callable[[Fraction, Fraction], Fraction]) -> Callable[[Known, Known], Known]:
    def rule(a: Known, b: Known) -> Known:
        if a is None or b is None or a.names != b.names:
            return None
        return Size(choose(a.factor, b.factor), a.names)

    return rule


_Step = Callable[[Sizes, NodeProto, str], list[Known] | None]

_STEPS: dict[str, _Step] = {
    "Shape": _shape,
    **dict.fromkeys(("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"), _same),
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Split": _split,
    "Neg": _neg,
    "ReduceProd": _reduce_prod,
    "Add": _pairwise(_add),
    "Sub": _pairwise(_sub),
    "Mul": _pairwise(_mul),
    "Div": _pairwise(_div),
    "Max": _pairwise(_bound(max)),
    "Min": _pairwise(_bound(min)),
}
