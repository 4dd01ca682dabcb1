"""Normalisations.   x, y, ct: [N, C, *S]."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
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
    """dx = scale / s * (ct - mean(ct) - n * mean(ct * n)),   n = (x - mean(x)) / s

    Means over the positions of each channel; s^2 = mean((x - mean(x))^2) + epsilon.
    """
    axes = e.ints(list(range(2, node.rank())))

    def mean(a: Tensor) -> Tensor:
        return e.emit("ReduceMean", a, axes, keepdims=1)

    centred = e.sub(node.x, mean(node.x))
    s = e.sqrt(e.add(mean(e.mul(centred, centred)), node.attrs["epsilon"]))
    n = e.div(centred, s)
    inner = e.sub(e.sub(ct, mean(ct)), e.mul(n, mean(e.mul(ct, n))))
    scale = e.reshape(node.input(1), [1, -1] + [1] * (node.rank() - 2))
    return e.mul(inner, e.div(scale, s)), None, None
