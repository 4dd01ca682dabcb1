"""The sizes of what a Slice with computed bounds leaves, which ONNX's inference does not give.

Exporters write the end of an open axis as its size, taken from Shape: such an axis stays as it is.
"""

from __future__ import annotations

from dataclasses import replace

from onnx import NodeProto

from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.symbolic_sizes import ZERO, Known, Sizes, size
from retrograph.ir.graph import STANDARD_DOMAINS, Dim, Graph, Shape, Tensor


def type_cuts(graph: Graph) -> bool:
    """Give sizes to what Slices make, as far as their bounds tell; True if any is new."""
    known, names = Sizes(graph), _names(graph)
    new: dict[str, Tensor] = {}
    for node in graph.nodes:
        made = graph.tensor(node.output[0]) if node.op_type == "Slice" else None
        if made is None or not made.shape or node.domain not in STANDARD_DOMAINS:
            continue
        found = [d if d in names or isinstance(d, int) else None for d in _cut(graph, known, node)]
        told = replace(made, shape=tuple(found))
        more = any(d not in (None, old) for d, old in zip(found, made.shape, strict=False))
        if more and graph.behind_bodies.get(made.name) != told:
            new[made.name] = told
    if new:
        graph.behind_bodies |= new
        shape_inference.infer_types(graph)
    return bool(new)


def _names(graph: Graph) -> set[Dim]:
    """The names of open sizes that every inference gives alike: those of the inputs."""
    inputs = filter(None, map(shape_inference.to_tensor, graph.inputs))
    return {d for tensor in inputs for d in tensor.shape or () if isinstance(d, str)}


def _cut(graph: Graph, known: Sizes, node: NodeProto) -> Shape:
    """The shape of what a Slice makes, as far as it is known; () where not even the axes are."""
    source = graph.tensor(node.input[0])
    given = {i: known.of(name) for i, name in enumerate(node.input) if i and name}
    bounds = {i: one for i, one in given.items() if one is not None}
    if source is None or not source.shape or len(bounds) < len(given):
        return ()
    shape, count = list(source.shape), len(bounds[1])
    axes = bounds.get(3, [size(i) for i in range(count)])
    steps = bounds.get(4, [size(1)] * count)
    for axis, *cut in zip(axes, bounds[1], bounds[2], steps, strict=False):
        place = axis.number if axis is not None else None
        if place is None or not -len(shape) <= place < len(shape):
            return ()
        shape[place] = _left(shape[place], *cut)
    return tuple(shape)


def _left(dim: Dim, start: Known, end: Known, step: Known) -> Dim:
    """What is left of an axis; None where that is not known."""
    if start is None or end is None or step != size(1):
        return None
    if start == ZERO and end == size(dim):
        return dim
    if not isinstance(dim, int) or start.number is None or end.number is None:
        return None
    return len(range(dim)[start.number : end.number])
