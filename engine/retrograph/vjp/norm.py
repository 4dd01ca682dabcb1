"""Normalisations.   x, y, ct: [N, C, *S], or any shape where an operator names its axes.

Those that normalise by the statistics of x compute in float32 at least. GroupNormalization is
rewritten (ir/opsets.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.linear import wide
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp


@defvjp("BatchNormalization")
def batch_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * scale / sqrt(var + epsilon)   with the stored statistics"""
    if node.attrs.get("training_mode", 0):
        raise Unsupported("training_mode=1 normalises by the batch; export in inference mode")
    scale, var = node.input(1), node.input(4)
    deviation = e.sqrt(e.add(var, node.attrs["epsilon"]))
    factor = e.div(scale, e.cast(deviation, scale.dtype))
    spread = e.reshape(factor, [1, -1] + [1] * (node.rank() - 2))
    return e.mul(ct, e.cast(spread, ct.dtype)), None, None, None, None


@defvjp("InstanceNormalization")
def instance_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """ct * scale through n = (x - mean(x)) / s;   means over the positions of each channel"""
    axes = list(range(2, node.rank()))
    scaled = e.mul(ct, e.reshape(node.input(1), [1, -1] + [1] * (node.rank() - 2)))
    return _normalised(e, node.x, scaled, axes, node.attrs["epsilon"]), None, None


@defvjp("LayerNormalization")
def layer_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """ct * scale through n = (x - mean(x)) / s;   means over all axes from `axis` on"""
    axes = list(range(node.axis(-1), node.rank()))
    scaled = e.mul(ct, node.input(1))
    dx = _normalised(e, node.x, scaled, axes, node.attrs["epsilon"])
    return [dx, *[None] * (len(node.inputs) - 1)]


@defvjp("RMSNormalization")
def rms_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """ct * scale through n = x / s;   s^2 = mean(x^2) + epsilon over all axes from `axis` on"""
    axes = list(range(node.axis(-1), node.rank()))
    scaled = e.mul(ct, node.input(1))
    return _normalised(e, node.x, scaled, axes, node.attrs["epsilon"], centred=False), None


@defvjp("LpNormalization")
def lp_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = (ct - g * sum(ct * y)) / |x|, which is 0 where |x| = 0;   g = y, or sign(x) for p = 1"""
    axes, first = [node.axis(-1)], int(node.attrs["p"]) == 1
    norm = e.emit("ReduceL1" if first else "ReduceL2", node.x, e.ints(axes), keepdims=1)
    g = e.emit("Sign", node.x) if first else node.y
    inner = e.sub(ct, e.mul(g, e.reduce_sum(e.mul(ct, node.y), axes)))
    positive = e.greater(norm, 0.0)
    return (e.where(positive, e.div(inner, e.where(positive, norm, 1.0)), 0.0),)


def _normalised(
    e: Emitter, x: Tensor, ct: Tensor, axes: Sequence[int], epsilon: float, centred: bool = True
) -> Tensor:
    """dx = (ct - mean(ct) - n * mean(ct * n)) / s   for n = (x - mean(x)) / s

    s^2 = mean((x - mean(x))^2) + epsilon. Without `centred` mean(x) and mean(ct) are left out.
    """
    over, dtype = e.ints(axes), ct.dtype
    x, ct = e.cast(x, wide(dtype)), e.cast(ct, wide(dtype))

    def mean(a: Tensor) -> Tensor:
        return e.emit("ReduceMean", a, over, keepdims=1)

    if centred:
        x = e.sub(x, mean(x))
    s = e.sqrt(e.add(mean(e.mul(x, x)), epsilon))
    n = e.div(x, s)
    inner = e.sub(ct, e.mul(n, mean(e.mul(ct, n))))
    if centred:
        inner = e.sub(inner, mean(ct))
    return e.cast(e.div(inner, s), dtype)
