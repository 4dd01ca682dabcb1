"""What differs between the nodes of two regions: attributes, constants, operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from retrograph.auditing.axes import relative_error
from retrograph.auditing.diagnosis.difference import Cause, Difference, Side
from retrograph.auditing.diagnosis.linear import folded, folds, linear_layers
from retrograph.auditing.diagnosis.padding import pad_before, with_pad
from retrograph.auditing.diagnosis.reading import Reading
from retrograph.auditing.diagnosis.vectors import vector_text
from retrograph.auditing.regions import WEIGHTED
from retrograph.ir.graph import NodeProto, input_names

_SPELLING = frozenset(
    {"allowzero", "auto_pad", "axes", "perm", "storage_order", "transA", "transB"}
)
"""Attributes that say the same in several ways, or that go with a layout."""

_LAYOUTS = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that come and go with a layout."""

_GELUS = {"Erf": "Erf", "Tanh": "tanh", "Sigmoid": "Sigmoid", "Swish": "Sigmoid"}
_SAME = 1e-6
_FOLDED = 1e-4
"""Weights that are less off are the same, folded in another order."""


def attribute_causes(difference: Difference) -> Iterator[Cause]:
    """Attributes of nodes of one operator that differ."""
    for ours, theirs in Reading(difference).counterparts():
        told: set[str] = set()
        for key, first, second in _differing(difference, ours, theirs):
            if key not in told:
                told.add(key)
                text = f"{key} {_text(first)} in A, {_text(second)} in B"
                yield Cause(key, text).at(ours, theirs)


