"""The table of operators that are defined by others: for each its definition, as nodes."""

from __future__ import annotations

from collections.abc import Callable

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph

Definition = Callable[[Graph, NodeProto], list[NodeProto] | None]
"""The nodes that compute a node's outputs from its inputs, in standard operators of graph.opset.

Their names are derived from the node's; constants go to the graph. `Steps` (steps.py) helps with
both. What has no definition raises `NoDefinition`.
"""

_DEFINITIONS: dict[tuple[str, str], Definition] = {}


class NoDefinition(Exception):
    """A form of an operator is not defined here; the text says which, and what is supported."""


def defines(*ops: str, domain: str = "") -> Callable[[Definition], Definition]:
    """Register the definition of operators.

    Raises:
        ValueError: an operator has one already.
    """

    def declare(definition: Definition) -> Definition:
        for op in ops:
            if (domain, op) in _DEFINITIONS:
                raise ValueError(f"{op} is defined already")
            _DEFINITIONS[domain, op] = definition
        return definition

    return declare


def definition_of(node: NodeProto) -> Definition | None:
    """The definition of a node's operator, or None if there is none in this table."""
    domain = "" if node.domain in STANDARD_DOMAINS else node.domain
    return _DEFINITIONS.get((domain, node.op_type))


def defined_operators() -> list[tuple[str, str]]:
    """Every (domain, operator) with a definition in this table."""
    return list(_DEFINITIONS)
