"""Which axis of each input counts the items of a graph with a fixed batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from retrograph.errors import InputError
from retrograph.ir.analysis.batch_axis import Batch, has_batch_axis
from retrograph.ir.graph import Graph, Tensor
from retrograph.ir.passes.batch_opening.item_places import settled_places

ItemAxes = Mapping[str, int | None]
"""The axis that counts items, by the inputs' names; None where an input has none."""

_MOST_TRIED = 32


@dataclass(frozen=True)
class FixedBatch:
    """The items of a graph with a fixed batch.

    Attributes:
        count: how many there are.
        axes: where each input has them.
        batch: where they lie in every tensor.
    """

    count: int
    axes: ItemAxes
    batch: Batch


def fixed_batch(graph: Graph, ends: Iterable[str]) -> FixedBatch | None:
    """The items of a graph, or None where their number is open already.

    The leading axis counts them where that keeps them apart as far as `ends`; else another axis of
    some inputs, as the second of the states of a recurrent layer, if any does.

    Raises:
        InputError: no input has an axis that counts items.
    """
    inputs = [t for t in map(graph.tensor, graph.input_names()) if t is not None and t.shape]
    leading = [t for t in inputs if t.is_float and has_batch_axis(graph, t)]
    if not leading:
        raise InputError("no input has an axis that counts items; there is no batch to be opened")
    lead = (leading[0].shape or (None,))[0]
    if not isinstance(lead, int):
        return None
    needed = graph.needed(ends)[0]
    made = {name for node in needed for name in node.output}
    first: FixedBatch | None = None
    candidates = (c for c in _candidates(inputs, lead) if c[1][leading[0].name] is not None)
    for count, axes in itertools.islice(candidates, _MOST_TRIED):
        graph.item_axes = dict(axes)
        found = FixedBatch(count, axes, settled_places(graph, needed, count))
        if made.isdisjoint(found.batch.mixed | found.batch.regained):
            return found
        first = first or found
    assert first is not None
    graph.item_axes = dict(first.axes)
    return first


def named_item_axes(graph: Graph) -> ItemAxes:
    """The axes behind the first that are called as the first axis of the first input of numbers.

    Such are the states [layers, N, size] of a recurrent layer whose batch is open.
    """
    inputs = [t for t in map(graph.tensor, graph.input_names()) if t is not None and t.shape]
    name = next((t.shape[0] for t in inputs if t.shape and t.is_float), None)
    if not isinstance(name, str):
        return {}
    shapes = {t.name: t.shape or () for t in inputs}
    return {key: s.index(name) for key, s in shapes.items() if name in s[1:] and s[0] != name}


def _candidates(inputs: list[Tensor], lead: int) -> Iterator[tuple[int, ItemAxes]]:
    """Numbers of items with an axis of that size for each input; the leading axes come first."""
    for count in dict.fromkeys((lead, 1)):
        choices = [_axes_of_size(tensor, count) for tensor in inputs]
        for chosen in itertools.product(*choices):
            names = (tensor.name for tensor in inputs)
            yield count, dict(zip(names, chosen, strict=True))


def _axes_of_size(tensor: Tensor, count: int) -> list[int | None]:
    return [axis for axis, size in enumerate(tensor.shape or ()) if size == count] or [None]
