"""The heads of a model: its outputs offered to every kind of head in turn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retrograph.errors import InputError, parameter
from retrograph.heads.box_head import BoxHead
from retrograph.heads.elements import Element, shape_of
from retrograph.heads.kinds import KINDS, Evidence, Head, Output
from retrograph.heads.kinds.maps import map_table
from retrograph.heads.maps_and_classes import ClassHead, MapHead
from retrograph.heads.reading import Reader, Reading
from retrograph.heads.selection import Selection, find_selection
from retrograph.heads.table import Table
from retrograph.ir.graph import Graph, is_static
from retrograph.scores import Scores


@dataclass(frozen=True, eq=False)
class Heads:
    """What a model's outputs were understood to be.

    Attributes:
        heads: detectors, maps and classes, in the order of the outputs.
        unread: the outputs that were not understood.
        frame: height and width of the input that the layout is for; None where it is no picture.
        reader: reads numbers of the outputs back to their logits.
        notes: what is to be known besides.
    """

    heads: tuple[Head, ...]
    unread: tuple[str, ...]
    frame: tuple[int, int] | None
    reader: Reader
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Head]:
        return iter(self.heads)

    def __len__(self) -> int:
        return len(self.heads)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{head.name} ({head.kind})" for head in self.heads)
        return f"<Heads {kinds or 'none understood'}>"

    @property
    def boxes(self) -> BoxHead | None:
        """The first head that finds boxes."""
        return next((head for head in self.heads if isinstance(head, BoxHead)), None)

    @property
    def map(self) -> MapHead | None:
        """The first head that gives maps."""
        return next((head for head in self.heads if isinstance(head, MapHead)), None)

    def logit(self, table: Table, row: int, column: int) -> Reading:
        """How a number of a table is made: the unit of a layer, and what squashes it."""
        shape = shape_of(self.reader.graph, table.tensor)
        return self.reader.read(
            Element(table.tensor, _unravel(table.flat_index(row, column), shape))
        )

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph heads --json` prints."""
        return {
            "frame": None if self.frame is None else [*self.frame],
            "heads": [head.to_dict() | {"notes": [*head.notes]} for head in self.heads],
            "unread": [*self.unread],
            "notes": [*self.notes],
        }


def _unravel(flat: int, shape: Sequence[int]) -> tuple[int, ...]:
    index = []
    for size in reversed(shape):
        index.append(flat % size)
        flat //= size
    return tuple(reversed(index))


def find_heads(
    graph: Graph,
    sources: Sequence[str],
    frame: tuple[int, int] | None,
    scores: Scores | None,
    labels: int | None = None,
) -> Heads:
    """The heads of a graph.

    Args:
        graph: canonical, of fixed shapes.
        sources: the inputs.
        frame: height and width of the first; None where it is no picture.
        scores: what the first output is made of; None where that is not known.
        labels: how many class names there are; None where there are none.
    """
    reader = Reader(graph, sources)
    evidence = Evidence(graph, reader, frame, labels)
    notes: list[str] = []
    changed = {name for node in graph.nodes for name in node.output if reader.changes(name)}
    selection = find_selection(graph, graph.output_names(), changed)
    heads: list[Head] = []
    if selection is not None and selection.tensors:
        heads, _ = _matched(_outputs(graph, selection.tensors), evidence)
        heads = [_before(selection, head) for head in heads if isinstance(head, BoxHead)]
    if heads:
        notes.append(f"boxes are read before {', '.join(selection.nodes)}" if selection else "")
        return Heads(tuple(heads), (), frame, reader, tuple(filter(None, notes)))
    outputs = _outputs(graph, _readable(graph, scores))
    heads, read = _matched(outputs, evidence)
    taken = {each.name for each in read}
    if scores is not None and scores.target in taken:
        taken.add(scores.output)
    unread = tuple(name for name in graph.output_names() if name not in taken)
    order = {output.name: place for place, output in enumerate(outputs)}
    heads.sort(key=lambda head: min(order.get(name, len(order)) for name in _outputs_of(head)))
    return Heads(tuple(heads), unread, frame, reader)


def _before(selection: Selection, head: BoxHead) -> BoxHead:
    return replace(head, kind=f"{head.kind}, before {', '.join(selection.nodes)}")


def _outputs_of(head: Head) -> tuple[str, ...]:
    return head.tensors if isinstance(head, BoxHead) else (head.output,)


def _readable(graph: Graph, scores: Scores | None) -> list[str]:
    """The outputs; in the place of one without a derivative the scores that it is made of."""
    names = []
    for name in graph.output_names():
        tensor = graph.tensor(name)
        is_float = tensor is not None and tensor.is_float
        if not is_float and scores is not None and scores.output == name:
            names.append(scores.target)
        elif is_float:
            names.append(name)
    return names


def _outputs(graph: Graph, names: Sequence[str]) -> list[Output]:
    """Those whose shape is known."""
    found = []
    for name in names:
        tensor = graph.tensor(name)
        if tensor is None or not is_static(tensor.shape):
            continue
        shape = shape_of(graph, name)
        batched = len(shape) > 1 and shape[0] == 1
        found.append(Output(name, shape[1:] if batched else shape, batched))
    return found


def _matched(outputs: Sequence[Output], evidence: Evidence) -> tuple[list[Head], list[Output]]:
    """What the kinds make of outputs, each offered those that the ones before have left."""
    heads: list[Head] = []
    read: list[Output] = []
    for kind in KINDS:
        left = [output for output in outputs if output not in read]
        found, taken = kind.match(left, evidence)
        heads += found
        read += taken
    return heads, read


def map_of_layer(heads: Heads, layer: str) -> Heads:
    """A layer as the only head, a map; without heads where it has no positions.

    Args:
        heads: of the model.
        layer: the tensor.
    """
    evidence = Evidence(heads.reader.graph, heads.reader, heads.frame, None)
    table = map_table(layer, evidence)
    found = () if table is None else (MapHead("the layer that was named", layer, table),)
    return replace(heads, heads=found, unread=())


def head_from_json(text: str) -> BoxHead | MapHead:
    """The head that a JSON text describes.

    Raises:
        InputError: it is no JSON, or describes none.
    """
    try:
        record = json.loads(text)
    except ValueError as error:
        raise InputError(f"{parameter('head')}: no JSON ({error}); check the file") from None
    if isinstance(record, Mapping) and isinstance(record.get("heads"), list) and record["heads"]:
        record = record["heads"][0]
    if not isinstance(record, Mapping) or record.get("head") not in ("boxes", "map"):
        raise InputError(
            f"{parameter('head')}: a layout is an object with head 'boxes' or 'map'; take what "
            "`retrograph heads MODEL --json` prints, and change it"
        )
    return (BoxHead if record["head"] == "boxes" else MapHead).from_dict(record)


__all__ = ["ClassHead", "Heads", "find_heads", "head_from_json"]
