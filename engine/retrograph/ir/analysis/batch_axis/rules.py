"""How each operator passes the place of the items on."""

from __future__ import annotations

from retrograph.ir.analysis.batch_axis import along, arithmetic, order
from retrograph.ir.analysis.batch_axis.bodies import Follow, branches, loop, scan
from retrograph.ir.analysis.batch_axis.passage import Passage, Place, Rule
from retrograph.ir.analysis.batch_axis.recurrent import recurrent
from retrograph.ir.graph import STANDARD_DOMAINS
from retrograph.ir.op_traits import TRAITS


def passed(p: Passage) -> Place | None:
    """The place of the items in what a node makes; None where it does not keep them apart."""
    if not p.placed:
        return None
    traits = TRAITS.get(p.node.op_type) if p.node.domain in STANDARD_DOMAINS else None
    return _RULES["rows" if traits is None else traits.batch](p)


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
    "rows": arithmetic.rows,
    "same": arithmetic.same,
    "aligned": arithmetic.aligned,
    "transpose": order.transpose,
    "reshape": order.reshape,
    "flatten": order.flatten,
    "squeeze": order.squeeze,
    "unsqueeze": order.unsqueeze,
    "along_first": along.along(0),
    "along_last": along.along(-1),
    "arg": along.arg,
    "concat": along.concat,
    "gather": along.gather,
    "gather_elements": along.gather_elements,
    "reduce": along.reduce,
    "slice": along.slice,
    "pad": along.pad,
    "tile": along.tile,
    "compress": along.compress,
    "cumulative": along.cumulative,
    "matrices": along.matrices,
    "one_hot": along.one_hot,
    "matmul": arithmetic.matmul,
    "gemm": arithmetic.gemm,
    "einsum": arithmetic.einsum,
    "batch_norm": arithmetic.batch_norm,
    "layer_norm": arithmetic.layer_norm,
    "mean_variance": along.mean_variance,
    "all_led": arithmetic.all_led,
    "all_rows": arithmetic.all_rows,
    "reverse_sequence": arithmetic.reverse_sequence,
    "dft": along.dft,
    "deform_conv": arithmetic.deform_conv,
    "scatter_elements": along.scatter_elements,
    "scatter_nd": along.scatter_nd,
    "never": _never,
}
"""By the names that an operator's traits have for them."""
