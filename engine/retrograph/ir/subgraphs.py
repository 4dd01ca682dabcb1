"""The bodies of control-flow nodes (If, Loop, Scan), and walks that enter them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import AttributeProto, GraphProto, NodeProto


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The bodies that a control-flow node holds, not those inside of them."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def nodes_with_inner(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes and those of their bodies at any depth, each before what its bodies hold.

    A node may be changed in place as soon as it is yielded: its bodies are read afterwards.
    """
    for node in nodes:
        yield node
        for body in subgraphs(node):
            yield from nodes_with_inner(body.node)


def inner_names(node: NodeProto) -> Iterator[str]:
    """The names that a node's bodies give to their inputs, initialisers and results."""
    for body in subgraphs(node):
        sparse = (tensor.values for tensor in body.sparse_initializer)
        yield from (value.name for value in (*body.input, *body.initializer, *sparse))
        for inner in body.node:
            yield from inner.output
            yield from inner_names(inner)
