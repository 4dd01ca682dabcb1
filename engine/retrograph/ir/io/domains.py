"""The domains of operators: the standard one spelled in one way, the others known or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import ModelProto, NodeProto, defs, helper

from retrograph.ir.graph import STANDARD_DOMAINS, opset_of
from retrograph.ir.subgraphs import nodes_with_inner

_ML = "ai.onnx.ml"


def unify_domains(model: ModelProto) -> None:
    """Write the domain of standard operators as "" everywhere, and import every other, in place.

    "ai.onnx" means the same as "". ONNX Runtime counts on the domains that it knows where a file
    does not import them.
    """
    _merge_imports(model, opset_of(model))
    used = set(_respelled(model.graph.node))
    for function in model.functions:
        function.domain = _plain(function.domain)
        for one in function.opset_import:
            one.domain = _plain(one.domain)
        used.update(_respelled(function.node))
    missing = used - {o.domain for o in model.opset_import} - {"", _ML}
    model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in sorted(missing))


def _merge_imports(model: ModelProto, opset: int) -> None:
    """One import of the standard operators, of the highest version named."""
    if all(o.domain != "ai.onnx" for o in model.opset_import):
        return
    others = [o for o in model.opset_import if o.domain not in STANDARD_DOMAINS]
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", opset), *others])


def _respelled(nodes: Iterable[NodeProto]) -> Iterator[str]:
    """The domains of the nodes and of those in their bodies, each as it is spelled from now on."""
    for node in nodes_with_inner(nodes):
        if node.domain in STANDARD_DOMAINS and node.domain:
            node.domain = ""
        yield node.domain


def _plain(domain: str) -> str:
    return "" if domain in STANDARD_DOMAINS else domain


def has_schema(node: NodeProto) -> bool:
    """Whether ONNX defines the operator."""
    return bool(defs.has(node.op_type, _plain(node.domain)))
