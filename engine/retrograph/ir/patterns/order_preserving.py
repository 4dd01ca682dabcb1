"""What keeps the order of numbers: what moves them, or makes each grow by the same function."""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes
from retrograph.ir.op_traits import GROWING, MOVES
from retrograph.ir.tensor_data import SMALL

_ONE_BY_ONE = {"Add", "Cast", "Clip", "Div", "Dropout", "Exp", "Identity", "Log", "Max", "Min"}
_ONE_BY_ONE |= {"Mul", "Pow", "Round", "Sqrt", "Sub"}


def before(graph: Graph, name: str) -> str | None:
    """The tensor before one whose numbers are in the same order; None where there is none.

    What grows with each number alone, the same for all, keeps the order; so does what moves them,
    and what takes the greatest of the classes keeps the most active one.
    """
    node = graph.producer.get(name)
    if node is None or node.domain not in STANDARD_DOMAINS or not node.input:
        return None
    return _moved(graph, node) or _grown(graph, node) or _greatest(graph, node)


def taken_from(graph: Graph, name: str) -> list[str]:
    """The tensors of which a tensor's numbers are taken, shifted or scaled."""
    node = graph.producer.get(name)
    if node is None or node.domain not in STANDARD_DOMAINS or not node.input:
        return []
    if node.op_type == "Concat":
        return list(node.input)
    is_scaled = node.op_type in ("Sub", "Mul", "Div") and any(
        n in graph.constants for n in node.input
    )
    if is_scaled or node.op_type in _TAKING:
        return [n for n in node.input if n and n not in graph.constants]
    earlier = before(graph, name)
    return [] if earlier is None else [earlier]


def transposed_by(node: NodeProto, perm: Sequence[int] | None) -> Sequence[int] | None:
    """What moves the axes through a node and then through others; None where that is not known."""
    if node.op_type == "Transpose" and perm is not None:
        own = attributes(node).get("perm")
        return [own[axis] for axis in perm] if perm and own else own
    return perm if node.op_type in _ONE_BY_ONE else None


_PLAIN_MOVES = MOVES | {"Dropout"}


def _moved(graph: Graph, node: NodeProto) -> str | None:
    """What a node only moves."""
    x = str(node.input[0])
    if x in graph.constants:
        return None
    if node.op_type in _PLAIN_MOVES:
        return x
    source, made = graph.tensor(x), graph.tensor(node.output[0])
    if source is None or made is None:
        return None
    if node.op_type == "Cast":
        return x if source.is_float and made.is_float else None
    if node.op_type == "Concat":
        return x if len(node.input) == 1 else None
    if node.op_type == "Gather":
        return x if _takes_the_only_item(graph, node) else None
    whole = source.shape is not None and source.shape == made.shape and None not in source.shape
    return x if node.op_type in ("Expand", "Slice", "Tile") and whole else None


def _takes_the_only_item(graph: Graph, node: NodeProto) -> bool:
    """x[0] of a batch of one, as a Squeeze"""
    index, source = graph.value(node.input[1]), graph.tensor(node.input[0])
    if index is None or index.size != 1 or source is None or not source.shape:
        return False
    axis = int(attributes(node).get("axis", 0)) % len(source.shape)
    return source.shape[axis] == 1 or (axis == 0 and index.item() == 0)


_TAKING = {"Gather", "GatherElements", "GatherND", "Slice", "Split", "ReduceMax", "ReduceMin"}
_TAKING |= {"TopK", "MaxPool", "GlobalMaxPool", "Neg", "Expand", "Tile"}


def _greatest(graph: Graph, node: NodeProto) -> str | None:
    """The scores [N, C] of which a node takes the greatest."""
    source, attrs = graph.tensor(node.input[0]), attributes(node)
    if source is None or source.shape is None or len(source.shape) != 2:
        return None
    if node.op_type == "TopK":
        most = int(attrs.get("largest", 1)) == 1 and int(attrs.get("axis", -1)) in (1, -1)
        return str(node.input[0]) if most else None
    if node.op_type != "ReduceMax":
        return None
    axes = graph.value(node.input[1]) if len(node.input) > 1 else None
    given = attrs.get("axes", []) if axes is None else axes.tolist()
    return str(node.input[0]) if list(given) in ([1], [-1]) else None


def _grown(graph: Graph, node: NodeProto) -> str | None:
    """What a node makes grow, each number alone and by the same function."""
    op, x = node.op_type, str(node.input[0])
    if op in GROWING:
        return x
    if op == "Clip":
        bounds = [name for name in node.input[1:] if name]
        return x if all(number(graph, name) is not None for name in bounds) else None
    if op not in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow") or len(node.input) != 2:
        return None
    other = number(graph, node.input[1])
    if other is None and op in ("Add", "Mul", "Max", "Min"):
        x, other = str(node.input[1]), number(graph, node.input[0])
    if other is None or x in graph.constants:
        return None
    return x if other > 0 or op not in ("Mul", "Div", "Pow") else None


def number(graph: Graph, name: str) -> float | None:
    """The one number that a constant holds, as often as it is there."""
    proto = graph.constants.get(name)
    if proto is None or math.prod(proto.dims) > SMALL:
        return None
    value = graph.value(name)
    if value is None or not value.size or (value != value.flat[0]).any():
        return None
    return float(value.flat[0])
