"""Where the batch axis goes: which tensors still have it in front.

Explaining K units of one picture stacks their cotangents along the batch axis, which is only
possible where that axis leads in every tensor on the way; and an item of a target is a row of it
only if its leading axis is the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Dim, Graph, Shape, attributes, reads
from retrograph.ir.partial import ZERO, Sizes, product, size
from retrograph.ir.ranks import dft_axis

Check = Callable[[Graph, NodeProto, set[str]], bool]


def batch_leading(graph: Graph) -> tuple[set[str], set[str]]:
    """The tensors whose leading axis is the batch, and those that mix or move it.

    Where the inputs' leading axis has a name of its own, that tells where the batch leads again
    behind a mixing. A tensor in neither set does not depend on the data of any input.
    """
    leading = {
        v.name for v in graph.inputs if (t := graph.tensor(v.name)) is not None and t.rank != 0
    }
    names, others = _batch_names(graph)
    moved: set[str] = set()
    for node in graph.nodes:
        sources = set(reads(node))
        fixed = sources.isdisjoint(leading) and sources.isdisjoint(moved)
        if fixed or node.op_type in ("Shape", "Size", "ConstantOfShape"):
            continue
        mixed = bool(sources & moved)
        named = mixed or node.op_type == "Reshape"  # as many rows behind a Reshape are the same
        for name in filter(None, node.output):
            again = named and _is_batch(graph, name, names)
            if again or (not mixed and _keeps(graph, node, leading)):
                leading.add(name)
                shape = _shape(graph, name)
                names |= {d for d in (shape or ())[:1] if isinstance(d, str)} - others
            else:
                moved.add(name)
    return leading, moved


def keeps_rows_apart(graph: Graph, target: str, outputs: Iterable[str]) -> bool:
    """Whether each row of these tensors surely depends on its own row of the inputs alone."""
    leading, moved = batch_leading(graph)
    made = {name for node in graph.needed([target, *outputs])[0] for name in node.output}
    return target in leading and not made & moved


def _batch_names(graph: Graph) -> tuple[set[str], set[str]]:
    """The names that the inputs give to their leading axis and to no other, and those of others.

    Shape inference gives the batch more names on the way, behind a Reshape for one.
    """
    shapes = [t.shape or () for t in (graph.tensor(v.name) for v in graph.inputs) if t is not None]
    others = {d for shape in shapes for d in shape[1:] if isinstance(d, str)}
    return {d for shape in shapes for d in shape[:1] if isinstance(d, str)} - others, others


def _is_batch(graph: Graph, name: str, names: set[str]) -> bool:
    """Whether the leading axis is the batch (again), by its name."""
    shape = _shape(graph, name)
    return bool(shape and shape[0] in names and names.isdisjoint(shape[1:]))


def _keeps(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    if node.domain in STANDARD_DOMAINS and node.op_type in _CHECKS:
        return _CHECKS[node.op_type](graph, node, leading)
    return _first_input(graph, node, leading)


def _first_input(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Operators over [N, C, *S] with parameters: only the first input may have a batch."""
    return node.input[0] in leading and not set(node.input[1:]) & leading


