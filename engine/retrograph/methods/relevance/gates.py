"""Which factor of a product is a gate: a sigmoid of something, as in squeeze-and-excitation."""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, NodeProto
from retrograph.ir.op_traits import MOVES
from retrograph.vjp.registry import Node

_GATES = {"Sigmoid", "HardSigmoid"}
_MOVES = MOVES | {"Expand", "Resize", "Cast"}
_SCALES = {"Mul", "Div"}


def signal_of(graph: Graph, node: Node) -> int | None:
    """The place of the factor that a gate is held to; None where the node is no such product."""
    if node.parts or len(node.wanted) != 2:
        return None
    return _signal(graph, node.domain, node.op, [t.name for t in node.inputs if t is not None])


def is_gated(graph: Graph, node: NodeProto) -> bool:
    """Whether a node is a product of a signal and a gate."""
    return _signal(graph, node.domain, node.op_type, node.input) is not None


def _signal(graph: Graph, domain: str, op: str, names: Sequence[str]) -> int | None:
    if op != "Mul" or domain not in STANDARD_DOMAINS:
        return None
    gates = [_is_gate(graph, name) for name in names]
    return gates.index(False) if any(gates) and not all(gates) else None


def _is_gate(graph: Graph, name: str) -> bool:
    node = graph.producer.get(name)
    while node is not None:
        constant = [i for i, other in enumerate(node.input) if other in graph.constants]
        if node.op_type in _MOVES or (node.op_type in _SCALES and constant == [1]):
            node = graph.producer.get(node.input[0])
        elif node.op_type in _SCALES and constant == [0] and node.op_type == "Mul":
            node = graph.producer.get(node.input[1])
        else:
            return node.op_type in _GATES or _is_hard_sigmoid(graph, node)
    return False


def _is_hard_sigmoid(graph: Graph, node: NodeProto) -> bool:
    """A Clip from 0 to a bound that is no ReLU6: Clip(x + 3, 0, 6)"""
    if node.op_type != "Clip" or node.name in graph.relu_like or len(node.input) < 3:
        return False
    low, high = (graph.value(name) if name else None for name in node.input[1:])
    return low is not None and high is not None and not low.any()
