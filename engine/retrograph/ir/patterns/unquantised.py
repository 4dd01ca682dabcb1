"""A graph as it would be without quantisation: what functions are made of, seen between quantisers.

A quantiser is a Round, or what else rounds and passes the cotangent straight through, what limits
it to the range of its type, and the scale that it is divided by before and multiplied with behind.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.op_traits import MOVES
from retrograph.ir.patterns.order_preserving import number

_ROUNDINGS = {"Round", "Floor", "Ceil"}
_LIMITS = {"Clip", "Max", "Min"}
_MOVING = MOVES | {"Slice"}


def rounded_by(graph: Graph, node: NodeProto) -> str | None:
    """The tensor that a quantiser's node rounds; None where a node is no such rounding.

    A truncation is Where(x < 0, Ceil(x), Floor(x)).
    """
    if node.domain not in STANDARD_DOMAINS:
        return None
    passes = node.op_type in _ROUNDINGS and node.name in graph.straight_through
    if passes or node.op_type == "Round":
        return str(node.input[0])
    if node.op_type != "Where":
        return None
    makers = [graph.producer.get(name) for name in node.input[1:]]
    sources = {None if maker is None else _source(graph, maker) for maker in makers}
    return sources.pop() if len(sources) == 1 else None


def _source(graph: Graph, node: NodeProto) -> str | None:
    return rounded_by(graph, node) if node.op_type in _ROUNDINGS else None


def unquantised(graph: Graph) -> Graph:
    """The graph with an Identity for each node of a quantiser; names of nodes and tensors stay."""
    if "unquantised" not in graph.memo:
        graph.memo["unquantised"] = _unquantised(graph)
    smooth: Graph = graph.memo["unquantised"]
    return smooth


def _unquantised(graph: Graph) -> Graph:
    sources: dict[str, str] = {}
    for node in graph.nodes:
        source = rounded_by(graph, node)
        if source is not None:
            sources[str(node.output[0])] = source
            sources |= _limits(graph, str(node.output[0]))
    for node in graph.nodes:
        if node.output and node.output[0] in sources and rounded_by(graph, node) is not None:
            sources |= _scales(graph, node, sources)
    if not sources:
        return graph
    smooth = graph.copy()
    smooth.nodes = [_passed(node, sources) for node in graph.nodes]
    smooth.relu_like = {
        node.name for node in smooth.nodes if node.name in graph.relu_like and not _is_same(node)
    }
    smooth.index()
    return smooth


def _passed(node: NodeProto, sources: dict[str, str]) -> NodeProto:
    source = sources.get(node.output[0]) if node.output else None
    if source is None:
        return node
    return helper.make_node("Identity", [source], node.output[:1], name=node.name)


def _is_same(node: NodeProto) -> bool:
    return node.op_type == "Identity"


def _limits(graph: Graph, name: str) -> Iterator[tuple[str, str]]:
    """What limits a rounded tensor to the range of its type, each with what it limits."""
    for node in graph.consumers.get(name, []):
        if node.domain in STANDARD_DOMAINS and _limited(graph, node) == name:
            end = str(node.output[0])
            yield end, name
            yield from _limits(graph, end)


def _limited(graph: Graph, node: NodeProto) -> str | None:
    """The first operand of a Clip, the one that is no bound of a Max or Min, x of x - (x > top)."""
    if node.op_type == "Clip":
        return str(node.input[0])
    if node.op_type in _LIMITS and len(node.input) == 2:
        bounds = [name for name in node.input if _is_bound(graph, name)]
        return next(n for n in node.input if n not in bounds) if len(bounds) == 1 else None
    return _less_a_step(graph, node) if node.op_type == "Sub" else None


def _is_bound(graph: Graph, name: str) -> bool:
    """Whether a tensor is a single number, constant or computed of a zero point."""
    tensor = graph.tensor(name)
    single = tensor is not None and tensor.shape in ((), (1,))
    return single or number(graph, name) is not None


def _less_a_step(graph: Graph, node: NodeProto) -> str | None:
    """x of x - Cast(x > top), as DynamicQuantizeLinear takes off what is above its range."""
    cast = graph.producer.get(node.input[1])
    above = None if cast is None or cast.op_type != "Cast" else graph.producer.get(cast.input[0])
    if above is None or above.op_type != "Greater" or above.input[0] != node.input[0]:
        return None
    return str(node.input[0])


def _scales(graph: Graph, node: NodeProto, sources: dict[str, str]) -> dict[str, str]:
    """What scales a tensor before it is rounded, and what scales it back behind, each with what it
    scales; nothing where they do not cancel out."""
    first = graph.producer.get(sources[node.output[0]])
    if first is None or first.op_type not in ("Div", "Mul") or first.input[0] in graph.constants:
        return {}
    scaled, waiting = dict[str, str](), [str(node.output[0])]
    while waiting:
        name = waiting.pop()
        for reader in graph.consumers.get(name, []):
            end = str(reader.output[0])
            if reader.input[0] == name and _cancel_out(graph, first, reader):
                scaled[end] = name
            elif sources.get(end) == name or reader.op_type in _MOVING:
                waiting.append(end)
            elif reader.op_type not in ("Greater", "Less", "Where"):  # parts of a limit, a rounding
                return {}
    return {**scaled, str(first.output[0]): str(first.input[0])}


def _cancel_out(graph: Graph, first: NodeProto, last: NodeProto) -> bool:
    """Whether a product and a quotient give back what they are taken of."""
    if last.op_type not in ("Div", "Mul"):
        return False
    opposite = first.op_type != last.op_type
    if opposite and first.input[1] == last.input[1]:
        return True
    a, b = graph.value(first.input[1]), graph.value(last.input[1])
    if a is None or b is None or a.shape != b.shape:
        return False
    x, y = a.astype(np.float64), b.astype(np.float64)
    return bool(np.allclose(x, y, atol=0) if opposite else np.allclose(x * y, 1))
