"""One modern form of any ONNX file, with the same outputs.

In order: local functions are inlined, nodes sorted and named, Constant nodes become initialisers,
old operators modern ones (opsets.py), types and shapes are inferred and what is constant is folded
(infer.py), the spellings of ReLU become Relu or Clip (relu.py), quantised activations floating
point (quantize.py), paddings numbers (padding.py).
"""

from __future__ import annotations

import heapq
from collections import Counter

import numpy as np
import onnx.inliner
from onnx import ModelProto, NodeProto, numpy_helper

from retrograph.errors import InputError
from retrograph.ir import infer, opsets, padding, quantize, relu
from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes, reads


def canonicalize(model: ModelProto) -> Graph:
    """The graph of a model in the form that the rules are written for.

    The outputs are those of the model, to float rounding. Tensor names stay.

    Raises:
        InputError: the graph has a cycle, or reads a tensor that nothing makes.
        UnsupportedError: operators in a form older than opset 7 without a rewriting.
    """
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    graph = Graph(model)
    infer.open_dimensions(graph)
    _name_nodes(graph)
    _sort(graph)
    _hoist_constants(graph)
    infer.infer_types(graph)
    opsets.modernize(graph)
    infer.fold(graph)
    relu.unify(graph)
    quantize.to_float(graph)
    padding.resolve(graph)
    infer.infer_types(graph)
    graph.relu_like = relu.relu_like(graph)
    return graph


def _name_nodes(graph: Graph) -> None:
    """Give every node a name of its own; one that has one keeps it."""
    taken = Counter(node.name for node in graph.nodes)
    for i, node in enumerate(graph.nodes):
        if not node.name or taken[node.name] > 1:
            taken[node.name] -= 1
            node.name = f"{node.name or node.op_type}_{i}"
            taken[node.name] += 1


def _sort(graph: Graph) -> None:
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


def _hoist_constants(graph: Graph) -> None:
    """Make an initialiser of every Constant node, whichever attribute holds its value."""
    kept = []
    for node in graph.nodes:
        if node.op_type != "Constant" or node.domain not in STANDARD_DOMAINS:
            kept.append(node)
            continue
        value = _constant(node)
        if value is None:
            kept.append(node)
        else:
            graph.constants[node.output[0]] = value
    graph.nodes = kept
    graph.index()


def _constant(node: NodeProto) -> onnx.TensorProto | None:
    name = node.output[0]
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = onnx.TensorProto()
            tensor.CopyFrom(attribute.t)
            tensor.name = name
            return tensor
    dtypes: dict[str, type[np.generic]] = {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
    }
    for key, value in attributes(node).items():
        if key in dtypes:
            return numpy_helper.from_array(np.asarray(value, dtypes[key]), name)
        if key in ("value_string", "value_strings"):
            return numpy_helper.from_array(np.asarray(value, object), name)
    return None
