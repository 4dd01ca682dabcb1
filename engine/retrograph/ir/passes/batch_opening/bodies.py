"""If, Loop and Scan opened: the nodes of their bodies, and the states that they begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from onnx import NodeProto

from retrograph.ir.analysis.batch_axis import FREE, Place, follow_body
from retrograph.ir.graph import Graph, attributes, captured
from retrograph.ir.passes.batch_opening.operands import CannotOpen, Items, rows_for_items
from retrograph.ir.passes.bodies import bodies, states, written
from retrograph.ir.passes.expand.steps import Steps

OpenNode = Callable[[Items, NodeProto], list[NodeProto] | None]
"""Opens a node of a body; None where it stays as it is."""


def open_bodies(items: Items, node: NodeProto, open_node: OpenNode) -> list[NodeProto] | None:
    """A node whose bodies take any number of items; None where it does so already.

    Raises:
        CannotOpen: a node of a body cannot be opened, or a state that it begins with.
    """
    inner = bodies(items.graph, node)
    begun = _first_states(items, node)
    changed = [_open_body(items, node, body, open_node) for body in inner.values()]
    if not any(changed) and begun is None:
        return None
    *before, last = begun or [node]
    return [*before, written(items.graph, last, inner)]


def _open_body(items: Items, node: NodeProto, body: Graph, open_node: OpenNode) -> bool:
    batch = follow_body(body, _inputs(items, node, body))
    within = replace(items, graph=body, batch=batch)
    opened = [open_node(within, step) for step in body.nodes]
    pairs = zip(body.nodes, opened, strict=True)
    nodes = [one for step, new in pairs for one in ([step] if new is None else new)]
    return body.replace_nodes(nodes)


def _inputs(items: Items, node: NodeProto, body: Graph) -> dict[str, Place | None]:
    """Where the items lie in what a body takes: states, elements, and what it captures."""
    places = items.batch.places
    found: dict[str, Place | None] = {name: places.get(name, FREE) for name in captured(node)}
    names, carried = body.input_names(), states(node)
    first = len(carried) and carried[0]
    for i in carried:
        found[names[i]] = _of_state(items, node, i - first, node.input[i])
    if node.op_type == "Scan":
        axes = attributes(node).get("scan_input_axes") or [0] * (len(node.input) - len(carried))
        for i, axis in enumerate(axes, len(carried)):
            place = places.get(node.input[i], FREE)
            moved = replace(place, axis=place.axis - 1) if place.axis > axis else place
            found[names[i]] = moved
    return found


def _of_state(items: Items, node: NodeProto, i: int, first: str) -> Place:
    """Where the items lie in a state in every step: as in what the node gives of it."""
    if not node.output[i]:
        raise CannotOpen(f"does not give its state '{first}', which cannot be followed")
    return items.batch.places.get(node.output[i], FREE)


def _first_states(items: Items, node: NodeProto) -> list[NodeProto] | None:
    """The node with first states that have a row for each item; None where they have."""
    steps, carried = Steps(items.graph, node), states(node)
    first = len(carried) and carried[0]
    opened: dict[int, str] = {}
    for i in carried:
        place = _of_state(items, node, i - first, node.input[i])
        if place != FREE and node.input[i] not in items.batch.places:
            opened[i] = rows_for_items(steps, items, i, place, broadcast=False)
    if not opened:
        return None
    twin = NodeProto()
    twin.CopyFrom(node)
    for i, name in opened.items():
        twin.input[i] = name
    return [*steps.nodes, twin]
