"""What falls to the biases, summed for each unit."""

from __future__ import annotations

from dataclasses import replace

from retrograph.ir.activations import FUNCTIONS
from retrograph.ir.batch import Batch, follow_batch
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Graph, NodeProto, Rows, Tensor, attributes
from retrograph.vjp.registry import Unsupported

_IN_ORDER = FUNCTIONS | {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "MatMul", "Gemm"}
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
        self._total: Tensor | None = None

    def add(self, part: Tensor, y: Tensor) -> None:
        """Add a tensor in the shape of y.

        Raises:
            Unsupported: it cannot be told which item a number of y belongs to.
        """
        if self._batch.leads(y.name) and self._rows is not None:
            rows = self.e.reshape(part, [0, -1])
        elif y.name in self._ordered or self._is_single():
            rows = self.e.reshape(part, self.e.concat([self._count(), self.e.ints([-1])], axis=0))
        else:
            raise Unsupported(
                f"the batch axis of '{y.name}' is not in front, so that what falls to its bias "
                "cannot be summed for each item; give it a batch of 1, or leave the biases out"
            )
        found = self.e.cast(self.e.reduce_sum(rows, [1], keepdims=False), self.start.dtype)
        self._total = found if self._total is None else self.e.add(self._total, found)

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
