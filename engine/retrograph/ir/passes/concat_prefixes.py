"""Concats that begin as an earlier one does read that one.

DenseNets join all that came before at every layer. Written so, each layer's cotangent is cut in two
and not into as many parts as there are layers before; the tensors stay what they are.
"""

from __future__ import annotations

from onnx import NodeProto, helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes


def share_prefixes(graph: Graph) -> Graph:
    """A graph whose Concats read the longest earlier Concat that they begin with.

    The given one stays as it is.
    """
    whole = graph.copy()
    known: dict[tuple[int, tuple[str, ...]], str] = {}
    for place, node in enumerate(graph.nodes):
        if node.op_type != "Concat" or node.domain not in STANDARD_DOMAINS:
            continue
        axis, names = int(attributes(node)["axis"]), tuple(node.input)
        for length in range(len(names) - 1, 1, -1):
            if (axis, names[:length]) in known:
                begin = known[axis, names[:length]]
                whole.nodes[place] = _joined(node, [begin, *names[length:]], axis)
                break
        known.setdefault((axis, names), node.output[0])
    whole.index()
    return whole


def _joined(node: NodeProto, names: list[str], axis: int) -> NodeProto:
    return helper.make_node("Concat", names, list(node.output), node.name, axis=axis)
