"""Where a single item lies behind a Reshape: sizes do not tell, but what follows does.

An axis of one item is lost in the product of a Reshape: [T, 1, E] becomes [T, E], and [T * N, E] of
N items is meant, not [T, N * E]. The place nearest to the batch alone is taken first; where a node
behind it then joins the items, the other places are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnx import NodeProto

from retrograph.ir.analysis.batch_axis import Batch, Place, follow_batch, possible_places
from retrograph.ir.analysis.symbolic_sizes import size
from retrograph.ir.graph import Graph, reads

_MOST_TRIED = 200
_NEAREST = 6
"""So many Reshapes before a node that joins the items are reconsidered."""


def settled_places(graph: Graph, needed: Sequence[NodeProto], count: int) -> Batch:
    """Where the items lie, `graph.item_places` set so that as few nodes as possible join them.

    Args:
        graph: of a fixed batch.
        needed: the nodes that count.
        count: how many items there are; the places of several are known by the sizes.
    """
    graph.item_places = {}
    batch, tried = follow_batch(graph), 0
    given_up: set[str] = set()
    while count == 1 and tried < _MOST_TRIED:
        node = next((n for n in needed if n.name not in given_up and _joins(batch, n)), None)
        if node is None:
            break
        for name, place in _alternatives(graph, batch, node):
            tried += 1
            before = dict(graph.item_places)
            graph.item_places[name] = (place.axis, place.before, place.after)
            other = follow_batch(graph)
            if not _joins(other, node) and not _breaks(batch, other, needed, node):
                batch = other
                break
            graph.item_places = before
        else:
            given_up.add(node.name)
    return batch


def _joins(batch: Batch, node: NodeProto) -> bool:
    """Whether a node that reads items which are known leaves them unknown."""
    lost = batch.mixed | batch.regained
    return not lost.isdisjoint(node.output) and batch.mixed.isdisjoint(reads(node))


def _breaks(old: Batch, new: Batch, needed: Sequence[NodeProto], node: NodeProto) -> bool:
    """Whether a node before the given one joins the items that did not."""
    for earlier in needed:
        if earlier is node:
            return False
        if _joins(new, earlier) and not _joins(old, earlier):
            return True
    return False


def _alternatives(graph: Graph, batch: Batch, node: NodeProto) -> Iterator[tuple[str, Place]]:
    """Other places behind the Reshapes that are nearest before a node."""
    waiting, seen, found = list(reads(node)), set[str](), 0
    while waiting and found < _NEAREST:
        name = waiting.pop(0)
        made_by = graph.producer.get(name)
        if name in seen or made_by is None or name not in batch.places:
            continue
        seen.add(name)
        if made_by.op_type == "Reshape" and made_by.input[0] in batch.places:
            source, result = graph.tensor(made_by.input[0]), graph.tensor(name)
            if source and result and source.shape and result.shape:
                shapes = ([size(d) for d in t.shape or ()] for t in (source, result))
                others = possible_places(batch.places[source.name], *shapes)
                found += len(others) > 1
                yield from ((name, place) for place in others if place != batch.places[name])
        waiting += list(reads(made_by))
