"""A Pad of zeros right before a convolution, told as the pads of that convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retrograph.auditing.diagnosis.difference import Side
from retrograph.ir.graph import NodeProto

_SPATIAL = 2


def pad_before(side: Side, node: NodeProto) -> NodeProto | None:
    """The node of the region that pads a convolution's input along height and width with zeros."""
    if node.op_type != "Conv":
        return None
    pad = next((n for n in side.nodes if node.input[0] in n.output), None)
    return pad if pad is not None and _pads(side, pad) else None


def with_pad(side: Side, node: NodeProto, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A node's attributes, its pads with those of the Pad right before it."""
    pad = pad_before(side, node)
    pads = [] if pad is None else _pads(side, pad)
    named = [*attributes.get("pads", [0] * len(pads))]
    if not pads or len(pads) != len(named):
        return {**attributes}
    return {**attributes, "pads": [x + y for x, y in zip(named, pads, strict=True)]}


def _pads(side: Side, pad: NodeProto) -> list[int]:
    """How much a Pad adds before and behind height and width; empty where it does other things."""
    mode = side.attributes(pad).get("mode", "constant")
    if pad.op_type != "Pad" or mode not in ("constant", b"constant") or len(pad.input) < 2:
        return []
    given = [side.constant(name) for name in pad.input[1:]]
    amounts, others = given[0], [value for value in given[1:] if value is not None]
    if amounts is None or len(pad.input) > 3 or any(value.any() for value in others):
        return []
    half = amounts.size // 2
    items = [int(value) for value in amounts.reshape(-1)]
    if any(items[:_SPATIAL]) or any(items[half : half + _SPATIAL]):
        return []
    return [*items[_SPATIAL:half], *items[half + _SPATIAL :]]
