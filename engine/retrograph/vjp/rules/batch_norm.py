"""BatchNormalization.   x, y, ct: [N, C, *S]; scale, bias, mean, var: [C].

In training it is arithmetic over the batch (ir/passes/expand/training.py).
"""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp
from retrograph.vjp.rules.norm import beside, channel_sums, typed


@defvjp("BatchNormalization")
def batch_normalization(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * scale / s   with the stored mean and s = sqrt(var + epsilon)

    dscale = sum(ct * n), db = sum(ct), dmean = -sum(ct) * scale / s,
    dvar = -sum(ct * n) * scale / (2 s^2)   for n = (x - mean) / s, sums over all but the channels.
    """
    if node.attrs.get("training_mode", 0):
        raise Unsupported("training_mode=1 over an unknown rank; export with static shapes")
    scale, shifted = node.input(1), e.add(node.input(4), node.attrs["epsilon"])
    factor = e.div(scale, e.cast(e.sqrt(shifted), scale.dtype))
    dx = e.mul(ct, e.cast(beside(e, factor, node), ct.dtype))
    if node.wanted <= {0}:
        return dx, None, None, None, None
    x, ct, mean, square, scale = (
        e.cast(t, wide(ct.dtype)) for t in (node.x, ct, node.input(3), shifted, scale)
    )
    n = e.div(e.sub(x, beside(e, mean, node)), beside(e, e.sqrt(square), node))
    dscale, db = channel_sums(e, node, [e.mul(ct, n), ct])
    dmean = e.neg(e.div(e.mul(db, scale), e.sqrt(square)))
    dvar = e.neg(e.div(e.mul(dscale, scale), e.mul(square, 2.0)))
    return typed(e, node, [dx, dscale, db, dmean, dvar])
