"""A max(x, 0) that is no ReLU: a guard of a square root, or a piece of another activation."""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.op_traits import MOVES

_FAR = 12
_MOVING = MOVES | {"Expand", "Cast"}
_LINEAR = {"Add", "Sub", "Mul", "Div", "Neg", "Identity", "Cast", "Transpose"}
_BENT = {"Exp", "Log", "Abs", "Min", "Max", "Relu", "Clip", "Elu", "Softplus", "Tanh", "Sigmoid"}


def is_guard(graph: Graph, name: str, reach: int = _FAR) -> bool:
    """Whether a tensor is only kept from being negative for a root, as Flax does a variance.

    The root is looked for among the next `reach` nodes.
    """
    for node in graph.consumers.get(name, ()):
        shifts = node.op_type == "Add" and any(other in graph.constants for other in node.input)
        if shifts or node.op_type in _MOVING:
            if not reach or not is_guard(graph, node.output[0], reach - 1):
                return False
        elif node.op_type not in ("Sqrt", "Shape") and not _is_root(graph, node, name):
            return False
    return name in graph.consumers and name not in graph.output_names()


def _is_root(graph: Graph, node: NodeProto, name: str) -> bool:
    power = graph.value(node.input[1]) if node.op_type == "Pow" else None
    if power is None or power.size != 1 or node.input[0] != name:
        return False
    return abs(float(power.item())) == 0.5


def is_piece(graph: Graph, node: NodeProto) -> bool:
    """Whether max(x, 0) is added to what the negative half of x makes, for a bent curve of x.

    JAX writes softplus as max(x, 0) + log(1 + exp(-|x|)), celu as max(x, 0) + f(min(x, 0)), Keras
    PReLU as max(x, 0) - a * max(-x, 0).
    """
    name, roots = node.output[0], _straight(graph, node.input[0])
    for _ in range(_FAR):
        reader = graph.sole_consumer(name)
        if reader is None or reader.op_type not in _LINEAR:
            return False
        varying = [other for other in reader.input if other and other not in graph.constants]
        if len(varying) == 2 and reader.op_type in ("Add", "Sub"):
            other = varying[1] if varying[0] == name else varying[0]
            return other != name and _bends(graph, other, roots)
        if len(varying) != 1:
            return False
        name = reader.output[0]
    return False


def _straight(graph: Graph, name: str) -> set[str]:
    """A tensor, and those that it is a straight line of."""
    found = {name}
    for _ in range(_FAR):
        node = graph.producer.get(name)
        source = _source(graph, node) if node is not None and node.op_type in _LINEAR else None
        if source is None:
            break
        name = source
        found.add(name)
    return found


def _bends(graph: Graph, name: str, roots: set[str]) -> bool:
    """Whether a tensor is a curve of one of the roots alone, element by element."""
    bent = False
    for _ in range(_FAR):
        if name in roots:
            return bent
        node = graph.producer.get(name)
        if node is None or node.op_type not in _LINEAR | _BENT:
            return False
        bent = bent or node.op_type in _BENT
        source = _source(graph, node)
        if source is None:
            return False
        name = source
    return False


def _source(graph: Graph, node: NodeProto) -> str | None:
    """What an operator of one variable reads; None where several vary."""
    varying = [name for name in node.input if name and name not in graph.constants]
    return varying[0] if len(varying) == 1 and node.domain in STANDARD_DOMAINS else None
