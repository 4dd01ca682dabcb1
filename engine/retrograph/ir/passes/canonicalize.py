"""One modern form of any ONNX file, with the same outputs.

In order: local functions are inlined, nodes sorted and named, Constant nodes become initialisers,
old operators modern ones (opsets/), fused operators of a runtime standard ones (expand/), inputs
of whole numbers become floating point where the file makes them so (integer_inputs.py), types
and shapes are inferred and what is constant is folded (fold.py), the spellings of ReLU become
Relu or Clip (relu_spelling.py), quantised activations floating point (quantize/), paddings numbers
(explicit_pads.py).
"""

from __future__ import annotations

import heapq
from collections import Counter

import onnx.inliner
from onnx import ModelProto, NodeProto

from retrograph.errors import InputError
from retrograph.ir.analysis import limits, shape_inference
from retrograph.ir.graph import Graph, reads
from retrograph.ir.passes import bodies, hoist_constants, opsets, relu_spelling
from retrograph.ir.passes.expand import unfuse
from retrograph.ir.passes.fixpoint import settle
from retrograph.ir.passes.integer_inputs import enter
from retrograph.ir.patterns import straight_through


def canonicalize(model: ModelProto) -> Graph:
    """The graph of a model in the form that the rules are written for.

    The outputs are those of the model, to float rounding. Tensor names stay.

    Raises:
        InputError: the graph has a cycle, reads a tensor that nothing makes, or is nested too deep.
        UnsupportedError: operators in a form older than opset 7 without a rewriting.
    """
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    limits.check_nesting(model.graph)
    graph = Graph(model)
    shape_inference.forget_shapes(graph)
    _modernize(graph)
    enter(graph)
    _settle(graph)
    opsets.lower(graph)
    graph.outputs = [shape_inference.as_inferred(graph, info) for info in graph.outputs]
    return graph


def _modernize(graph: Graph) -> None:
    shape_inference.open_dimensions(graph)
    _name_nodes(graph)
    sort_nodes(graph)
    hoist_constants.hoist(graph)
    shape_inference.infer_types(graph)
    opsets.modernize(graph)
    unfuse(graph)


def _settle(graph: Graph) -> None:
    settle(graph)
    _settle_bodies(graph)
    opsets.give_back(graph)
    graph.straight_through |= straight_through.straight(graph)
    relu_spelling.open_below(graph)
    graph.relu_like = relu_spelling.relu_like(graph)


def _settle_bodies(graph: Graph) -> None:
    """The same for the bodies of If, Loop and Scan.

    What is known of a body tells the types behind its node, so those nodes come first that read
    only what is known.
    """
    done: set[str] = set()
    while waiting := [n for n in graph.nodes if bodies.has_bodies(n) and n.name not in done]:
        ready = [n for n in waiting if bodies.reads_known(graph, n)] or waiting[:1]
        settled = {node.name: _settled(graph, node) for node in ready}
        done |= settled.keys()
        graph.nodes = [settled.get(node.name, node) for node in graph.nodes]
        graph.index()
        settle(graph)


def _settled(graph: Graph, node: NodeProto) -> NodeProto:
    """A node with its bodies in canonical form."""
    inner = bodies.bodies(graph, node)
    for one in inner.values():
        one.straight_through.clear()
        _modernize(one)
        _settle(one)
    bodies.check_branches(node, inner)
    for name in node.output:
        graph.behind_bodies.pop(name, None)
    return bodies.written(graph, node, inner)


def _name_nodes(graph: Graph) -> None:
    """Give every node a name of its own; one that has one keeps it."""
    taken = Counter(node.name for node in graph.nodes)
    for i, node in enumerate(graph.nodes):
        if not node.name or taken[node.name] > 1:
            taken[node.name] -= 1
            node.name = f"{node.name or node.op_type}_{i}"
            taken[node.name] += 1


def sort_nodes(graph: Graph) -> None:
    """Order the nodes so that each reads only what stands before it; a sorted graph stays."""
    known = {*graph.constants, *graph.sparse, *(v.name for v in graph.inputs), ""}
    waiting: dict[str, list[int]] = {}
    missing: list[int] = []
    ready: list[int] = []
    for i, node in enumerate(graph.nodes):
        wants = {name for name in reads(node) if name not in known}
        missing.append(len(wants))
        for name in wants:
            waiting.setdefault(name, []).append(i)
        if not wants:
            ready.append(i)
    order = _release(graph.nodes, waiting, missing, ready)
    if len(order) < len(graph.nodes):
        stuck = next(n for i, n in enumerate(graph.nodes) if missing[i])
        made = {o for n in graph.nodes for o in n.output} | known
        unknown = [name for name in reads(stuck) if name not in made]
        reason = f"reads '{unknown[0]}', which nothing makes" if unknown else "lies on a cycle"
        raise InputError(
            f"node '{stuck.name}' ({stuck.op_type}) {reason}; the file is damaged: export it again"
        )
    graph.nodes = order
    graph.index()


def _release(
    nodes: list[NodeProto], waiting: dict[str, list[int]], missing: list[int], ready: list[int]
) -> list[NodeProto]:
    order: list[NodeProto] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        order.append(node)
        for name in node.output:
            for j in waiting.pop(name, ()):
                missing[j] -= 1
                if missing[j] == 0:
                    heapq.heappush(ready, j)
    return order
