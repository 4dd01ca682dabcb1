"""A builder for definitions: it names the nodes and constants that take a node's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import Array, DType, Graph, Tensor, attributes, default_attributes
from retrograph.ir.passes.expand.registry import NoDefinition

FLOAT32 = np.dtype(np.float32)


class Steps:
    """The nodes that take the place of one node.

    Attributes:
        graph, node: where, and what is replaced.
        attrs: the node's attributes, those left out at their defaults.
        nodes: what was added so far.
    """

    def __init__(self, graph: Graph, node: NodeProto) -> None:
        self.graph, self.node = graph, node
        defaults = default_attributes(node.op_type, node.domain, graph.opset)
        self.attrs: dict[str, Any] = {**defaults, **attributes(node)}
        self.nodes: list[NodeProto] = []

    def has(self, i: int) -> bool:
        """Whether the optional input `i` is given."""
        return i < len(self.node.input) and bool(self.node.input[i])

    def input(self, i: int) -> str:
        """The name of input `i`; "" if it is left out."""
        return str(self.node.input[i]) if self.has(i) else ""

    def wants(self, i: int) -> bool:
        """Whether the optional output `i` is given."""
        return i < len(self.node.output) and bool(self.node.output[i])

    def tensor(self, i: int) -> Tensor:
        """Input `i` with its type.

        Raises:
            NoDefinition: the type is not known.
        """
        tensor = self.graph.tensor(self.input(i))
        if tensor is None:
            raise NoDefinition(f"the type of '{self.input(i)}' is not known")
        return tensor

    def rank(self, i: int) -> int:
        """The rank of input `i`.

        Raises:
            NoDefinition: it is not known.
        """
        rank = self.tensor(i).rank
        if rank is None:
            raise NoDefinition(f"the rank of '{self.input(i)}' is not known")
        return rank

    @property
    def dtype(self) -> DType:
        """The type of the first input; float32 where it is not known."""
        tensor = self.graph.tensor(self.input(0))
        return tensor.dtype if tensor is not None else FLOAT32

    def add(self, op: str, *inputs: str, **attrs: Any) -> str:
        """One node; the name of its output."""
        return self.add_many(op, *inputs, count=1, **attrs)[0]

    def add_many(self, op: str, *inputs: str, count: int, **attrs: Any) -> list[str]:
        """One node with `count` outputs; their names."""
        outputs = [self.graph.fresh(f"{self.node.name}/{op}") for _ in range(count)]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], **attrs))
        return outputs

    def number(self, value: float | Array, dtype: DType | None = None) -> str:
        """A constant, of the first input's type unless `dtype` is given."""
        return self.graph.add_constant(np.asarray(value, dtype or self.dtype), self.node.name)

    def ints(self, values: int | Sequence[int] | Array) -> str:
        """An int64 constant."""
        return self.graph.add_constant(np.asarray(values, np.int64), self.node.name)

    def finish(self, *outputs: str) -> list[NodeProto]:
        """All nodes, with these tensors given out as the outputs of the replaced node.

        The node that makes the first of them takes the replaced node's name.
        """
        for wanted, made in zip(self.node.output, outputs, strict=False):
            if wanted:
                self._give(made, wanted)
        given = next(filter(None, self.node.output))
        first = next(n for n in self.nodes if given in n.output)
        first.name = self.node.name
        return self.nodes

    def _give(self, made: str, wanted: str) -> None:
        for node in self.nodes:
            if made in node.output:
                ends = [node.output, *(n.input for n in self.nodes)]
                break
        else:
            self.nodes.append(helper.make_node("Identity", [made], [wanted], name=wanted))
            return
        for names in ends:
            for i, name in enumerate(names):
                if name == made:
                    names[i] = wanted
