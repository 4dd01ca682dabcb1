"""Standard operators that ONNX Runtime has in its own domain, too, for more element types.

Below opset 21 QuantizeLinear and DequantizeLinear take no numbers of 16 or 4 bits, and those of
com.microsoft do. They are the same otherwise: read as the standard ones, and given back the domain
where the opset of the graph that is written does not have their types.
"""

from __future__ import annotations

from onnx import NodeProto

from retrograph.ir.graph import MICROSOFT, Graph
from retrograph.ir.passes.opsets.lowest_opset import takes_types

LENT = frozenset(("QuantizeLinear", "DequantizeLinear"))


def as_standard(node: NodeProto) -> NodeProto:
    """The standard operator in the place of the same one of com.microsoft; others as they are."""
    if node.domain != MICROSOFT or node.op_type not in LENT:
        return node
    return _of_domain(node, "")


def give_back(graph: Graph) -> bool:
    """Put those nodes into com.microsoft whose types the graph's opset does not have, in place.

    True if there was any.
    """
    if all(o.domain != MICROSOFT for o in graph.model.opset_import):
        return False
    lent = [n.op_type in LENT and not n.domain and not takes_types(graph, n) for n in graph.nodes]
    return graph.replace_nodes(
        [_of_domain(n, MICROSOFT) if one else n for n, one in zip(graph.nodes, lent, strict=True)]
    )


def _of_domain(node: NodeProto, domain: str) -> NodeProto:
    twin = NodeProto()
    twin.CopyFrom(node)
    twin.domain = domain
    return twin
