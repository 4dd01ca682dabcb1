"""Pads written so that no optimiser misreads them.

ONNX Runtime (1.31.1) moves a Transpose through a Pad with the input `axes` as if it named all axes
in order. Of a Pad without that input it folds zeros into the pads of a following MaxPool, where
they count as minus infinity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import GraphProto, NodeProto, helper, numpy_helper

from retrograph.ir.graph import Array, Graph

_POOLS = {"MaxPool", "AveragePool", "LpPool"}


def name_all(written: GraphProto, graph: Graph) -> None:
    """Name all axes of a Pad that names some or stands before a pool, in place.

    Args:
        written: the nodes and constants that are about to be written.
        graph: knows the ranks of their tensors.
    """
    nodes = list(written.node)
    pooled = _before_pools(nodes)
    del written.node[:]
    for node in nodes:
        source = graph.tensor(node.input[0]) if node.op_type == "Pad" else None
        named = len(node.input) > 3 and bool(node.input[3])
        if source is not None and source.rank is not None and (named or node.output[0] in pooled):
            axes = graph.value(node.input[3]) if named else np.arange(source.rank)
            if axes is not None:
                places = [int(a) % source.rank for a in axes]
                _name_all(written, graph, node, places, source.rank)
        written.node.append(node)


def named(nodes: Sequence[NodeProto], graph: Graph) -> tuple[list[NodeProto], dict[str, Array]]:
    """Nodes of a graph that are to be computed once more, as `name_all` leaves them.

    Returns:
        The nodes, and the constants that they need besides.
    """
    written = GraphProto(node=nodes)
    name_all(written, graph)
    return list(written.node), {t.name: numpy_helper.to_array(t) for t in written.initializer}


def _before_pools(nodes: Sequence[NodeProto]) -> set[str]:
    """What a pool reads, or a Cast before a pool."""
    read = {n.input[0] for n in nodes if n.op_type in _POOLS}
    return read | {n.input[0] for n in nodes if n.op_type == "Cast" and n.output[0] in read}


def _name_all(
    written: GraphProto, graph: Graph, node: NodeProto, axes: list[int], rank: int
) -> None:
    def constant(value: Array, hint: str) -> str:
        name = graph.fresh(f"{node.output[0]}/{hint}")
        written.initializer.append(numpy_helper.from_array(value.astype(np.int64), name))
        return name

    pads, value = node.input[1], node.input[2] if len(node.input) > 2 else ""
    if axes != list(range(rank)):
        places = constant(np.array(axes + [a + rank for a in axes]), "places")
        none = constant(np.zeros(2 * rank), "none")
        spread = graph.fresh(f"{node.output[0]}/pads")
        written.node.append(helper.make_node("ScatterElements", [none, places, pads], [spread]))
        pads = spread
    del node.input[1:]
    node.input.extend([pads, value, constant(np.arange(rank), "axes")])
