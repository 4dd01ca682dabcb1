"""The function body that the ONNX standard gives an operator, as nodes of a graph."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import AttributeProto, FunctionProto, NodeProto, TypeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.passes.opsets import modern
from retrograph.ir.rename import rename
from retrograph.ir.subgraphs import nodes_with_inner


def function_body(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    """The nodes of the function that a node calls, in modern forms; None if it has no body.

    Inner tensors and nodes are named `<node>/<inner>`.
    """
    function = _function(graph, node)
    if function is None:
        return None
    body = onnx.ModelProto()
    body.graph.node.extend(function.node)
    given = {a.name: a for a in node.attribute}
    given = {a.name: a for a in function.attribute_proto} | given
    schema = _schema(graph, node)
    assert schema is not None
    defaults = {k: a.default_value for k, a in schema.attributes.items() if a.default_value.name}
    for inner in nodes_with_inner(body.graph.node):
        _bind(inner, defaults | given)
    rename(body, _names(graph, node, function))
    versions = (o.version for o in function.opset_import if o.domain in STANDARD_DOMAINS)
    nodes = list(body.graph.node)
    for inner in nodes:
        inner.name = graph.fresh(f"{node.name}/{inner.op_type}")
    last = next(n for n in reversed(nodes) if node.output[0] in n.output)
    last.name = node.name
    return modern(graph, nodes, next(versions, graph.opset))


def _schema(graph: Graph, node: NodeProto) -> Any:
    """The operator's schema, or None; onnx types half of what it has."""
    domain = "" if node.domain in STANDARD_DOMAINS else node.domain
    try:
        return onnx.defs.get_schema(node.op_type, graph.opset, domain)
    except onnx.defs.SchemaError:
        return None


def _function(graph: Graph, node: NodeProto) -> FunctionProto | None:
    """The body written for the newest opset that is not newer than the graph's."""
    schema = _schema(graph, node)
    if schema is None:
        return None
    for version in sorted(schema.all_function_opset_versions, reverse=True):
        if version > graph.opset:
            continue
        if version in schema.function_opset_versions:
            raw = schema.get_function_with_opset_version(version)
        else:
            raw = schema.get_context_dependent_function_with_opset_version(
                version, node.SerializeToString(), [_type(graph, name) for name in node.input]
            )
        function = FunctionProto()
        function.ParseFromString(raw)
        if function.node:
            return function
    return None


def _type(graph: Graph, name: str) -> bytes:
    tensor = graph.tensor(name) if name else None
    found = TypeProto()
    if tensor is not None:
        element = helper.np_dtype_to_tensor_dtype(tensor.dtype)
        shape = None if tensor.shape is None else list(tensor.shape)
        found = helper.make_tensor_type_proto(element, shape)
    return bytes(found.SerializeToString())


def _bind(node: NodeProto, given: dict[str, AttributeProto]) -> None:
    """Put the call's attributes in the place of the references to them."""
    for i in reversed(range(len(node.attribute))):
        attribute = node.attribute[i]
        reference, name = attribute.ref_attr_name, attribute.name
        if not reference:
            continue
        if reference in given:
            attribute.CopyFrom(given[reference])
            attribute.name = name
        else:
            del node.attribute[i]


def _names(graph: Graph, node: NodeProto, function: FunctionProto) -> dict[str, str]:
    """From names in the function to names in the graph; what is left out is ""."""
    names: dict[str, str] = {}
    for formal, actual in ((function.input, node.input), (function.output, node.output)):
        names |= dict.fromkeys(formal, "")
        names |= dict(zip(formal, actual, strict=False))
    for i, name in enumerate(function.output):
        if not names[name]:
            names[name] = graph.fresh(f"{node.name}/{name}_{i}")
    inner = (o for n in function.node for o in n.output if o and o not in names)
    return names | {name: graph.fresh(f"{node.name}/{name}") for name in inner}
