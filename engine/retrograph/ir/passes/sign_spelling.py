"""The spellings of a binarised network's Sign, made one.

Frameworks write it as Where(x >= 0, 1, -1), or 2 * Cast(x > 0) - 1, so that 0 counts as a side.
Each becomes c * Sign(Sign(x - t) + 0.5), or - 0.5, with the same values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, DType, Graph, attributes, is_float

_SIDES = {
    "Greater": (True, False),
    "GreaterOrEqual": (True, True),
    "Less": (False, False),
    "LessOrEqual": (False, True),
}
"""Whether a comparison holds above its bound, and at it."""
_MOST_STEPS = 3


@dataclass(frozen=True)
class _Test:
    """x compared with a constant bound: whether it holds above it, and at it."""

    x: str
    bound: str
    above: bool
    at: bool


def unify(graph: Graph) -> bool:
    """Rewrite every spelling of Sign, in place; True if there was any. The values stay."""
    spelled: dict[str, list[NodeProto]] = {}
    for node in graph.nodes:
        found = _respelled(graph, node)
        if found is not None:
            spelled[found[-1].output[0]] = found
    return graph.replace_nodes(
        [
            new
            for node in graph.nodes
            for new in spelled.get(node.output[0] if node.output else "", [node])
        ]
    )


def _respelled(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    """The nodes in the place of the last one of a spelling that begins with a node."""
    start = _start(graph, node)
    if start is None:
        return None
    test, holds, fails = start
    last = node
    for _ in range(_MOST_STEPS):
        if holds == -fails and holds != 0:
            return _signs(graph, last, test, holds if test.above else fails)
        following = graph.sole_consumer(last.output[0])
        changed = None if following is None else _affine(graph, following, last, holds, fails)
        if following is None or changed is None:
            return None
        last, (holds, fails) = following, changed
    return None


def _start(graph: Graph, node: NodeProto) -> tuple[_Test, float, float] | None:
    """The test and what follows where it holds and where it fails."""
    if node.domain not in STANDARD_DOMAINS:
        return None
    if node.op_type == "Where":
        test, ends = _test(graph, node.input[0]), [_number(graph, n) for n in node.input[1:]]
        if test is None or ends[0] is None or ends[1] is None:
            return None
        return test, ends[0], ends[1]
    if node.op_type == "Cast" and is_float(helper.tensor_dtype_to_np_dtype(attributes(node)["to"])):
        test = _test(graph, node.input[0])
        return None if test is None else (test, 1.0, 0.0)
    return None


def _test(graph: Graph, name: str) -> _Test | None:
    node = graph.producer.get(name)
    if node is not None and node.op_type == "Not":
        inner = _test(graph, node.input[0])
        return None if inner is None else _Test(inner.x, inner.bound, not inner.above, not inner.at)
    if node is None or node.op_type not in _SIDES or node.domain not in STANDARD_DOMAINS:
        return None
    above, at = _SIDES[node.op_type]
    a, b = map(str, node.input)
    if a in graph.constants:
        a, b, above = b, a, not above
    x = graph.tensor(a)
    if b not in graph.constants or a in graph.constants or x is None or not x.is_float:
        return None
    return _Test(a, b, above, at)


def _affine(
    graph: Graph, node: NodeProto, last: NodeProto, holds: float, fails: float
) -> tuple[float, float] | None:
    """The two numbers after a product, sum or difference with a constant."""
    if node.op_type not in ("Mul", "Add", "Sub") or node.domain not in STANDARD_DOMAINS:
        return None
    first = node.input[0] == last.output[0]
    factor = _number(graph, node.input[1 if first else 0])
    if factor is None:
        return None
    if node.op_type == "Mul":
        return holds * factor, fails * factor
    if node.op_type == "Add":
        return holds + factor, fails + factor
    return (holds - factor, fails - factor) if first else (factor - holds, factor - fails)


def _signs(graph: Graph, last: NodeProto, test: _Test, above: float) -> list[NodeProto] | None:
    """above * Sign(Sign(x - bound) + c), where c says to which side the bound itself belongs"""
    x, y = graph.tensor(test.x), graph.tensor(last.output[0])
    if x is None or y is None or x.shape is None or x.shape != y.shape:
        return None
    prefix, nodes = f"{last.name}/sign", list[NodeProto]()

    def add(op: str, *inputs: str, output: str = "", **attrs: Any) -> str:
        made = output or graph.fresh(prefix)
        name = last.name if output else made
        nodes.append(helper.make_node(op, inputs, [made], name, **attrs))
        return made

    def number(value: float, dtype: DType) -> str:
        return graph.add_constant(np.asarray(value, dtype), prefix)

    bound = graph.value(test.bound)
    moved = test.x if bound is None or not bound.any() else add("Sub", test.x, test.bound)
    side = 0.5 if test.at == test.above else -0.5
    sign = add("Sign", add("Add", add("Sign", moved), number(side, x.dtype)))
    if y.dtype != x.dtype:
        sign = add("Cast", sign, to=int(helper.np_dtype_to_tensor_dtype(y.dtype)))
    add("Mul", sign, number(above, y.dtype), output=str(last.output[0]))
    return nodes


def _number(graph: Graph, name: str) -> float | None:
    """The number that a constant is in every place."""
    value = graph.value(name) if name else None
    if value is None or value.size == 0 or value.dtype == object:
        return None
    return float(value.flat[0]) if (value == value.flat[0]).all() else None
