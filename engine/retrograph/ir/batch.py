"""Where the batch axis goes: which tensors still have it in front.

Explaining K units of one picture stacks their cotangents along the batch axis, which is only
possible where that axis leads in every tensor on the way; and an item of a target is a row of it
only if its leading axis is the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Array, Graph, Shape, attributes, reads

Check = Callable[[Graph, NodeProto, set[str]], bool]


def batch_leading(graph: Graph) -> tuple[set[str], set[str]]:
    """The tensors whose leading axis is the batch, and those that mix or move it.

    A tensor in neither set does not depend on the data of any input.
    """
    leading = {
        v.name for v in graph.inputs if (t := graph.tensor(v.name)) is not None and t.rank != 0
    }
    moved: set[str] = set()
    for node in graph.nodes:
        sources = set(reads(node))
        if node.op_type in ("Shape", "Size", "ConstantOfShape") or not sources & (leading | moved):
            continue
        keeps = not sources & moved and _keeps(graph, node, leading)
        (leading if keeps else moved).update(o for o in node.output if o)
    return leading, moved


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
    return rest is not None and rest == kept


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
        return all(name in leading for name in node.input)
    return _first_input(graph, node, leading)


def _axes_without_0(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    """Slice, Pad, Squeeze, Unsqueeze and reductions, whose axes are an input."""
    place = {"Slice": 3, "Pad": 3}.get(node.op_type, 1)
    rank = _rank(graph, node.output[0] if node.op_type == "Unsqueeze" else node.input[0])
    if rank is None or not _first_input(graph, node, leading):
        return False
    axes = graph.value(node.input[place]) if len(node.input) > place else None
    if node.op_type == "Pad":
        return _unpadded_rows(graph, node, axes, rank)
    if len(node.input) > place and node.input[place]:
        return axes is not None and all(int(a) % rank for a in axes.reshape(-1))
    if node.op_type == "Squeeze":
        return _shape(graph, node.input[0]) is not None
    return False


def _unpadded_rows(graph: Graph, node: NodeProto, axes: Array | None, rank: int) -> bool:
    pads = graph.value(node.input[1])
    if pads is None or (axes is None and len(node.input) > 3):
        return False
    where = list(range(rank)) if axes is None else [int(a) % rank for a in axes]
    around = zip(where, pads[: len(where)], pads[len(where) :], strict=True)
    return not any(a == 0 and (begin or end) for a, begin, end in around)


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


def _never(graph: Graph, node: NodeProto, leading: set[str]) -> bool:
    return False


_CHECKS: dict[str, Check] = {
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "MatMul": _matmul,
    "Gemm": _gemm,
    **dict.fromkeys(("Gather", "Concat", "Split", "Softmax", "LogSoftmax"), _not_on_axis_0),
    **dict.fromkeys(("ArgMax", "ArgMin", "TopK", "CumSum", "Hardmax"), _not_on_axis_0),
    **dict.fromkeys(("Slice", "Pad", "Squeeze", "Unsqueeze", "ReduceMean"), _axes_without_0),
    **dict.fromkeys(("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"), _axes_without_0),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"), _axes_without_0),
    "ReduceSumSquare": _axes_without_0,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Sum", "Max", "Min", "Mean"), _aligned),
    **dict.fromkeys(("Where", "Equal", "Greater", "GreaterOrEqual", "Less", "PRelu"), _aligned),
    **dict.fromkeys(("LessOrEqual", "And", "Or", "Xor", "Mod", "Expand", "Clip"), _aligned),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "Einsum", "If", "Loop", "Scan"), _never),
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
