"""The table of old operator forms and how each is rewritten to a modern one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import Array, Graph, attributes

FLOOR = 18
"""The opset that rules are written for; a newer model keeps its own."""

ANY = 10**6
"""Later than any opset: a form that is rewritten in every version."""


class Attributes(dict[str, Any]):
    """The attributes of a node; one that the node must have and has not cannot be rewritten."""

    def __missing__(self, key: str) -> Any:
        raise NoRewriting(f"has no attribute {key}, which its opset demands")


Adapter = Callable[[Graph, NodeProto, Attributes], list[NodeProto]]

_ADAPTERS: dict[str, list[tuple[int, Adapter]]] = {}


class NoRewriting(Exception):
    """An old form cannot be brought to a modern one; the text says why."""


def before(opset: int, *ops: str) -> Callable[[Adapter], Adapter]:
    """Declare how these operators are rewritten where the model's opset is below `opset`."""

    def declare(adapter: Adapter) -> Adapter:
        for op in ops:
            _ADAPTERS.setdefault(op, []).append((opset, adapter))
            _ADAPTERS[op].sort(key=lambda entry: entry[0])
        return adapter

    return declare


def adapt(graph: Graph, node: NodeProto) -> list[NodeProto]:
    """The modern form of a node.

    Raises:
        NoRewriting: it has none.
    """
    for opset, adapter in _ADAPTERS.get(node.op_type, []):
        if graph.opset < opset:
            return adapter(graph, node, Attributes(attributes(node)))
    return [node]


def rewritten_operators() -> dict[str, int]:
    """Every operator with a rewriting, and the opset below which it has one."""
    return {op: entries[-1][0] for op, entries in _ADAPTERS.items()}


def in_place(old: NodeProto, op: str, inputs: list[str], **attrs: Any) -> NodeProto:
    """A node in the place of `old`: its name and outputs."""
    return helper.make_node(op, inputs, list(old.output), name=old.name, **attrs)


def ints(graph: Graph, node: NodeProto, hint: str, values: Any) -> str:
    """An int64 constant beside a node."""
    return graph.add_constant(np.asarray(values, np.int64), f"{node.output[0]}/{hint}")


def number(graph: Graph, node: NodeProto, hint: str, value: float | Array) -> str:
    """A constant in the type of the first input."""
    source = graph.tensor(node.input[0])
    dtype = source.dtype if source is not None else np.dtype(np.float32)
    return graph.add_constant(np.asarray(value, dtype), f"{node.output[0]}/{hint}")
