"""A walk that follows the positions of a source: what is known so far, and sizes as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count

from onnx import NodeProto

from retrograph.ir.analysis.positions.part import Layout, size_of
from retrograph.ir.analysis.symbolic_sizes import Size, Sizes
from retrograph.ir.graph import Array, Dim, Graph, attributes, default_attributes


class Follower:
    """Follows the positions of a source through a graph.

    Attributes:
        graph: canonical.
        reached: the tensors that depend on the source.
        layouts: of those whose axes are followed.
    """

    def __init__(self, graph: Graph, source: str, reached: set[str]) -> None:
        self.graph, self.reached = graph, reached
        self.layouts: dict[str, Layout] = {}
        self._numbers: dict[str, int] = {}
        self._dims: dict[str, list[int]] = {}
        self._sizes = Sizes(graph, exact=True)
        self._large = _primes()

    def number(self, dim: Dim) -> int:
        """A dimension as a number; a large prime stands for an open one."""
        if isinstance(dim, int):
            return dim
        if dim is None:
            return next(self._large)
        if dim not in self._numbers:
            self._numbers[dim] = next(self._large)
        return self._numbers[dim]

    def dims(self, name: str) -> list[int] | None:
        """The dimensions of a tensor as numbers."""
        if name not in self._dims:
            tensor = self.graph.tensor(name)
            if tensor is None or tensor.shape is None:
                return None
            self._dims[name] = [self.number(d) for d in tensor.shape]
        return self._dims[name]

    def attribute(self, node: NodeProto, name: str) -> object:
        given = attributes(node)
        defaults = default_attributes(node.op_type, node.domain, self.graph.opset)
        return given.get(name, defaults.get(name))

    def axis(self, node: NodeProto, rank: int) -> int:
        axis = self.attribute(node, "axis")
        return int(axis) % rank if isinstance(axis, int) else 0

    def value(self, node: NodeProto, place: int) -> Array | None:
        """The value of a constant input."""
        name = node.input[place] if place < len(node.input) else ""
        return self.graph.value(name) if name else None

    def axes(self, node: NodeProto, place: int, rank: int) -> list[int] | None:
        value = self.value(node, place)
        return None if value is None else [int(a) % rank for a in value.reshape(-1)]

    def wanted(self, node: NodeProto, x: Layout) -> list[int] | None:
        """The sizes that a Reshape makes, as far as shapes tell; one that is open follows."""
        maker = self.graph.producer.get(node.input[1])
        if maker is not None and maker.op_type == "Shape" and not attributes(maker):
            like = self.layouts.get(maker.input[0])
            if like is not None:
                return [size_of(axis) for axis in like]
        tensor = self.graph.tensor(node.output[0])
        if tensor is None or tensor.shape is None:
            return None
        total = size_of(tuple(part for axis in x for part in axis))
        kept, given = self.value(node, 1), self._sizes.shape(node.output[0])
        zeros = [] if kept is None or self.attribute(node, "allowzero") else kept.tolist()
        sizes: list[int | None] = []
        for i, dim in enumerate(tensor.shape):
            if i < len(zeros) and zeros[i] == 0:
                sizes.append(size_of(x[i]))
            else:
                sizes.append(dim if isinstance(dim, int) else self._known(given, i, total))
        rest = total
        for size in sizes:
            if size is not None and (size == 0 or rest % size):
                return None
            rest //= size or 1
        if sizes.count(None) > 1:
            return None
        return [rest if size is None else size for size in sizes]

    def _known(self, given: Sequence[Size | None] | None, i: int, total: int) -> int | None:
        """An open dimension by the names that make it; None where it holds others than x has."""
        one = given[i] if given is not None and i < len(given) else None
        if one is None or one.factor <= 0:
            return None
        size = Fraction(one.factor)
        for name in one.names:
            size *= self.number(name)
        whole = size.denominator == 1 and total % size.numerator == 0
        return size.numerator if whole else None


def _primes() -> Iterator[int]:
    """Large enough that no known dimension is a multiple of one."""
    return (n for n in count(1_000_003, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))