def _aligned(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Broadcasting aligns axes from the back: the batch stays in front at full rank only."""
    rank = _rank(graph, node.output[0])
    return rank is not None and all(
        _rank(graph, name) == rank for name in node.input if name in leading
    )


def _transpose(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    perm = attributes(node).get("perm")
    return perm is not None and perm[0] == 0


def _reshape(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    before, after = _shape(graph, node.input[0]), _shape(graph, node.output[0])
    wanted = graph.value(node.input[1]) if node.op_type == "Reshape" else None
    if wanted is not None and wanted.size and wanted[0] == 0:
        return True
    if not before or not after:
        return False
    if before[0] is not None and before[0] == after[0]:
        return True
    rest, kept = _volume(before[1:]), _volume(after[1:])
    if rest is not None and rest == kept:
        return True
    if rest is None and kept is not None and -1 in (() if wanted is None else wanted[:1]):
        # More in a row than is known of one: the open sizes are in it, as where pictures are
        # flattened. As much as is known would be a row for each place.
        known = math.prod(d for d in before[1:] if isinstance(d, int))
        if kept > known and kept % known == 0:
            return True
    return node.op_type == "Reshape" and _same_rows(graph, node)


def _same_rows(graph: Graph, node: NodeProto) -> bool:
    """Whether a Reshape to a computed shape leaves as many rows, or as much in a row."""
    known = Sizes(graph, exact=True)
    sizes, found = known.shape(node.input[0]), known.of(node.input[1])
    if not sizes or not found:
        return False
    if found[0] is not None and found[0] == sizes[0]:
        return True
    kept = [sizes[i] if one == ZERO and i < len(sizes) else one for i, one in enumerate(found)]
    rest = product(kept[1:])
    return rest is not None and rest == product(sizes[1:])


def _flatten(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    axis = attributes(node).get("axis", 1)
    shape = _shape(graph, node.input[0])
    return axis == 1 or (shape is not None and axis > 1 and _volume(shape[1:axis]) == 1)


def _not_on_axis_0(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    rank = _rank(graph, node.input[0])
    axis = attributes(node).get(
        "axis", {"Gather": 0, "Concat": 0, "Split": 0}.get(node.op_type, -1)
    )
    if rank is None or axis % rank == 0:
        return False
    if node.op_type == "Concat":
        return True  # what does not lead is a constant in every row, such as a class token
    return _first_input(graph, node, leading)


def _gather_elements(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    rank = _rank(graph, node.input[0])
    along_batch = rank is None or attributes(node).get("axis", 0) % rank == 0
    return not along_batch and leading.issuperset(node.input)


def _axes_without_0(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Slice, Pad, Squeeze, Unsqueeze and reductions, whose axes are an input."""
    place = {"Slice": 3, "Pad": 3}.get(node.op_type, 1)
    rank = _rank(graph, node.output[0] if node.op_type == "Unsqueeze" else node.input[0])
    if rank is None or not _first_input(graph, node, leading):
        return False
    axes = graph.value(node.input[place]) if len(node.input) > place else None
    if node.op_type == "Pad":
        return _unpadded_rows(graph, node, axes, rank)
    if node.op_type == "Slice" and (axes is not None or len(node.input) < 4 or not node.input[3]):
        return _uncut_rows(graph, node, range(rank) if axes is None else axes.reshape(-1))
    if len(node.input) > place and node.input[place]:
        return axes is not None and all(int(a) % rank for a in axes.reshape(-1))
    if attributes(node).get("noop_with_empty_axes", 0):
        return True
    if node.op_type == "Squeeze":
        return _shape(graph, node.input[0]) is not None
    return False


def _unpadded_rows(graph: Graph, node: NodeProto, axes: Array | None, rank: int) -> bool:
    if axes is None and len(node.input) > 3 and node.input[3]:
        return False
    where = list(range(rank)) if axes is None else [int(a) % rank for a in axes]
    if 0 not in where:
        return True
    pads, place = Sizes(graph).of(node.input[1]), where.index(0)
    return pads is not None and pads[place] == pads[place + len(where)] == ZERO


def _uncut_rows(graph: Graph, node: NodeProto, axes: Iterable[int]) -> bool:
    """Whether a Slice takes all rows in their order."""
    tensor = graph.tensor(node.input[0])
    assert tensor is not None
    assert tensor.shape is not None
    known, rank = Sizes(graph), len(tensor.shape)
    bounds = [known.of(node.input[i]) if len(node.input) > i else None for i in (1, 2, 4)]
    for i, axis in enumerate(axes):
        if int(axis) % rank:
            continue
        start, end, step = (None if b is None or i >= len(b) else b[i] for b in bounds)
        if start != ZERO or end is None or (len(node.input) > 4 and step != size(1)):
            return False
        number, rows = end.number, tensor.shape[0]
        if end != size(rows) and not (number is not None and number >= _beyond(rows)):
            return False
    return True


def _beyond(rows: Dim) -> int:
    """An end that reaches all rows."""
    return rows if isinstance(rows, int) else 10**9


def _matmul(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    ranks = [_rank(graph, name) for name in node.input]
    left, right = (name in leading for name in node.input)
    rank_a, rank_b = ranks
    if rank_a is None or rank_b is None:
        return False
    if left and right:
        return rank_a == rank_b and rank_a > 2
    if left:
        return rank_a >= max(rank_b, 2)
    return rank_b > 2 and rank_b >= rank_a


def _gemm(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    return not attributes(node).get("transA", 0) and _first_input(graph, node, leading)


def _einsum(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Every operand with a batch, and the result, begin with a letter that no other has.

    An ellipsis in front stands for it where it has all its axes in each of them.
    """
    left, arrow, result = "".join(attributes(node)["equation"].split()).partition("->")
    terms = list(zip(left.split(","), node.input, strict=True))
    batched = [(t, n) for t, n in terms if n in leading] + [(result, node.output[0])]
    if result.startswith("...") and all(term.startswith("...") for term, _ in batched):
        ranks = [(term, _rank(graph, name)) for term, name in batched]
        widths = {None if rank is None else rank + 3 - len(term) for term, rank in ranks}
        return len(widths) == 1 and not widths & {None, 0}
    first = result[:1]
    if not arrow or not all(t[:1] == first and t.count(first) == 1 for t, _ in batched):
        return False
    return first != "" and not any(first in t for t, name in terms if name not in leading)


def _along_input(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """CumSum, CumProd: their axis is an input."""
    axis, rank = graph.value(node.input[1]), _rank(graph, node.input[0])
    return axis is not None and rank is not None and int(axis.reshape(-1)[0]) % rank != 0


def _tile(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    repeats = graph.value(node.input[1])
    return repeats is not None and bool(repeats[:1] == 1)


def _matrices(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Trilu, Det: the last two axes are those of a matrix."""
    rank = _rank(graph, node.input[0])
    return rank is not None and rank > 2 and _first_input(graph, node, leading)


def _one_hot(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    rank = _rank(graph, node.output[0])
    axis = attributes(node).get("axis", -1)
    return rank is not None and axis % rank != 0 and _first_input(graph, node, leading)


def _all_led(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Each operand has a row for each item; the shape that MaxUnpool may take has none."""
    operands = node.input[:2] if node.op_type == "MaxUnpool" else node.input
    return leading.issuperset(filter(None, operands))


def _reverse_sequence(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    return attributes(node).get("batch_axis", 1) == 0 and _all_led(graph, node, leading)


def _compress(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    return "axis" in attributes(node) and _not_on_axis_0(graph, node, leading)


def _batch_norm(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    return not attributes(node).get("training_mode", 0) and _first_input(graph, node, leading)


def _layer_norm(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Scale and bias are broadcast to the first input, which may be by the item."""
    rank = _rank(graph, node.input[0])
    if rank is None or attributes(node).get("axis", -1) % rank == 0:
        return False
    return node.input[0] in leading and _aligned(graph, node, leading)


def _mean_variance(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    rank = _rank(graph, node.input[0])
    return rank is not None and all(a % rank for a in attributes(node).get("axes", [0, 2, 3]))


def _dft(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    rank, axis = _rank(graph, node.input[0]), dft_axis(graph, node)
    return rank is not None and axis is not None and axis % rank != 0


def _deform_conv(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """A constant offset or mask has a row for each item too; weight and bias have none."""
    return not leading & {*node.input[1:2], *node.input[3:4]}


def _always(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Every operand has a row for each item."""
    return True


def _never(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    return False


_CHECKS: dict[str, Check] = {
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "GatherElements": _gather_elements,
    **dict.fromkeys(("Gather", "Concat", "Split", "Softmax", "LogSoftmax"), _not_on_axis_0),
    **dict.fromkeys(("ArgMax", "ArgMin", "TopK", "Hardmax"), _not_on_axis_0),
    **dict.fromkeys(("Slice", "Pad", "Squeeze", "Unsqueeze", "ReduceMean"), _axes_without_0),
    **dict.fromkeys(("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"), _axes_without_0),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"), _axes_without_0),
    "ReduceSumSquare": _axes_without_0,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Sum", "Max", "Min", "Mean"), _aligned),
    **dict.fromkeys(("Where", "Equal", "Greater", "GreaterOrEqual", "Less", "PRelu"), _aligned),
    **dict.fromkeys(("LessOrEqual", "And", "Or", "Xor", "Mod", "Expand", "Clip"), _aligned),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "If", "Loop", "Scan"), _never),
    **dict.fromkeys(("GatherND", "ScatterND", "ScatterElements"), _never),
    "Einsum": _einsum,
    "BatchNormalization": _batch_norm,
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), _layer_norm),
    "MeanVarianceNormalization": _mean_variance,
    "SwiGLU": _aligned,
    "Compress": _compress,
    **dict.fromkeys(("CumSum", "CumProd"), _along_input),
    **dict.fromkeys(("Trilu", "Det"), _matrices),
    "Tile": _tile,
    "OneHot": _one_hot,
    **dict.fromkeys(("MaxUnpool", "TensorScatter"), _all_led),
    "ReverseSequence": _reverse_sequence,
    "Unique": _never,
    "DFT": _dft,
    "DeformConv": _deform_conv,
    "GridSample": _always,
    **dict.fromkeys(("RoiAlign", "MaxRoiPool"), _never),
}


def _shape(graph: Graph, name: str) -> Shape | None:
    tensor = graph.tensor(name)
    return None if tensor is None else tensor.shape


def _rank(graph: Graph, name: str) -> int | None:
    shape = _shape(graph, name)
    return None if shape is None else len(shape)


def _volume(shape: Shape) -> int | None:
    """The number of elements; None where a dimension is open."""
    known = [d for d in shape if isinstance(d, int)]
    return math.prod(known) if len(known) == len(shape) else None


def first_item_axis(graph: Graph, target: str) -> int:
    """The first axis of an item of the inputs: 1, or 0 where the whole input is one item."""
    return int(target in batch_leading(graph)[0])
