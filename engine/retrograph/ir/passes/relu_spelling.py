"""The spellings of ReLU, made one, and what a guided rule treats as ReLU.

Exporters write max(x, 0) as Max, Where, Mul by a mask, ThresholdedRelu or a LeakyRelu without a
leak, and ReLU6 as Min of Max. Each becomes Relu or Clip, in place, with the same output tensor. A
Clip or Relu that is the inside of a hard sigmoid is none.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes
from retrograph.ir.op_traits import SIGN_KEEPING
from retrograph.ir.patterns.relu_guards import is_guard, is_piece

_JOINING = {"Concat", "Mul", "Div", "Add"}


def unify(graph: Graph) -> bool:
    """Rewrite every spelling of ReLU and ReLU6 to Relu or Clip, in place; True if there was any.

    Outputs stay equal.
    """
    changed = False
    for respell in (_as_relu, _as_clip):
        changed |= graph.replace_nodes([respell(graph, node) or node for node in graph.nodes])
    return changed


def _as_relu(graph: Graph, node: NodeProto) -> NodeProto | None:
    if node.domain not in STANDARD_DOMAINS:
        return None
    spelling = _RELU_SPELLINGS.get(node.op_type)
    x = None if spelling is None else spelling(graph, node)
    if x is None or not _alike(graph, x, node.output[0]):
        return None
    return helper.make_node("Relu", [x], node.output, name=node.name)


def _alike(graph: Graph, x: str, y: str) -> bool:
    """Whether y, computed from x, is floating point and no wider than x."""
    source, result = graph.tensor(x), graph.tensor(y)
    if source is None or result is None or not result.is_float:
        return False
    if source.shape is None or result.shape is None:
        return True
    return len(source.shape) == len(result.shape) and all(
        a == b or not (isinstance(a, int) or isinstance(b, int))
        for a, b in zip(source.shape, result.shape, strict=True)
    )


def _both_ways(node: NodeProto) -> list[tuple[str, str]]:
    a, b = node.input
    return [(a, b), (b, a)]


def _from_max(graph: Graph, node: NodeProto) -> str | None:
    """Max(x, 0)"""
    if len(node.input) != 2:
        return None
    for x, bound in _both_ways(node):
        if _is_scalar(graph, bound, 0.0) and x not in graph.constants:
            return x
    return None


def _from_where(graph: Graph, node: NodeProto) -> str | None:
    """Where(x > 0, x, 0)"""
    condition, other = node.input[0], node.input[2]
    x: str = node.input[1]
    return x if _is_scalar(graph, other, 0.0) and _positive(graph, condition) == x else None


def _from_mul(graph: Graph, node: NodeProto) -> str | None:
    """x * Cast(x > 0)"""
    for x, mask in _both_ways(node):
        cast = graph.producer.get(mask)
        if cast is not None and cast.op_type == "Cast" and _positive(graph, cast.input[0]) == x:
            return x
    return None


def _from_threshold(graph: Graph, node: NodeProto) -> str | None:
    return _first_if(node, attributes(node).get("alpha", 1.0) == 0.0)


def _from_leaky(graph: Graph, node: NodeProto) -> str | None:
    return _first_if(node, attributes(node).get("alpha", 0.01) == 0.0)


def _from_prelu(graph: Graph, node: NodeProto) -> str | None:
    slope = graph.value(node.input[1])
    return _first_if(node, slope is not None and not slope.any())


def _first_if(node: NodeProto, is_relu: bool) -> str | None:
    x: str = node.input[0]
    return x if is_relu else None


_RELU_SPELLINGS: dict[str, Callable[[Graph, NodeProto], str | None]] = {
    "Max": _from_max,
    "Where": _from_where,
    "Mul": _from_mul,
    "ThresholdedRelu": _from_threshold,
    "LeakyRelu": _from_leaky,
    "PRelu": _from_prelu,
}


def _positive(graph: Graph, condition: str) -> str | None:
    """The x of a condition x > 0, x >= 0, 0 < x, 0 <= x or not (x <= 0)."""
    test = graph.producer.get(condition)
    if test is None:
        return None
    if test.op_type == "Not":
        inner = graph.producer.get(test.input[0])
        return _compared(graph, inner, ("Less", "LessOrEqual"), ("Greater", "GreaterOrEqual"))
    return _compared(graph, test, ("Greater", "GreaterOrEqual"), ("Less", "LessOrEqual"))


def _compared(
    graph: Graph, test: NodeProto | None, above: tuple[str, ...], below: tuple[str, ...]
) -> str | None:
    if test is None or test.op_type not in above + below:
        return None
    left: str = test.input[0]
    right: str = test.input[1]
    x, bound = (left, right) if test.op_type in above else (right, left)
    return x if _is_scalar(graph, bound, 0.0) else None


def _as_clip(graph: Graph, node: NodeProto) -> NodeProto | None:
    """Clip(x, 0, c) for min(relu(x), c) and for relu(min(x, c))."""
    inner = graph.producer.get(node.input[0] if node.input else "")
    bound = _upper_bound(graph, node)
    if bound is not None:
        x, upper = bound
        inner = graph.producer.get(x)
        if inner is None or inner.op_type != "Relu":
            return None
        return _clip(graph, node, inner.input[0], upper)
    if node.op_type == "Relu" and inner is not None:
        bound = _upper_bound(graph, inner)
        return None if bound is None else _clip(graph, node, *bound)
    return None


def _clip(graph: Graph, node: NodeProto, x: str, upper: str) -> NodeProto | None:
    if not _alike(graph, x, node.output[0]):
        return None
    bound = graph.value(upper)
    assert bound is not None
    low, high = (
        graph.add_constant(np.asarray(value, bound.dtype), f"{node.output[0]}/{hint}")
        for value, hint in ((0.0, "min"), (bound.item(), "max"))
    )
    return helper.make_node("Clip", [x, low, high], node.output, name=node.name)


def _upper_bound(graph: Graph, node: NodeProto) -> tuple[str, str] | None:
    """(x, bound) of Min(x, bound) or Clip(x, max=bound) with a positive constant bound."""
    if node.op_type == "Min" and len(node.input) == 2:
        pairs = _both_ways(node)
    elif node.op_type == "Clip" and len(node.input) == 3 and not node.input[1]:
        pairs = [(node.input[0], node.input[2])]
    else:
        return None
    for x, bound in pairs:
        value = _scalar(graph, bound)
        if value is not None and value > 0:
            return x, bound
    return None


def open_below(graph: Graph) -> bool:
    """Take the lower bound from the Clip of a quantiser of what is never negative, in place.

    It cuts nothing off there, and a ReLU's zeros would count as cut off by it. True if there was
    any.
    """
    return graph.replace_nodes(
        [_open(node) if _cuts_nothing_below(graph, node) else node for node in graph.nodes]
    )


def _open(clip: NodeProto) -> NodeProto:
    inputs = [clip.input[0], "", clip.input[2]]
    return helper.make_node("Clip", inputs, clip.output, name=clip.name)


def _cuts_nothing_below(graph: Graph, node: NodeProto) -> bool:
    rounded = _rounded(graph, node.input[0]) if node.op_type == "Clip" else None
    low = _scalar(graph, node.input[1]) if len(node.input) > 2 else None
    if rounded is None or low is None or not node.input[2]:
        return False
    name, zero = rounded
    return low <= zero and is_nonnegative(graph, name)


def relu_like(graph: Graph) -> set[str]:
    """The names of the nodes that a ReLU rule treats, in a canonical graph.

    Relu and Clip from 0. Not a Clip that is the inside of a hard sigmoid, and of the clips of a
    quantiser only those that cut negative numbers off, since quantisers drop the ReLU before them;
    the quantiser of an input, whose numbers are not negative, is none.
    """
    return {node.name for node in graph.nodes if _is_relu(graph, node)}


def _is_relu(graph: Graph, node: NodeProto) -> bool:
    if node.op_type in ("Relu", "Clip") and _is_no_activation(graph, node):
        return False
    if node.domain not in STANDARD_DOMAINS or node.op_type != "Clip":
        return node.domain in STANDARD_DOMAINS and node.op_type == "Relu"
    low = _scalar(graph, node.input[1]) if len(node.input) > 1 else None
    high = _scalar(graph, node.input[2]) if len(node.input) > 2 else None
    rounded = _rounded(graph, node.input[0])
    if rounded is not None:
        name, zero = rounded
        return low == zero and not (is_nonnegative(graph, name) or _is_input(graph, name))
    return low == 0.0 and not (high is not None and _is_hard_sigmoid(graph, node, high))


def _is_input(graph: Graph, name: str) -> bool:
    """Whether a tensor is an input, scaled or moved: nobody has dropped a ReLU before it."""
    while (node := graph.producer.get(name)) is not None:
        varying = [n for n in node.input if n and n not in graph.constants]
        if node.op_type not in SIGN_KEEPING | {"Sub", "Cast"} or len(varying) != 1:
            return False
        name = varying[0]
    return name in graph.input_names()


def _rounded(graph: Graph, name: str) -> tuple[str, float] | None:
    """What a tensor is the rounding of, with the zero point that was added; None if of nothing."""
    zero = 0.0
    while (node := graph.producer.get(name)) is not None:
        if node.name in graph.straight_through:
            return name, zero
        shifts = [v for v in map(partial(_scalar, graph), node.input) if v is not None]
        if node.op_type not in ("Add", "Sub") or len(shifts) != 1:
            return None
        if node.op_type == "Sub" and node.input[0] in graph.constants:
            return None
        zero += shifts[0] if node.op_type == "Add" else -shifts[0]
        name = next(n for n in node.input if n not in graph.constants)
    return None


def _is_no_activation(graph: Graph, node: NodeProto) -> bool:
    return is_guard(graph, node.output[0]) or is_piece(graph, node)


def _is_hard_sigmoid(graph: Graph, node: NodeProto, high: float) -> bool:
    """Clip(x + c, 0, 2 c): the clip of a hard sigmoid, which is symmetric about x = 0."""
    shift = graph.producer.get(node.input[0])
    if shift is None or shift.op_type not in ("Add", "Sub"):
        return False
    constants = [_scalar(graph, name) for name in shift.input]
    return any(c is not None and abs(abs(c) - high / 2) <= 1e-3 * high for c in constants)


def is_nonnegative(graph: Graph, name: str) -> bool:
    """Whether a tensor cannot be negative, as far as its producers tell."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        node = graph.producer.get(current)
        if node is None:
            value = graph.value(current)
            if value is None or not (value >= 0).all():
                return False
        elif node.op_type in SIGN_KEEPING or _is_cut_above(graph, node):
            waiting.extend(_kept_from(node))
        elif not _makes_nonnegative(graph, node):
            return False
    return True


