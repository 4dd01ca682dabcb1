"""How each operator passes the place of the items on."""

from __future__ import annotations

from retrograph.ir.analysis.batch_axis import along, arithmetic, order
from retrograph.ir.analysis.batch_axis.bodies import Follow, branches, loop, scan
from retrograph.ir.analysis.batch_axis.passage import Passage, Place, Rule
from retrograph.ir.analysis.batch_axis.recurrent import recurrent
from retrograph.ir.graph import STANDARD_DOMAINS
from retrograph.ir.patterns.activations import FUNCTIONS


def passed(p: Passage) -> Place | None:
    """The place of the items in what a node makes; None where it does not keep them apart."""
    if not p.placed:
        return None
    rule = _RULES.get(p.node.op_type) if p.node.domain in STANDARD_DOMAINS else None
    return (rule or arithmetic.rows)(p)


def passed_to_each(p: Passage, follow: Follow) -> list[Place | None]:
    """The same for each output of a node; FREE where an output has no items.

    Args:
        follow: follows the items through a body of the node.
    """
    if p.node.domain in STANDARD_DOMAINS and p.node.op_type in ("LSTM", "GRU", "RNN"):
        return recurrent(p)
    rule = _OF_BODIES.get(p.node.op_type) if p.node.domain in STANDARD_DOMAINS else None
    return [passed(p)] * len(p.node.output) if rule is None else rule(p, follow)


_OF_BODIES = {"If": branches, "Loop": loop, "Scan": scan}


def _never(p: Passage) -> Place | None:
    return None


_RULES: dict[str, Rule] = {
    **dict.fromkeys(FUNCTIONS - {"PRelu", "Clip"}, arithmetic.same),
    **dict.fromkeys(
        ("Not", "IsNaN", "IsInf", "Floor", "Ceil", "Round", "Dropout"), arithmetic.same
    ),
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Pow", "Sum", "Max", "Min", "Mean"), arithmetic.aligned
    ),
    **dict.fromkeys(
        ("Where", "Equal", "Greater", "GreaterOrEqual", "Less", "PRelu"), arithmetic.aligned
    ),
    **dict.fromkeys(
        ("LessOrEqual", "And", "Or", "Xor", "Mod", "Expand", "Clip"), arithmetic.aligned
    ),
    "SwiGLU": arithmetic.aligned,
    "Transpose": order.transpose,
    "Reshape": order.reshape,
    "Flatten": order.flatten,
    "Squeeze": order.squeeze,
    "Unsqueeze": order.unsqueeze,
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "TopK"), along.along(-1)),
    "Split": along.along(0),
    **dict.fromkeys(("ArgMax", "ArgMin"), along.arg),
    "Concat": along.concat,
    "Gather": along.gather,
    "GatherElements": along.gather_elements,
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"), along.reduce
    ),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"), along.reduce),
    "ReduceSumSquare": along.reduce,
    "Slice": along.slice,
    "Pad": along.pad,
    "Tile": along.tile,
    "Compress": along.compress,
    **dict.fromkeys(("CumSum", "CumProd"), along.cumulative),
    **dict.fromkeys(("Trilu", "Det"), along.matrices),
    "OneHot": along.one_hot,
    "MatMul": arithmetic.matmul,
    "Gemm": arithmetic.gemm,
    "Einsum": arithmetic.einsum,
    "BatchNormalization": arithmetic.batch_norm,
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), arithmetic.layer_norm),
    "MeanVarianceNormalization": along.mean_variance,
    **dict.fromkeys(("MaxUnpool", "TensorScatter"), arithmetic.all_led),
    "ReverseSequence": arithmetic.reverse_sequence,
    "DFT": along.dft,
    "DeformConv": arithmetic.deform_conv,
    "GridSample": arithmetic.all_rows,
    "ScatterElements": along.scatter_elements,
    "ScatterND": along.scatter_nd,
    "GatherND": _never,
    **dict.fromkeys(("RoiAlign", "MaxRoiPool", "Unique"), _never),
}
