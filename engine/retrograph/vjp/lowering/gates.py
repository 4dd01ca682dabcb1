"""Gates between bounds: what passes where a number lies above one bound and below another.

In float32 a bound is a HardSigmoid so steep that it is a step, and the gate a product: ONNX
Runtime computes both in the blocked layout of the convolutions around them, where Greater and
Where would take every tensor out of it and back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

import numpy as np

from retrograph.ir.emit import FLOAT32, Emitter
from retrograph.ir.graph import Rows, Tensor

Bound = Tensor | float

_STEEPEST = 127
_LEAST = 2.0**-100
_BELOW_ZERO = -(2.0**-126)


def between(
    e: Emitter, ct: Tensor, x: Tensor, low: Bound | None = None, high: Bound | None = None
) -> Tensor:
    """ct * 1[low < x < high]; None is no bound.

    x and ct have one shape, or broadcast. A float32 x whose distance to a bound of 0 is below the
    least normal number (1.2e-38) may count in part.
    """
    op, origin, _ = e.origin(ct)
    if op == _SWITCHED and origin[2] is not None and origin[2].name == x.name:
        y = origin[3]
        assert y is not None
        return _before_switches(e, ct, lambda small: between(e, small, y, low, high))
    limits = [(bound, sign) for bound, sign in ((low, 1.0), (high, -1.0)) if bound is not None]
    steps = [
        (bound, sign)
        for bound, sign in limits
        if not isinstance(bound, Tensor) and _has_step(bound)
    ]
    if x.dtype == FLOAT32 and limits and len(steps) == len(limits):
        gates = [_step(e, x, bound, sign) for bound, sign in steps]
        return gated(e, ct, replace(reduce(e.mul, gates), shape=x.shape))
    masks = []
    if low is not None:
        masks.append(e.greater(x, low))
    if high is not None:
        masks.append(e.less(x, high))
    if not masks:
        return ct
    return e.where(masks[0] if len(masks) == 1 else e.logical_and(*masks), ct, 0.0)


_GATED = "product with a gate"
_SWITCHED = "product with the switches of a pool"
_MOVES = {"Concat", "Expand", "Reshape", "Slice", "Unsqueeze"}


def gated(e: Emitter, ct: Tensor, gate: Tensor) -> Tensor:
    """ct * gate, which is 0 or 1.

    Gates of an item that follow each other are joined before they meet its units.
    """
    if ct.rows is gate.rows:
        return e.mul(ct, gate)
    op, inputs, _ = e.origin(ct)
    if op == _GATED:
        whole, first = (t for t in inputs if t is not None)
        ct, gate = whole, replace(e.mul(first, gate), shape=gate.shape)
    return e.recall(e.scaled(ct, gate, gate), _GATED, ct, gate)


def switched(e: Emitter, spread: Tensor, switches: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """spread * switches, of a pool that takes y out of x: what came down to y, enlarged and masked

    What is done to it element by element next is done before it is enlarged, for what is not masked
    meets y in x.
    """
    product = gated(e, spread, switches)
    if spread.rows is not switches.rows:
        return product
    return e.recall(product, _SWITCHED, spread, switches, x, y)


def _before_switches(e: Emitter, ct: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """change(ct) of a cotangent that is switched, where change(0) = 0."""
    spread, *rest = (t for t in e.origin(ct)[1] if t is not None)
    op, (small, *scales), attrs = e.origin(spread)
    assert small is not None
    again = e.declare(e.emit(op, change(small), *scales, **attrs), spread.shape)
    return switched(e, again, *rest)


def positive(e: Emitter, ct: Tensor, reach: int = 16) -> Tensor:
    """max(ct, 0); of units before their items' gates, and before what only moves numbers

    It goes no further back than `reach` nodes.

    Behind a product of matrices as Max: OpenVINO's plugin (onnxruntime-openvino 1.24.1) makes one
    operator of a Gemm, a ReLU and a product with a mask, and computes another number.
    """
    op, inputs, attrs = e.origin(ct)
    if op == _SWITCHED:
        return _before_switches(e, ct, lambda small: positive(e, small, reach))
    if op == _GATED:
        whole, gate = (t for t in inputs if t is not None)
        return gated(e, positive(e, whole, reach), gate)
    nearest = op == "Resize" and attrs.get("mode") == "nearest"
    if ct.rows is Rows.UNITS and reach and (nearest or op in _MOVES):
        count = len(inputs) if op == "Concat" else 1
        moved = [t and positive(e, t, reach - 1) for t in inputs[:count]]
        made = e.emit(op, *moved, *inputs[count:], **attrs)
        return replace(made, shape=ct.shape, rows=ct.rows)
    if op in ("Gemm", "MatMul"):
        return e.maximum(ct, 0.0)
    return e.relu(ct)


def complement(e: Emitter, share: Tensor) -> Tensor:
    """1 - share, for numbers from 0 to 1"""
    if share.dtype != FLOAT32:
        return e.sub(1.0, share)
    return e.emit("HardSigmoid", share, alpha=-1.0, beta=1.0)


def _has_step(bound: float) -> bool:
    """Whether a float32 slope is steep enough to tell the bound from the numbers next to it."""
    return bound == 0 or _LEAST <= abs(bound) < math.inf


def _step(e: Emitter, x: Tensor, bound: float, sign: float) -> Tensor:
    """1[x > bound], or 1[x < bound] for the sign -1: clip(sign * slope * (x - bound), 0, 1)

    The slope is a power of two that makes at least 1 of the distance to the next number, so the
    product is exact and the difference is exact wherever it matters. Where the bound is 0 the
    offset is the least normal number and not 0, which OpenVINO's loader takes for an attribute that
    is left out, and so for the 0.5 that the operator then has.
    """
    at = np.float32(bound)
    beyond = np.nextafter(at, np.float32(sign * np.inf))
    gap = abs(float(beyond) - float(at))
    exponent = 1 - math.frexp(gap)[1] if at else _STEEPEST
    slope = sign * 2.0**exponent
    offset = -slope * float(at) if at else _BELOW_ZERO
    return e.emit("HardSigmoid", x, alpha=slope, beta=offset)
