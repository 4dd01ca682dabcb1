"""A region as those who name its cause see it: the nodes of both files and their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import ordered, squeezed
from retrograph.auditing.network import Network
from retrograph.auditing.pairing import Pair
from retrograph.auditing.regions import Region
from retrograph.ir.graph import Array, NodeProto, attributes, default_attributes, opset_of
from retrograph.ir.path import ancestors


@dataclass(frozen=True)
class Cause:
    """Why two regions compute something else.

    Attributes:
        kind: a short name for programs, such as "kernel-flipped".
        text: for people.
        a, b: the tensors of both files whose nodes hold it; "" where it is of the whole region.
    """

    kind: str
    text: str
    a: str = ""
    b: str = ""

    def at(self, a: NodeProto, b: NodeProto) -> Cause:
        """The same cause, held by these nodes of both files."""
        return replace(self, a=a.output[0], b=b.output[0])


@dataclass(frozen=True)
class Side:
    """The region in one of the two files.

    Attributes:
        activations: what the file computes.
        tensors: those of the region, in forward order.
        moves: those right before whose nodes only move numbers.
    """

    activations: Activations
    tensors: tuple[str, ...]
    moves: tuple[str, ...]

    @property
    def network(self) -> Network:
        return self.activations.network

    @cached_property
    def nodes(self) -> list[NodeProto]:
        """The nodes of the region, each once, in forward order."""
        return _once([self.network.nodes[name] for name in self.tensors])

    @cached_property
    def moving_nodes(self) -> list[NodeProto]:
        """The nodes right before."""
        return _once([self.network.nodes[name] for name in self.moves])

    def constant(self, name: str) -> Array | None:
        """A weight, also where nodes compute it from others; None for what is no constant."""
        if not name:
            return None
        value = self.network.value(name)
        graph = self.network.graph
        if value is not None or name not in graph.producer or name in self.network.nodes:
            return value
        if set(graph.input_names()) & ancestors(graph, name):
            return None
        once = Activations(self.network, self.activations.feeds[:1])
        return once.run([name])[name] if graph.tensor(name) is not None else None

    def holder(self, value: Array) -> str:
        """The name of a weight of the file that holds these values; "" for none."""
        for name in self.network.graph.constants:
            tensor = self.network.graph.tensor(name)
            if tensor is not None and tensor.shape == value.shape and value.size > 1:
                other = self.network.value(name)
                if other is not None and np.array_equal(other, value):
                    return str(name)
        return ""

    def attributes(self, node: NodeProto) -> dict[str, Any]:
        """The attributes of a node with those that it leaves out."""
        usual = default_attributes(node.op_type, node.domain, self.network.graph.opset)
        return {**usual, **attributes(node)}

    def source_attributes(self, node: NodeProto) -> dict[str, Any] | None:
        """The attributes that the file itself gives the node; None where it has none such."""
        source = self._sources.get(node.output[0])
        if source is None or source.op_type != node.op_type:
            return None
        opset = opset_of(self.network.model.proto)
        return {
            **default_attributes(source.op_type, source.domain, opset),
            **attributes(source),
        }

    @cached_property
    def _sources(self) -> dict[str, NodeProto]:
        return {o: n for n in self.network.model.proto.graph.node for o in n.output}


@dataclass(frozen=True)
class Difference:
    """A region with what it computes.

    Attributes:
        a, b: the region in both files.
        value_a, value_b: what its ends compute, the axes in B's order; None where nothing fits.
        shape_a, shape_b: the sizes of the ends, [N, *item].
        pairs: the tensors of both files that are equal.
    """

    a: Side
    b: Side
    value_a: Array | None
    value_b: Array | None
    shape_a: tuple[int, ...]
    shape_b: tuple[int, ...]
    pairs: tuple[Pair, ...] = ()

    @classmethod
    def of(
        cls, region: Region, a: Activations, b: Activations, pairs: Sequence[Pair] = ()
    ) -> Difference:
        """The region in what both files compute, B as it is before the region is repaired."""
        value_a = value_b = None
        if region.order is not None:
            value_a = ordered(a[region.a_end], region.order)
            value_b = squeezed(b[region.b_end])
        return cls(
            Side(a, region.a_tensors, region.a_moves),
            Side(b, region.b_tensors, region.b_moves),
            value_a,
            value_b,
            a[region.a_end].shape,
            b[region.b_end].shape,
            tuple(pairs),
        )


def _once(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    return list({id(node): node for node in nodes}.values())
