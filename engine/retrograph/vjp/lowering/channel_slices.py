"""Some of the channels of a cotangent.

What a convolution makes is not cut: a convolution with some of its weights makes just those
channels, and they stay in the blocked layout (ir/analysis/nchwc_layout.py).
"""

from __future__ import annotations

from dataclasses import replace

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor


def channels(e: Emitter, ct: Tensor, start: int, end: int) -> Tensor:
    """ct[:, start:end];   ct: [N, C, *S]"""
    if not e.is_blocked(ct):
        return e.slice(ct, [start], [end], [1])
    op, inputs, attrs = e.origin(ct)
    if op == "Add":
        return e.add(*(channels(e, part, start, end) for part in inputs if part is not None))
    if op == "AveragePool" and inputs[0] is not None:
        return e.emit(op, channels(e, inputs[0], start, end), **attrs)
    if op == "Conv" and attrs.get("group", 1) == 1 and len(inputs) == 2:
        x, weight = inputs
        assert weight is not None
        assert weight.shape is not None
        some = e.slice(weight, [start], [end], [0])
        return e.emit(op, x, replace(some, shape=(end - start, *weight.shape[1:])), **attrs)
    return e.slice(ct, [start], [end], [1])
