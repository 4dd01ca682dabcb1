"""What a unit of each tensor sees: the walk over the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from onnx import NodeProto

from retrograph.ir.graph import Graph, reads
from retrograph.ir.path import flow
from retrograph.receptive_field import elementwise as elementwise
from retrograph.receptive_field import moving as moving
from retrograph.receptive_field import sliding as sliding
from retrograph.receptive_field.reading import SLIDING, shape_of, steps_of
from retrograph.receptive_field.span import Span, Spans, along, union


@dataclass(frozen=True)
class Field:
    """The window of an input that a unit of a tensor sees.

    Attributes:
        source: the input's name.
        axes: the input's spatial axes; what follows has one entry for each.
        spans: what a unit sees of each, None where all of it. The tensor's own axes are counted
            from the back (-1 is the last), so that an index serves with and without its batch.
    """

    source: str
    axes: tuple[int, ...]
    spans: Spans

    @property
    def size(self) -> tuple[int | None, ...]:
        """How many positions the window spans, before clipping; None where the whole axis."""
        return tuple(None if s is None else s.size for s in self.spans)

    @property
    def stride(self) -> tuple[Fraction, ...]:
        """How far the window moves from one unit to the next; 0 where it stays."""
        return tuple(Fraction(0) if s is None else s.stride for s in self.spans)

    @property
    def first(self) -> tuple[Fraction, ...]:
        """Where the window of the unit at position 0 begins, negative in the padding."""
        return tuple(Fraction(0) if s is None else s.first for s in self.spans)

    def window(
        self, index: Sequence[int], input_sizes: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """The window (start, stop) along each spatial axis, clipped at the border.

        Args:
            index: the unit's, such as [c, y, x]; with or without the batch axis in front.
            input_sizes: the input's size along each of `axes`.
        """
        return tuple(
            (0, size) if span is None else span.window(index, size)
            for span, size in zip(self.spans, input_sizes, strict=True)
        )

    def __str__(self) -> str:
        """Size / stride, such as 24x24 / 8 or, where the axes differ, 3xall / 1x0."""
        if not any(self.spans):
            return "all"
        sizes = "x".join("all" if n is None else str(n) for n in self.size)
        strides = self.stride if len(set(self.stride)) > 1 else self.stride[:1]
        return f"{sizes} / {'x'.join(map(str, strides))}" if any(strides) else sizes


def receptive_fields(graph: Graph, sources: Sequence[str]) -> dict[str, Field]:
    """What a unit of each floating-point tensor sees of the first source that it depends on.

    Only sources with spatial axes count; the sources themselves are among the tensors.

    Args:
        graph: canonical.
        sources: the inputs, the most important first.
    """
    fields: dict[str, Field] = {}
    for source in sources:
        found, axes = _traced(graph, source)
        if not axes:
            continue
        for name, spans in found.items():
            rank = len(shape_of(graph, name) or ())
            seen = tuple(_from_back(spans[axis], rank) for axis in axes)
            fields.setdefault(name, Field(source, axes, seen))
    return fields


def _from_back(span: Span | None, rank: int) -> Span | None:
    if span is None or span.axis is None:
        return span
    return replace(span, axis=span.axis - rank)


def _traced(graph: Graph, source: str) -> tuple[dict[str, Spans], tuple[int, ...]]:
    """As `_trace`, once for a graph."""
    key = ("receptive fields", source)
    if key not in graph.memo:
        graph.memo[key] = _trace(graph, source)
    result: tuple[dict[str, Spans], tuple[int, ...]] = graph.memo[key]
    return result


def _trace(graph: Graph, source: str) -> tuple[dict[str, Spans], tuple[int, ...]]:
    """The spans of every axis of the source in each tensor, and which of its axes are spatial.

    Without an operator that slides over any, those of the layout [N, C, *S] are.
    """
    rank = len(shape_of(graph, source) or ())
    found: dict[str, Spans] = {source: tuple(along(axis) for axis in range(rank))}
    spatial: set[int] = set()
    reached = flow(graph, [source]) - {source}
    for node in graph.nodes:
        if node.op_type in SLIDING and node.input[0] in found:
            spans = enumerate(found[node.input[0]])
            spatial.update(i for i, s in spans if s is not None and (s.axis or 0) >= 2)
        if not found.keys().isdisjoint(reads(node)):
            for place, name in enumerate(node.output):
                if name in reached:
                    found[name] = _seen(graph, node, place, found, rank)
    return found, tuple(sorted(spatial) or range(2, rank))


def _seen(graph: Graph, node: NodeProto, output: int, found: dict[str, Spans], rank: int) -> Spans:
    """The spans of one output of a node: the union over what it reads."""
    parts = []
    for place, name in enumerate(node.input):
        if name in found:
            steps = steps_of(graph, node, place, output)
            parts.append(tuple(s and s.then(_step(steps, s)) for s in found[name]))
    whole: Spans = (None,) * rank
    return tuple(reduce(union, spans) for spans in zip(*parts, strict=True)) if parts else whole


def _step(steps: Spans | None, span: Span) -> Span | None:
    return None if steps is None or span.axis is None else steps[span.axis]
