"""Square matrices and triangles.   x: [*B, M, N]."""

from __future__ import annotations

import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, shape_of

FLOAT64 = np.dtype(np.float64)
LARGEST = 16
"""The largest matrix whose determinant is differentiated: in float64 the adjugate of a normal
matrix of that size is off by 2e-11 of its largest number."""


@defvjp("Trilu")
def trilu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct in the kept triangle, 0 elsewhere"""
    k = node.inputs[1:]
    return [e.emit("Trilu", ct, *k, upper=int(node.attrs.get("upper", 1))), *[None] * len(k)]


@defvjp("Det")
def det(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * adj(x)^T   (x: [*B, n, n], ct: [*B])

    The adjugate is there at singular matrices too. It is  (-1)^(n-1) M_n  of Faddeev and Le
    Verrier's recursion  M_1 = 1,  M_(k+1) = x M_k - trace(x M_k) / k,  which never divides by
    what may be 0; its sums cancel, so it runs in float64.
    """
    size = shape_of(node.x)[-1]
    if not isinstance(size, int) or not 1 <= size <= LARGEST:
        raise Unsupported(f"its matrices have the size {size}; supported: 1 to {LARGEST}")
    rank = node.rank()
    lifted = e.unsqueeze(ct, [rank - 2, rank - 1])
    if size == 1:
        return (lifted,)
    x, unit = e.cast(node.x, FLOAT64), e.const(np.eye(size))
    adjugate = unit
    for k in range(1, size):
        product = e.matmul(x, adjugate)
        trace = e.reduce_sum(e.mul(product, unit), [-2, -1])
        adjugate = e.sub(product, e.mul(e.div(trace, float(k)), unit))
    if size % 2 == 0:
        adjugate = e.neg(adjugate)
    cofactors = e.transpose(adjugate, [*range(rank - 2), rank - 1, rank - 2])
    return (e.mul(lifted, e.cast(cofactors, ct.dtype)),)
