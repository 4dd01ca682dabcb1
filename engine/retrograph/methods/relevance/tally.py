"""What falls to biases and constants, summed for each unit."""

from __future__ import annotations

from dataclasses import replace

from retrograph.ir.analysis.batch_axis import LEADING, Batch, Place, follow_batch
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Graph, NodeProto, Rows, Tensor, attributes
from retrograph.ir.op_traits import RESHAPES, SPELLERS
from retrograph.methods.relevance.layer import in_float32
from retrograph.vjp.registry import Unsupported

_IN_ORDER = SPELLERS | RESHAPES | {"MatMul", "Gemm"}
_JOINING = {"Add", "Sub", "Mul", "Div"}


class Tally:
    """Sums tensors that each have a number for each place in each item.

    Args:
        e: emits.
        graph: canonical.
        target: the explained tensor.
        start: the relevance of the target, [N, ...] or [N * K, ...].
    """

    def __init__(self, e: Emitter, graph: Graph, target: str, start: Tensor) -> None:
        self.e, self.start = e, start
        tensor = graph.tensor(target)
        assert tensor is not None
        self._batch = follow_batch(graph)
        self._rows = self._batch.rows(tensor)
        self._ordered = _in_order(graph, self._batch)
        self._names = _batch_names(graph, self._batch)
        self._total: Tensor | None = None

    def add(self, part: Tensor, y: Tensor) -> None:
        """Add a tensor in the shape of y.

        Raises:
            Unsupported: it cannot be told which item a number of y belongs to.
        """
        e = self.e
        found = e.cast(self._summed(in_float32(e, part), y), self.start.dtype)
        self._total = found if self._total is None else e.add(self._total, found)

    def _summed(self, part: Tensor, y: Tensor) -> Tensor:
        e, place = self.e, self._place(y)
        if place == LEADING and self._rows is not None:
            return e.reduce_sum(e.reshape(part, [0, -1]), [1], keepdims=False)
        if y.name in self._ordered or self._is_single():
            rows = e.reshape(part, e.concat([self._count(), e.ints([-1])], axis=0))
            return e.reduce_sum(rows, [1], keepdims=False)
        if place is None:
            raise Unsupported(
                f"the items of the batch are not told apart in '{y.name}', so that what falls to "
                "its bias or to constants in it cannot be summed for each; give it a batch of 1"
            )
        others = [axis for axis in range(y.rank or 0) if axis != place.axis]
        turned = e.transpose(part, [place.axis, *others])
        sizes = e.concat([e.ints([place.before]), self._count(), e.ints([-1])], axis=0)
        return e.reduce_sum(e.reshape(turned, sizes), [0, 2], keepdims=False)

    def _place(self, y: Tensor) -> Place | None:
        """Where the items lie in y; where that was lost, along the one axis with their name."""
        axes = [axis for axis, d in enumerate(y.shape or ()) if d in self._names]
        named = Place(axes[0]) if len(axes) == 1 else None
        return self._batch.places.get(y.name, named)

    def total(self) -> Tensor:
        """[N] or [N * K]"""
        if self._total is not None:
            return self._total
        zero = self.e.constant_of_shape(self._count(), 0.0, self.start.dtype)
        return replace(zero, rows=self.start.rows)

    def _is_single(self) -> bool:
        alone = self._rows is None or self._batch.single
        return alone or (self.start.shape or (None,))[0] == 1

    def _count(self) -> Tensor:
        """How many units there are, int64 [1]."""
        if self._rows is None:
            return self.e.ints([1])
        rows = self.e.dim(replace(self.start, shape=None), 0)
        folded = self._rows > 1 and self.start.rows is not Rows.UNITS
        return self.e.div(rows, self._rows) if folded else rows


def _batch_names(graph: Graph, batch: Batch) -> set[str]:
    """What the number of items is called, and no other size of an input."""
    shapes = [
        t.shape for n in batch.places if batch.leads(n) and (t := graph.tensor(n)) is not None
    ]
    inputs = [t.shape or () for v in graph.inputs if (t := graph.tensor(v.name)) is not None]
    others = {d for shape in inputs for d in shape[1:]}
    return {shape[0] for shape in shapes if shape and isinstance(shape[0], str)} - others


def _in_order(graph: Graph, batch: Batch) -> set[str]:
    """The tensors whose numbers lie item by item, though a Reshape joined the batch and others."""
    found = {n for n, at in batch.places.items() if (at.axis, at.before) == (0, 1)}
    for node in graph.nodes:
        if node.input and node.input[0] in found and _keeps_order(graph, node):
            found.update(node.output)
    return found


def _keeps_order(graph: Graph, node: NodeProto) -> bool:
    if node.op_type in _JOINING:
        x, y = graph.tensor(node.input[0]), graph.tensor(node.output[0])
        return x is not None and y is not None and x.shape is not None and x.shape == y.shape
    return node.op_type in _IN_ORDER and not attributes(node).get("transA", 0)
