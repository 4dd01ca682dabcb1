"""Local functions: how much they unfold to, known before they are."""

from __future__ import annotations

from onnx import FunctionProto, ModelProto, NodeProto

from retrograph.errors import InputError
from retrograph.ir.subgraphs import nodes_with_inner

_MOST_NODES = 250_000
_MOST_BYTES = 2**30
_DEEPEST = 100

_Key = tuple[str, str, str]


def check(model: ModelProto) -> None:
    """Refuse functions that call themselves, or unfold to more than can be worked with.

    A few lines may unfold to billions of nodes, and the inliner would follow a function that calls
    itself until the stack ends.

    Raises:
        InputError: the functions are such.
    """
    functions = {_key(f): f for f in model.functions}
    calls = {key: [_called(n) for n in nodes_with_inner(f.node)] for key, f in functions.items()}
    nodes, size, depth = _measure(functions, calls)
    total = sum(nodes.get(_called(n), 1) for n in nodes_with_inner(model.graph.node))
    weight = sum(size.get(_called(n), 0) for n in nodes_with_inner(model.graph.node))
    if total > _MOST_NODES or weight > _MOST_BYTES or max(depth.values(), default=0) > _DEEPEST:
        raise InputError(
            f"the model's local functions unfold to {total:.3g} operators, "
            f"{max(depth.values())} levels deep, more than can be worked with; "
            "export the model without functions, or a smaller one"
        )


def _measure(
    functions: dict[_Key, FunctionProto], calls: dict[_Key, list[_Key]]
) -> tuple[dict[_Key, int], dict[_Key, int], dict[_Key, int]]:
    """Of each function: how many nodes and bytes it unfolds to, how many levels of calls it has."""
    nodes: dict[_Key, int] = {}
    size: dict[_Key, int] = {}
    depth: dict[_Key, int] = {}
    for key in _callees_first(calls):
        inner = [callee for callee in calls[key] if callee in functions]
        nodes[key] = len(calls[key]) - len(inner) + sum(nodes[c] for c in inner)
        size[key] = functions[key].ByteSize() + sum(size[c] for c in inner)
        depth[key] = 1 + max((depth[c] for c in inner), default=0)
    return nodes, size, depth


def _callees_first(calls: dict[_Key, list[_Key]]) -> list[_Key]:
    """The functions, each after those that it calls.

    Raises:
        InputError: one calls itself, at once or through others.
    """
    waits = {key: {c for c in called if c in calls} for key, called in calls.items()}
    callers: dict[_Key, list[_Key]] = {}
    for key, needed in waits.items():
        for callee in needed:
            callers.setdefault(callee, []).append(key)
    ready = [key for key, needed in waits.items() if not needed]
    order: list[_Key] = []
    while ready:
        order.append(done := ready.pop())
        for key in callers.get(done, ()):
            waits[key].discard(done)
            if not waits[key]:
                ready.append(key)
    if len(order) < len(calls):
        name = next(key[1] for key in calls if key not in set(order))
        raise InputError(
            f"the model's local function '{name}' calls itself; the file is damaged: export it "
            "again"
        )
    return order


def _key(function: FunctionProto) -> _Key:
    return function.domain, function.name, getattr(function, "overload", "")


def _called(node: NodeProto) -> _Key:
    return node.domain, node.op_type, getattr(node, "overload", "")
