"""MeanVarianceNormalization.   x, y, ct, dx: any shape of which `axes` names some."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, defvjp

EPSILON = 1e-9
"""Added to the deviation, not under its root: ONNX's definition."""


@defvjp("MeanVarianceNormalization")
def mean_variance_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = (g - mean(g)) / (s + epsilon),   g = ct - (d / s) * mean(ct * d) / (s + epsilon)

    d = x - mean(x), s^2 = mean(d^2); where s is 0, so is d, and g = ct. Means over `axes`.
    """
    over, dtype = e.ints(node.attrs["axes"]), ct.dtype
    x, ct = e.cast(node.x, wide(dtype)), e.cast(ct, wide(dtype))

    def mean(a: Tensor) -> Tensor:
        return e.emit("ReduceMean", a, over, keepdims=1)

    d = e.sub(x, mean(x))
    s = e.sqrt(mean(e.mul(d, d)))
    above = e.add(s, EPSILON)
    unit = e.div(d, e.where(e.greater(s, 0.0), s, 1.0))
    g = e.sub(ct, e.mul(unit, e.div(mean(e.mul(ct, d)), above)))
    return (e.cast(e.div(e.sub(g, mean(g)), above), dtype),)