def _is_cut_above(graph: Graph, node: NodeProto) -> bool:
    """Whether a node is Clip(x, max=c) with c not negative."""
    if node.op_type != "Clip" or len(node.input) < 3 or node.input[1]:
        return False
    high = _scalar(graph, node.input[2])
    return high is not None and high >= 0


def _kept_from(node: NodeProto) -> list[str]:
    """The tensors that the sign of what a node makes comes from."""
    if node.op_type in _JOINING:
        return list(node.input)
    fills = node.op_type == "Pad" and attributes(node).get("mode", "constant") == "constant"
    return [*node.input[:1], *filter(None, node.input[2:3] if fills else [])]


def _makes_nonnegative(graph: Graph, node: NodeProto) -> bool:
    if node.op_type == "Clip":
        low = _scalar(graph, node.input[1]) if len(node.input) > 1 else None
        return low is not None and low >= 0
    return node.op_type in ("Relu", "Softmax", "Sigmoid", "HardSigmoid")


def _scalar(graph: Graph, name: str) -> float | None:
    value = graph.value(name) if name else None
    return float(value.item()) if value is not None and value.size == 1 else None


def _is_scalar(graph: Graph, name: str, wanted: float) -> bool:
    """Whether a tensor is the constant `wanted`, alone or in every element."""
    value = graph.value(name) if name else None
    if value is None or value.size == 0 or value.dtype == object:
        return False
    return bool((value == wanted).all())
