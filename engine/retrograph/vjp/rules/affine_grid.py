"""AffineGrid.   theta: [N, r, r+1], y, ct: [N, *S, r], for r = 2 or 3 axes of a picture."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import DType, Tensor
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, defvjp, shape_of


@defvjp("AffineGrid")
def affine_grid(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dtheta[n] = ct[n]^T @ (p, 1)   over all places p, from -1 to 1 along each axis"""
    r = len(shape_of(node.y)) - 2
    extents = e.slice(node.input(1), [2], [2 + r], [0])
    corners = bool(node.attrs["align_corners"])
    lines = [_line(e, extents, axis, r, corners, wide(ct.dtype)) for axis in reversed(range(r))]
    ones = e.expand(e.const(1.0, wide(ct.dtype)), extents)
    places = e.concat([e.reshape(line, [-1, 1]) for line in (*lines, ones)], axis=1)
    flat = e.transpose(e.reshape(ct, [0, -1, r]), [0, 2, 1])
    return e.matmul(flat, e.cast(places, ct.dtype)), None


def _line(e: Emitter, extents: Tensor, axis: int, r: int, corners: bool, dtype: DType) -> Tensor:
    """The coordinate along one axis at every place: [*S].

    1 - 2 (n - 1 - i) / (n - 1) from corner to corner, else the centres of n pixels:
    (2 i + 1) / n - 1. A single corner is the last one, as in ONNX Runtime's kernel; the function
    that the standard gives divides by 0 there.
    """
    size = e.slice(extents, [axis], [axis + 1], [0])
    number, count = e.cast(e.range(size), dtype), e.cast(size, dtype)
    if corners:
        steps = e.sub(count, 1.0)
        left = e.mul(e.sub(steps, number), 2.0)
        line = e.sub(1.0, e.div(left, e.emit("Max", steps, e.const(1.0, dtype))))
    else:
        line = e.sub(e.div(e.add(e.mul(number, 2.0), 1.0), count), 1.0)
    shape = [-1 if a == axis else 1 for a in range(r)]
    return e.expand(e.reshape(line, shape), extents)
