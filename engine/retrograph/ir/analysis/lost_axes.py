"""Tensors that lose axes at run time, where an open size is 1.

A Squeeze without axes takes every axis of size 1 away, that of the batch too where one picture is
run. Such a tensor is typed as it is in a larger batch, and what is emitted reads it with all its
axes: its numbers lie in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Dim, Graph, Shape, Tensor, attributes, reads
from retrograph.ir.op_traits import ALONG_AXIS, RESHAPES, TRAITS

Part = int | tuple[str, int]
"""A size: a number, -1 for the only one that is open, or the size of a tensor along an axis."""

_OPAQUE = {"If", "Loop", "Scan", "LSTM", "GRU", "RNN"}


def squeezed(graph: Graph, x: Tensor) -> Shape:
    """The shape behind a Squeeze without axes, where no open size is 1.

    An open size that no input names is named after x: shape inference numbers its own each time.
    """
    inputs = [graph.tensor(v.name) for v in graph.inputs]
    names = {d for t in inputs if t is not None and t.shape for d in t.shape}
    sizes = enumerate(x.shape or ())
    kept = [(axis, d) for axis, d in sizes if d != 1]
    return tuple(
        d if isinstance(d, int) or d in names - {None} else _size_name(x.name, axis)
        for axis, d in kept
    )


def _size_name(name: str, axis: int) -> str:
    return f"{name}[{axis}]"


def squeezes_all(graph: Graph, node: NodeProto) -> bool:
    """Whether a node is a Squeeze without axes."""
    if node.op_type != "Squeeze" or node.domain not in STANDARD_DOMAINS:
        return False
    axes = graph.value(node.input[1]) if len(node.input) > 1 and node.input[1] else None
    return len(node.input) < 2 or not node.input[1] or (axes is not None and not axes.size)


def behind_squeezes(graph: Graph) -> set[str]:
    """What Squeezes without axes make, and what follows: a file's number of axes is a guess there.

    Exporters write down the axes of the one batch that they have run.
    """
    found: set[str] = set()
    for node in graph.nodes:
        if squeezes_all(graph, node) or (
            not found.isdisjoint(reads(node)) and not _settles(graph, node)
        ):
            found.update(filter(None, node.output))
    return found


def losing_axes(graph: Graph) -> set[str]:
    """The tensors that may have fewer axes at run time than their types say."""
    found: set[str] = set()
    for node in graph.nodes:
        source = graph.tensor(node.input[0]) if node.input else None
        opens = source is not None and source.shape is not None and not _closed(source.shape)
        starts = opens and squeezes_all(graph, node)
        if starts or (not found.isdisjoint(reads(node)) and not _settles(graph, node)):
            found.update(filter(None, node.output))
    return found


def _closed(shape: Shape) -> bool:
    return all(isinstance(d, int) for d in shape)


def _settles(graph: Graph, node: NodeProto) -> bool:
    """Whether a node makes as many axes whatever it is given: Reshape to numbers, and measures."""
    if node.op_type in ("Shape", "Size", "ConstantOfShape"):
        return True
    wanted = graph.value(node.input[1]) if node.op_type == "Reshape" else None
    return wanted is not None and 0 not in wanted


def whole_shapes(graph: Graph) -> dict[str, list[Part] | None]:
    """The shapes with all axes of what loses some; None where they cannot be told at run time."""
    names = losing_axes(graph)
    if not names:
        return {}
    given = [graph.tensor(v.name) for v in graph.inputs]
    made = (graph.tensor(o) for node in graph.nodes for o in node.output if o and o not in names)
    places: dict[Dim, tuple[str, int]] = {}
    for tensor in (*given, *made):
        for axis, d in enumerate((tensor and tensor.shape) or ()):
            if tensor is not None and not isinstance(d, int):
                places[_size_name(tensor.name, axis)] = tensor.name, axis
                places.setdefault(d, (tensor.name, axis))
    tensors = (graph.tensor(name) for name in names)
    return {t.name: _parts(t, places) for t in tensors if t is not None}


def _parts(tensor: Tensor, places: dict[Dim, tuple[str, int]]) -> list[Part] | None:
    if tensor.shape is None:
        return None
    if sum(not isinstance(d, int) for d in tensor.shape) == 1:
        return [d if isinstance(d, int) else -1 for d in tensor.shape]
    parts = [d if isinstance(d, int) else places.get(d) if d else None for d in tensor.shape]
    known = [part for part in parts if part is not None]
    return known if len(known) == len(parts) else None


def misread(graph: Graph, nodes: Sequence[NodeProto]) -> Iterator[tuple[NodeProto, str]]:
    """Those of the nodes that mean something else where axes are lost, each with the reason."""
    shapes = whole_shapes(graph)
    for node in nodes if shapes else ():
        lost = [name for name in reads(node) if name in shapes]
        ends = [name for name in (*lost, *node.output) if name in shapes]
        reason = _other_axis(graph, node, lost[0]) if lost else None
        unknown = [name for name in ends if shapes[name] is None]
        if reason is None and unknown:
            reason = f"the sizes of '{unknown[0]}' are not known"
        if reason is not None:
            yield (
                node,
                f"{reason} where a Squeeze without axes has taken an open size of 1 away; export "
                "that Squeeze with axes, or with a fixed batch",
            )


def _other_axis(graph: Graph, node: NodeProto, name: str) -> str | None:
    """Whether a node counts an axis from the front that is another one without those before it."""
    tensor = graph.tensor(name)
    if node.domain not in STANDARD_DOMAINS or node.op_type in RESHAPES or tensor is None:
        return None
    if node.op_type in _OPAQUE or tensor.rank is None:
        return f"what it makes of '{name}' is not known"
    for axis in _axes(graph, node):
        if axis is None or 0 <= axis <= tensor.rank - 2:
            which = "its axes are" if axis is None else f"its axis {axis} is"
            return f"{which} another of '{name}'"
    return None


def _axes(graph: Graph, node: NodeProto) -> Sequence[int | None]:
    """The axes that a node names; None for those that are computed."""
    if node.op_type in ALONG_AXIS:
        axis: int | None = attributes(node).get("axis", TRAITS[node.op_type].axis)
        return [] if axis is None else [axis]
    place = TRAITS[node.op_type].axes if node.op_type in TRAITS else None
    if place is None:
        return []
    if len(node.input) <= place or not node.input[place]:
        return [0] if node.op_type == "Slice" else []
    axes = graph.value(node.input[place])
    return [None] if axes is None else [int(a) for a in axes.reshape(-1)]
