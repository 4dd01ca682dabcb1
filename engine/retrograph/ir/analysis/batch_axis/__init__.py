"""Where the batch axis goes: the place of the items in every tensor.

Explaining K units of one picture stacks their cotangents along the batch axis, which is only
possible where that axis leads in every tensor on the way; and an item of a target is a row of it,
or a block of rows, only if its leading axis is the batch, or holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from onnx import NodeProto

from retrograph.ir.analysis.batch_axis.bodies import Places
from retrograph.ir.analysis.batch_axis.order import possible_places
from retrograph.ir.analysis.batch_axis.passage import FREE, LEADING, Passage, Place, shape_of
from retrograph.ir.analysis.batch_axis.rules import passed_to_each
from retrograph.ir.analysis.positions import slid_axes
from retrograph.ir.analysis.symbolic_sizes import Sizes
from retrograph.ir.graph import Graph, Shape, Tensor, reads

__all__ = [
    "FREE",
    "LEADING",
    "Batch",
    "Place",
    "first_item_axis",
    "follow_batch",
    "follow_body",
    "has_batch_axis",
    "keeps_rows_apart",
    "possible_places",
]


@dataclass(frozen=True)
class Batch:
    """Where the items of the batch lie in the tensors of a graph.

    A tensor that is neither in `places` nor in `mixed` does not depend on the data of any input.

    Attributes:
        places: where they lie, of each tensor in which they are followed.
        mixed: the tensors in which they are not, for a node may have joined them.
        regained: the tensors in which the batch is found again behind such a node, by the name of
            its size.
        single: whether the batch is fixed at one item, or no input has a batch axis.
    """

    places: dict[str, Place]
    mixed: set[str]
    regained: set[str]
    single: bool

    def leads(self, name: str) -> bool:
        """Whether the leading axis is the batch alone: a row for each item."""
        return self.places.get(name) == LEADING

    @property
    def moved(self) -> set[str]:
        """The tensors that depend on the inputs and whose leading axis is not the batch alone."""
        return self.mixed | {name for name, place in self.places.items() if place != LEADING}

    def rows(self, tensor: Tensor) -> int | None:
        """How many rows of the leading axis an item has, one behind the other.

        1 where that axis is the batch alone, more where windows, frames or other parts of the items
        are folded into it; None where the items cannot be told apart.
        """
        place = self.places.get(tensor.name)
        if place is not None and place.axis == 0 and place.before == 1:
            return place.after
        return 1 if self.single and tensor.shape and tensor.shape[0] == 1 else None


def follow_batch(graph: Graph) -> Batch:
    """Follow the batch from the inputs' leading axis through the graph.

    Where that axis has a name of its own in the inputs, it tells where the batch leads again
    behind a node that mixes the items. Inputs without a batch axis are one item. Where the graph
    knows better (`item_axes`) that counts.
    """
    inputs = [t for t in (graph.tensor(v.name) for v in graph.inputs) if t is not None]
    axes = graph.item_axes
    whole = {t.name for t in inputs if t.name not in axes and not has_batch_axis(graph, t)}
    leading = {t.name: LEADING for t in inputs if t.rank != 0 and t.name not in {*whole, *axes}}
    leading |= {name: Place(axis) for name, axis in axes.items() if axis is not None}
    batch = Batch(leading, whole, set(), _single(inputs, whole))
    _follow(graph, batch, *_batch_names(inputs))
    return batch


def _follow(graph: Graph, batch: Batch, names: set[str], others: set[str]) -> None:
    """Follow the batch from where it is known, the inputs, to all tensors.

    Args:
        names: what its size is called; more are found on the way.
        others: what other sizes are called.
    """
    sizes = Sizes(graph, exact=True)
    for node in graph.nodes:
        sources = set(reads(node))
        fixed = sources.isdisjoint(batch.places) and sources.isdisjoint(batch.mixed)
        if fixed or node.op_type in ("Shape", "Size", "ConstantOfShape"):
            continue
        clear = sources.isdisjoint(batch.mixed)
        passage = Passage(graph, node, batch.places, sizes)
        found = passed_to_each(passage, _followed) if clear else [None] * len(node.output)
        for name, place in zip(node.output, found, strict=False):
            if not name or place == FREE:
                continue
            shape = shape_of(graph, name)
            if place is not None and (shape is None or place.axis < len(shape)):
                batch.places[name] = place
            elif _may_regain(batch, node, sources) and _is_batch(batch, shape, names):
                batch.places[name] = LEADING
                if not _in_blocks(batch, node):
                    batch.regained.add(name)
            else:
                batch.mixed.add(name)
            if batch.leads(name):
                names |= {d for d in (shape or ())[:1] if isinstance(d, str)} - others


def follow_body(body: Graph, inputs: Places) -> Batch:
    """Follow the batch through a body of a node, of which its inputs' places are known.

    Args:
        body: what it takes from outside is an input of it.
        inputs: where the items lie; None where they are joined, FREE where there are none.
    """
    places = {name: place for name, place in inputs.items() if place not in (None, FREE)}
    mixed = {name for name, place in inputs.items() if place is None}
    batch = Batch({n: place for n, place in places.items() if place}, mixed, set(), single=False)
    _follow(body, batch, set(), set())
    return batch


def _followed(body: Graph, inputs: Places) -> Callable[[str], Place | None]:
    """Where the items lie in a body: None where they are joined, FREE where there are none."""
    batch = follow_body(body, inputs)
    return lambda name: None if name in batch.mixed else batch.places.get(name, FREE)


def has_batch_axis(graph: Graph, source: Tensor) -> bool:
    """Whether the first axis of an input counts items; where nothing tells, it does.

    It does not where it has a fixed size other than 1 and an operator that slides over the input
    takes it for channels or for positions.
    """
    lead = (source.shape or (None,))[0]
    if not isinstance(lead, int) or lead == 1 or not source.is_float:
        return True
    slid = slid_axes(graph, source.name)
    return slid is None or 0 not in (slid.channel, *slid.spatial)


def keeps_rows_apart(graph: Graph, target: str, outputs: Iterable[str]) -> bool:
    """Whether each row of these tensors surely depends on its own row of the inputs alone."""
    batch = follow_batch(graph)
    ends = [target, *outputs]
    made = {name for node in graph.needed(ends)[0] for name in node.output}
    unsure = made & (batch.mixed | batch.regained)
    return not unsure and all(batch.leads(name) for name in ends if name in batch.places)


def first_item_axis(graph: Graph, target: str) -> int:
    """The first axis of an item of the inputs: 1, or 0 where the whole input is one item."""
    tensor = graph.tensor(target)
    batch = follow_batch(graph)
    if not batch.mixed.isdisjoint(graph.input_names()):
        return 0
    return int(batch.single or (tensor is not None and batch.rows(tensor) is not None))


def _single(inputs: Collection[Tensor], whole: Collection[str]) -> bool:
    """Whether there is one item, and no other number of them: the first input of numbers tells.

    Those of `whole` are one item each.
    """
    leads = [1 if t.name in whole else t.shape[0] for t in inputs if t.shape and t.is_float]
    return leads[:1] == [1] and all(isinstance(d, int) for d in leads)


def _batch_names(inputs: Collection[Tensor]) -> tuple[set[str], set[str]]:
    """The names that the inputs give to their leading axis and to no other, and those of others.

    Shape inference gives the batch more names on the way, behind a Reshape for one.
    """
    shapes = [t.shape or () for t in inputs]
    others = {d for shape in shapes for d in shape[1:] if isinstance(d, str)}
    return {d for shape in shapes for d in shape[:1] if isinstance(d, str)} - others, others


def _may_regain(batch: Batch, node: NodeProto, sources: Collection[str]) -> bool:
    """As many rows behind a Reshape are the same, and behind a mixing they are the items again.

    A Cast says no more than its input, so that a graph in float16 is read as the same in float32.
    """
    if node.op_type == "Cast":
        return False
    places = [batch.places.get(name, LEADING) for name in sources]
    elsewhere = any(place != LEADING for place in places) or not batch.mixed.isdisjoint(sources)
    return node.op_type == "Reshape" or elsewhere


def _in_blocks(batch: Batch, node: NodeProto) -> bool:
    """Whether a Reshape finds the items one behind the other, and so as many rows are they."""
    place = batch.places.get(node.input[0])
    return node.op_type == "Reshape" and place is not None and (place.axis, place.before) == (0, 1)


def _is_batch(batch: Batch, shape: Shape | None, names: Collection[str]) -> bool:
    """Whether the leading axis is the batch (again), by its name or as that of a single item."""
    if not shape:
        return False
    named = shape[0] in names and set(names).isdisjoint(shape[1:])
    return named or (batch.single and shape[0] == 1)