def _differing(
    difference: Difference, ours: NodeProto, theirs: NodeProto
) -> Iterator[tuple[str, Any, Any]]:
    """What the files say first, where the canonical nodes differ at all."""
    a, b = difference.a, difference.b
    canonical = [*_unequal(_filled(a, ours), _filled(b, theirs))]
    sources = a.source_attributes(ours), b.source_attributes(theirs)
    if canonical and sources[0] is not None and sources[1] is not None:
        told = with_pad(a, ours, sources[0]), with_pad(b, theirs, sources[1])
        yield from (each for each in _unequal(*told) if None not in (each[1], each[2]))
    yield from canonical


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted({*a, *b} - _SPELLING):
        first, second = a.get(key), b.get(key)
        if not _equal(first, second):
            yield key, first, second


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= _SAME * max(abs(a), abs(b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(np.asarray(a), np.asarray(b))
    return bool(a == b)


def _filled(side: Side, node: NodeProto) -> dict[str, Any]:
    """A node's attributes with what they are where left out, axes counted from the front."""
    found = side.attributes(node)
    if node.op_type in WEIGHTED:
        found.pop("kernel_shape", None)  # its weights say it
    rank = _window_rank(side, node)
    if rank:
        found = {"dilations": [1] * rank, "pads": [0] * 2 * rank, "strides": [1] * rank, **found}
    found = with_pad(side, node, found)
    tensor = side.network.graph.tensor(node.output[0])
    if "axis" in found and tensor is not None and tensor.rank:
        found["axis"] %= tensor.rank
    return found


def _window_rank(side: Side, node: NodeProto) -> int:
    """How many axes a window slides along; 0 for what has none."""
    if node.op_type in ("Conv", "ConvTranspose"):
        tensor = side.network.graph.tensor(node.input[1])
        return max(0, (tensor.rank or 2) - 2) if tensor is not None else 0
    return len(side.attributes(node).get("kernel_shape", ()))


def constant_causes(difference: Difference) -> Iterator[Cause]:
    """Constants that nodes of one operator read, such as the bounds of a Clip."""
    for ours, theirs in Reading(difference).counterparts():
        names = input_names(ours.op_type, ours.domain, difference.a.network.graph.opset)
        first = 1 if ours.op_type in WEIGHTED else 0
        for place, (x, y) in enumerate(zip(ours.input, theirs.input, strict=False)):
            if place == 0 and first:
                continue
            if ours.op_type in WEIGHTED and place <= 2:
                continue
            a, b = difference.a.constant(x), difference.b.constant(y)
            name = names[place] if place < len(names) else f"input {place}"
            holder = "" if b is None else difference.a.holder(b)
            for cause in _constant_cause(name.lower(), a, b, holder):
                yield cause.at(ours, theirs)


def _constant_cause(name: str, a: Any, b: Any, holder: str) -> Iterator[Cause]:
    """What has become of a constant; `holder` names that of A which has B's values."""
    if a is None or b is None or a.dtype.kind == "O":
        return
    kind = f"constant-{name.replace(' ', '-')}"
    first, second = (np.asarray(v, np.float64).reshape(-1) for v in (a, b))
    if first.shape != second.shape:
        if a.dtype.kind == "f":
            yield Cause(kind, f"{name} of {[*a.shape]} in A, of {[*b.shape]} in B")
    elif relative_error(first, second) > _SAME:
        if a.dtype.kind != "f" or first.size <= 4:
            yield Cause(kind, f"{name} {_text(a.tolist())} in A, {_text(b.tolist())} in B")
        else:
            error = relative_error(first, second)
            told = (f"A's `{holder}`" if holder else "") or vector_text(first, second)
            more = f", {told}{' in B' * (not told.endswith(')'))}" if told else ""
            yield Cause(kind, f"{name} differs (relative error {error:.1e}{more})")


def operator_causes(difference: Difference) -> Iterator[Cause]:
    """Operators that one of the two has and the other has not."""
    nodes_a, nodes_b = (_left(difference, side) for side in ("a", "b"))
    only_a = [_named(difference.a, node) for node in nodes_a]
    only_b = [_named(difference.b, node) for node in nodes_b]
    ways = _gelu(difference.a), _gelu(difference.b)
    if all(ways) and ways[0] != ways[1]:
        yield Cause("gelu", f"a GELU by {ways[0]} in A, by {ways[1]} in B")
    if only_a and only_b:
        text = f"{_listed(only_a)} in A, {_listed(only_b)} in B"
        yield Cause("operator-replaced", text).at(nodes_a[0], nodes_b[0])
    elif only_a:
        yield Cause("operator-lost", f"{_listed(only_a)} of A is missing in B")
    elif only_b:
        text = f"B has {_listed(only_b)}, which A has not"
        yield Cause("operator-added", text, b=nodes_b[0].output[0])


def moving_causes(difference: Difference) -> Iterator[Cause]:
    """Operators right before the region that move numbers elsewhere than another layout would."""
    done = {id(node) for pair in Reading(difference).counterparts() for node in pair}
    alone = [
        [
            node
            for node in side.moving_nodes
            if id(node) not in done and node.op_type not in _LAYOUTS
        ]
        for side in (difference.a, difference.b)
    ]
    for node in alone[0]:
        yield Cause("operator-lost", f"{_named(difference.a, node)} of A before it is missing in B")
    for node in alone[1]:
        text = f"B has {_named(difference.b, node)} before it, which A has not"
        yield Cause("operator-added", text, b=node.output[0])


def _gelu(side: Side) -> str:
    """By what the nodes of a region may compute a GELU; "" where they do not."""
    nodes = {node.op_type: node for node in side.nodes}
    if "Gelu" in nodes:
        is_tanh = side.attributes(nodes["Gelu"]).get("approximate") in ("tanh", b"tanh")
        return "tanh" if is_tanh else "Erf"
    if "Mul" not in nodes:
        return ""
    return next((way for op, way in _GELUS.items() if op in nodes), "")


def _left(difference: Difference, which: str) -> list[NodeProto]:
    """The nodes of one side that have no counterpart."""
    paired = {id(node) for pair in Reading(difference).counterparts() for node in pair}
    side = difference.a if which == "a" else difference.b
    absorbed = {id(pad) for node in side.nodes if (pad := pad_before(side, node)) is not None}
    known = paired | absorbed | _folded_away(difference)
    return [node for node in side.nodes if id(node) not in known and node.op_type != "Identity"]


def _folded_away(difference: Difference) -> set[int]:
    """What scales and shifts the channels of layers that come to the same in both files."""
    sides = difference.a, difference.b
    found: set[int] = set()
    for layers in zip(*map(linear_layers, sides), strict=False):
        first, second = map(folded, sides, layers)
        parts = (first.weight, second.weight), (first.filled_bias, second.filled_bias)
        if all(a.shape == b.shape and relative_error(a, b) <= _FOLDED for a, b in parts):
            behind = (folds(side, layer) for side, layer in zip(sides, layers, strict=True))
            found |= {id(node) for each in behind for node, _ in each}
    return found


def _named(side: Side, node: NodeProto) -> str:
    if node.op_type == "Dropout":
        return "Dropout in training"  # any other is the identity, and gone
    if node.op_type == "Clip" and len(node.input) > 2:
        low, high = (side.constant(name) for name in node.input[1:3])
        if low is not None and high is not None and not low.any():
            return f"Clip to [0, {float(high.reshape(-1)[0]):g}]" + (
                " (ReLU6)" if float(high.reshape(-1)[0]) == 6 else ""
            )
    return str(node.op_type)


def _listed(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_text(v) for v in value) + "]"
    return "none" if value is None else str(value)
