"""What lies before the nodes that select boxes in the graph: NonMaxSuppression, TopK and the like.

What they give has no derivative, or too few boxes. Their boxes and scores are read before them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from onnx import NodeProto

from retrograph.heads.elements import Element, moved_from, shape_of
from retrograph.ir.graph import Graph, op_label, reads
from retrograph.ir.path import ancestors

_SELECTING = ("NonMaxSuppression", "TopK", "NonZero")
_TAKING = ("Gather", "GatherElements", "GatherND", "Compress", "ReduceMax", "ArgMax")
_LEAST_BOXES = 8


@dataclass(frozen=True)
class Selection:
    """Where a graph selects boxes.

    Attributes:
        tensors: of boxes and scores before that.
        nodes: what selects, in words.
    """

    tensors: tuple[str, ...]
    nodes: tuple[str, ...]


def is_selecting(node: NodeProto) -> bool:
    """Whether a node selects boxes: one of the standard, or a plug-in's suppression."""
    return node.op_type in _SELECTING or "NMS" in node.op_type


def find_selection(
    graph: Graph, outputs: Sequence[str], changed: AbstractSet[str]
) -> Selection | None:
    """The first selection on the way to the outputs; None where there is none.

    Args:
        graph: canonical, of fixed shapes up to there.
        outputs: of the model.
        changed: the tensors that change with the inputs.
    """
    needed = {name for output in outputs for name in ancestors(graph, output)}
    nodes = [node for node in graph.nodes if not needed.isdisjoint(node.output)]
    selecting = [
        node for node in nodes if is_selecting(node) and not changed.isdisjoint(node.input)
    ]
    if not selecting:
        return None
    behind = {name for node in selecting for name in node.output}
    for node in nodes:
        if not behind.isdisjoint(reads(node)):
            behind.update(node.output)
    taking = [*selecting, *(node for node in nodes if node.op_type in _TAKING)]
    tensors: dict[str, None] = {}
    for node in taking:
        names = node.input if is_selecting(node) else node.input[:1]
        for name in names:
            if name in changed and name not in behind:
                table = _table_before(graph, str(name))
                if table is not None:
                    tensors[table] = None
    return Selection(tuple(tensors), tuple(f"{op_label(n)} '{n.name}'" for n in selecting))


def _table_before(graph: Graph, name: str) -> str | None:
    """The tensor of many boxes that a tensor is, or that a node takes it from; None for no such."""
    node = graph.producer.get(name)
    if node is not None and node.op_type == "ReduceMax":
        name = str(node.input[0])  # the scores of all classes, of which that is the greatest
    tensor = graph.tensor(name)
    if tensor is None or not tensor.is_float:
        return None
    shape = [size for size in shape_of(graph, name) if size != 1]
    if len(shape) == 2 and math.prod(shape) >= _LEAST_BOXES:
        return name
    before = moved_from(graph, Element(name, (0,) * len(shape_of(graph, name)))) if shape else None
    if before is not None and len(shape_of(graph, before.tensor)) == 3:
        return before.tensor
    return name if len(shape) == 1 and shape[0] >= _LEAST_BOXES else None
