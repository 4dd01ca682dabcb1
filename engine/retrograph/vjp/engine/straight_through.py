"""What rounds, and stands for a quantiser.   x, ct: any shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import Cotangents, Node


def straight_through(
    e: Emitter, node: Node, cts: Sequence[Tensor | None], bound: float
) -> Cotangents:
    """dx = ct * 1[|x| <= bound]: as if it rounded nothing within a bound"""
    (ct,) = cts
    if ct is None or math.isinf(bound):
        return (ct,)
    outside = e.greater(e.emit("Abs", node.x), bound)
    return (e.where(outside, 0.0, ct),)
