"""Operators that are defined by others, in the place of those without a rule of their own.

What has a definition in the table (registry.py, a file for each family) takes that; of the rest,
what ONNX defines as a function takes its function body (function.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from onnx import NodeProto

from retrograph.errors import InputError
from retrograph.ir.analysis import shape_inference
from retrograph.ir.analysis.untyped_outputs import guess_types
from retrograph.ir.graph import STANDARD_DOMAINS, Graph
from retrograph.ir.passes import hoist_constants, relu_spelling
from retrograph.ir.passes.expand import (  # noqa: F401  importing a family registers its definitions
    attention,
    features,
    fused,
    layout,
    quantized,
    recurrent,
    training,
)
from retrograph.ir.passes.expand.function import function_body
from retrograph.ir.passes.expand.registry import NoDefinition, definition_of
from retrograph.ir.passes.fixpoint import settle
from retrograph.ir.passes.opsets import lower
from retrograph.ir.passes.opsets.registry import NoRewriting

Choice = Callable[[NodeProto], bool]

_FUSED = {"QLinearConv", "QLinearMatMul", "SimplifiedLayerNormalization"}
"""Those that stand in the standard domain."""

_PACKED = "com.microsoft.nchwc"
"""Weights in blocks of as many channels as a register has numbers, 8 or 16 by the machine."""


def expand(graph: Graph, names: Collection[str], is_treated: Choice) -> Graph:
    """A graph in which the named nodes are replaced by their definitions, as far as they have one.

    So are those among what takes their place that are not treated. The given graph stays as it is.

    Args:
        graph: canonical.
        names: the nodes to replace.
        is_treated: whether a node needs no definition: its operator has a rule, or nothing flows
            through it.
    """
    if not names:
        return graph
    kept = {node.name for node in graph.nodes} - set(names)
    whole = graph.copy()
    while _replace(whole, lambda node: node.name not in kept and not is_treated(node)):
        hoist_constants.hoist(whole)
        settle(whole)
    whole.relu_like = graph.relu_like | (relu_spelling.relu_like(whole) - kept)
    guess_types(whole)
    lower(whole)
    return whole


def unfuse(graph: Graph) -> bool:
    """Replace the fused operators of a runtime by the standard operators they are made of.

    So are those over quantised numbers, which settle() then makes floating point. True if there
    was any.

    Raises:
        InputError: the weights are packed for the processor of one machine.
    """
    if any(node.domain == _PACKED for node in graph.nodes):
        raise InputError(
            "the model was saved by ONNX Runtime with its weights packed for one processor (domain "
            f"{_PACKED}), and the file does not tell how; save it again with optimisations at "
            "ORT_ENABLE_EXTENDED or below"
        )
    changed = False
    while _replace(graph, lambda n: n.domain not in STANDARD_DOMAINS or n.op_type in _FUSED):
        shape_inference.infer_types(graph)
        changed = True
    return changed


def _replace(graph: Graph, chosen: Choice) -> bool:
    """Replace the chosen nodes that have a definition; True if there was any."""
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        body = _definition(graph, node) if chosen(node) else None
        nodes.extend(body or [node])
    return graph.replace_nodes(nodes)


def _definition(graph: Graph, node: NodeProto) -> list[NodeProto] | None:
    define = definition_of(node) or function_body
    graph.undefined.pop(node.name, None)
    try:
        return define(graph, node)
    except (NoDefinition, NoRewriting) as reason:
        graph.undefined[node.name] = str(reason)
        return None
