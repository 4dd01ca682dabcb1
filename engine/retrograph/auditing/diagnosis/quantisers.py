"""Quantisers of two files whose scale or zero point differ, told as the files have them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from retrograph.auditing.axes import relative_error
from retrograph.auditing.diagnosis.difference import Cause, Difference, Side
from retrograph.auditing.diagnosis.vectors import vector_text
from retrograph.ir.analysis.origin import among
from retrograph.ir.graph import NodeProto
from retrograph.ir.tensor_data import to_array
from retrograph.runtime import Array

_QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
_SAME = 1e-6


def quantiser_causes(difference: Difference) -> Iterator[Cause]:
    """What differs between the quantisers that the regions have come of, one after the other."""
    a, b = difference.a, difference.b
    for op in _QUANTISERS:
        pairs = zip(_quantisers(a, op), _quantisers(b, op), strict=False)
        for (ours, first), (theirs, second) in pairs:
            for place, name in ((1, "scale"), (2, "zero point")):
                text = _text(_number(a, first, place), _number(b, second, place))
                if text:
                    kind = f"quantiser-{name.replace(' ', '-')}"
                    yield Cause(kind, f"{name} {text}").at(ours, theirs)


def _quantisers(side: Side, op: str) -> list[tuple[NodeProto, NodeProto]]:
    """Canonical nodes of the region, each the first of an operator of the file, with that one."""
    file = {node.name: node for node in side.network.model.proto.graph.node if node.name}
    found: dict[str, tuple[NodeProto, NodeProto]] = {}
    for node in [*side.moving_nodes, *side.nodes]:
        whole = among(file, node)
        if whole.op_type == op:
            found.setdefault(whole.name, (node, whole))
    return [*found.values()]


def _number(side: Side, node: NodeProto, place: int) -> Array | None:
    """A scale or zero point of the file; None where it is no weight of it."""
    name = node.input[place] if len(node.input) > place else ""
    constants = side.network.model.proto.graph.initializer
    tensor = next((each for each in constants if each.name == name), None)
    return None if tensor is None else np.asarray(to_array(tensor), np.float64).reshape(-1)


def _text(a: Array | None, b: Array | None) -> str:
    if a is None or b is None or a.shape != b.shape or relative_error(a, b) <= _SAME:
        return ""
    if a.size == 1:
        return f"{a[0]:.6g} in A, {b[0]:.6g} in B"
    return f"of channels differ ({vector_text(a, b) or f'by up to {np.abs(a - b).max():.3g}'})"
