"""A node as the reader of one tensor and the maker of another, and the table of rules.

A rule gives one span for each axis of what is read, in the axes of what is made. Without one, and
where a rule meets what is not known, a unit sees all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, Shape, attributes, default_attributes
from retrograph.ir.op_traits import ARITHMETIC, WINDOWS
from retrograph.receptive_field.span import Span, Spans, along


def shape_of(graph: Graph, name: str) -> Shape | None:
    tensor = graph.tensor(name)
    return None if tensor is None else tensor.shape


class Unknown(Exception):
    """A size or a parameter that a rule needs is not constant."""


@dataclass(frozen=True)
class Reading:
    """A node as the reader of x, its input number `place`, and the maker of y, number `output`."""

    graph: Graph
    node: NodeProto
    place: int
    output: int
    x: Shape
    y: Shape

    @cached_property
    def attrs(self) -> dict[str, Any]:
        node = self.node
        defaults = default_attributes(node.op_type, node.domain, self.graph.opset)
        return {**defaults, **attributes(node)}

    @property
    def rank(self) -> int:
        return len(self.x)

    @property
    def axis(self) -> int:
        return int(self.attrs["axis"]) % self.rank

    def has(self, i: int) -> bool:
        return i < len(self.node.input) and bool(self.node.input[i])

    def numbers(self, i: int) -> list[Any] | None:
        """The values of input i, flat; None where it is absent."""
        if not self.has(i):
            return None
        value = self.graph.value(self.node.input[i])
        if value is None:
            raise Unknown
        return list(value.reshape(-1).tolist())

    def axes(self, i: int) -> list[int] | None:
        """The axes of x that input i names; None where it is absent."""
        numbers = self.numbers(i)
        return None if numbers is None else [int(n) % self.rank for n in numbers]


Rule = Callable[[Reading], Spans]
RULES: dict[str, Rule] = {}


def rule(*ops: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


def steps_of(graph: Graph, node: NodeProto, place: int, output: int) -> Spans | None:
    """The spans of input number `place` in an output of the node; None where all is seen."""
    rule = RULES.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
    x, y = shape_of(graph, node.input[place]), shape_of(graph, node.output[output])
    if rule is None or x is None or y is None or (place and node.op_type not in JOINING):
        return None
    try:
        return rule(Reading(graph, node, place, output, x, y))
    except Unknown:
        return None


def all_but(rank: int, whole: Collection[int]) -> Spans:
    """Every axis in its place, and all of the axes in `whole`."""
    return tuple(None if axis in whole else along(axis) for axis in range(rank))


def changed(rank: int, changes: Iterable[tuple[int, Span | None]]) -> Spans:
    """Every axis in its place, but for the changes."""
    spans = dict[int, Span | None](enumerate(all_but(rank, ())))
    spans.update(changes)
    return tuple(spans.values())


def without(rank: int, axes: Collection[int], gone: Span | None) -> Spans:
    """The axes that stay, closed up, and what is seen of those that go."""
    kept = [axis for axis in range(rank) if axis not in axes]
    return tuple(gone if axis in axes else along(kept.index(axis)) for axis in range(rank))


SLIDING = WINDOWS | {"LRN", "InstanceNormalization"}
"""Operators over [N, C, *S]: what they find behind axis 1 is spatial."""

BROADCAST = ARITHMETIC | {"PRelu", "Clip"}

JOINING = BROADCAST | {"Concat", "MatMul", "Gemm"}
"""Operators with rules for more than their first input."""
