"""auto_pad=SAME_* over sizes that only run time tells: a computed Pad before the operator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import Array, Graph, Tensor

NEUTRAL = {"Conv": 0.0, "MaxPool": -np.inf, "AveragePool": 0.0, "LpPool": 0.0}
"""The operators that can be padded so, and what stands where they would pad themselves."""


class ComputedPads:
    """The nodes that compute the pads of one operator, and pad with them."""

    def __init__(self, graph: Graph, node: NodeProto, x: Tensor) -> None:
        self.nodes: list[NodeProto] = []
        self._graph, self._node, self._x = graph, node, x
        self._sizes = self._step("Shape", [x.name], start=2)
        self._pads = ""

    def measure(self, extents: Sequence[int], strides: Sequence[int], upper: bool) -> None:
        """pads = (ceil(size / stride) - 1) * stride + extent - size, split in two halves.

        Where the sum is odd, `upper` puts the larger half behind.
        """
        stride = self._whole(strides)
        before_last = self._step(
            "Div", [self._step("Sub", [self._sizes, self._whole([1])]), stride]
        )
        covered = self._step("Mul", [before_last, stride])
        covered = self._step("Add", [covered, self._whole(extents)])
        total = self._step("Sub", [covered, self._sizes])
        total = self._step("Max", [total, self._whole([0])])
        small = self._step("Div", [total, self._whole([2])])
        large = self._step("Sub", [total, small])
        halves = [small, large] if upper else [large, small]
        self._pads = self._step("Concat", halves, axis=0)
        self._axes = self._whole(range(2, 2 + len(extents)))

    def padded(self, tensor: str, value: float) -> str:
        return self._step("Pad", [tensor, self._pads, self._number(value), self._axes])

    def ones(self) -> str:
        """Ones in the spatial sizes: [1, 1, *S]."""
        shape = self._step("Concat", [self._whole([1, 1]), self._sizes], axis=0)
        return self._step("Expand", [self._number(1.0), shape])

    def _step(self, op: str, inputs: list[str], **attrs: int) -> str:
        place = f"auto_pad/{len(self.nodes)}"
        out = f"{self._node.output[0]}/{place}"
        made = helper.make_node(op, inputs, [out], name=f"{self._node.name}/{place}")
        made.attribute.extend(helper.make_attribute(k, v) for k, v in attrs.items())
        self.nodes.append(made)
        return out

    def _whole(self, values: Sequence[int]) -> str:
        return self._constant(np.asarray(values, np.int64))

    def _number(self, value: float) -> str:
        return self._constant(np.asarray(value, self._x.dtype))

    def _constant(self, value: Array) -> str:
        return self._graph.add_constant(value, f"{self._node.output[0]}/auto_pad/const")


def padded_before(
    graph: Graph, node: NodeProto, extents: Sequence[int], strides: Sequence[int], upper: bool
) -> list[NodeProto]:
    """The operator without auto_pad, behind a Pad; itself where it cannot be padded so."""
    x = graph.tensor(node.input[0])
    if node.op_type not in NEUTRAL or x is None:
        return [node]
    pads = ComputedPads(graph, node, x)
    pads.measure(extents, strides, upper)
    inner = without_auto_pad(node)
    inner.input[0] = pads.padded(x.name, NEUTRAL[node.op_type])
    counts_padding = any(a.name == "count_include_pad" and a.i for a in node.attribute)
    if node.op_type != "AveragePool" or counts_padding:
        return [*pads.nodes, inner]
    return _mean_inside(node, inner, pads)


def _mean_inside(node: NodeProto, inner: NodeProto, pads: ComputedPads) -> list[NodeProto]:
    """The mean over what lies inside: that over all, divided by the share that lies inside."""
    share = without_auto_pad(node)
    share.name, share.output[0] = f"{node.name}/share", f"{node.output[0]}/share"
    share.input[0] = pads.padded(pads.ones(), 0.0)
    inner.name, inner.output[0] = f"{node.name}/mean", f"{node.output[0]}/mean"
    means = [inner.output[0], share.output[0]]
    divide = helper.make_node("Div", means, [node.output[0]], name=node.name)
    return [*pads.nodes, share, inner, divide]


def without_auto_pad(node: NodeProto) -> NodeProto:
    """The node without any padding."""
    plain = NodeProto()
    plain.CopyFrom(node)
    del plain.attribute[:]
    plain.attribute.extend(a for a in node.attribute if a.name not in ("auto_pad", "pads"))
    return plain
