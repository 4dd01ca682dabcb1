"""Reductions.   x: any shape; y, ct: x without the reduced axes, or with size 1 there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import divided, wide
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp


@defvjp("ReduceSum")
def reduce_sum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct at every summed position"""
    return _padded(node, _spread(e, node, _kept(e, node, ct)))


@defvjp("ReduceMean")
def reduce_mean(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / (number of positions), at every position"""
    axes = reduced_axes(node)
    share = divided(e, _kept(e, node, ct), e.count(node.x, axes))
    return _padded(node, _spread(e, node, share))


@defvjp("ReduceMax", "ReduceMin")
def reduce_extremum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * 1[x = y] / (how many equal y)   (ties share evenly, as in the frameworks)

    Short numbers are compared with their own maximum in float32, as in Max.
    """
    axes, x = reduced_axes(node), e.cast(node.x, wide(ct.dtype))
    if not axes:
        return _padded(node, ct)
    short = x.dtype != ct.dtype
    y = e.emit(node.op, x, e.ints(axes), keepdims=1) if short else _kept(e, node, node.y)
    hit = e.equal(x, y)
    count = e.reduce_sum(e.cast(hit, x.dtype), axes)
    share = divided(e, _kept(e, node, ct), count)
    return _padded(node, e.where(hit, share, 0.0))


@defvjp("ReduceL2")
def reduce_l2(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * x / y, which is 0 where y = 0"""
    length = e.where(e.greater(node.y, 0.0), node.y, 1.0)
    return _padded(node, e.mul(node.x, _kept(e, node, e.div(ct, length))))


@defvjp("ReduceSumSquare")
def reduce_sum_square(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = 2 * ct * x"""
    return _padded(node, e.mul(node.x, e.mul(_kept(e, node, ct), 2.0)))


def reduced_axes(node: Node) -> list[int]:
    """The reduced axes, counted from the front.

    Raises:
        Unsupported: only run time tells them.
    """
    axes = node.value(1) if node.has(1) else ()
    if axes is None:
        raise Unsupported("its axes are computed at run time; export with constant axes")
    given = [int(a) for a in np.ravel(axes)]
    if not given:
        return [] if node.attrs.get("noop_with_empty_axes", 0) else list(range(node.rank()))
    return sorted(a if a >= 0 else a % node.rank() for a in given)


def _kept(e: Emitter, node: Node, reduced: Tensor) -> Tensor:
    """With size 1 on the reduced axes, whatever `keepdims` says."""
    axes = reduced_axes(node)
    if node.attrs.get("keepdims", 1) or not axes:
        return reduced
    return e.unsqueeze(reduced, axes)


def _spread(e: Emitter, node: Node, kept: Tensor) -> Tensor:
    """Repeated along the reduced axes to the sizes of x."""
    axes = reduced_axes(node)
    return e.expand(kept, _repeats(e, node.x, axes)) if axes else kept


def _repeats(e: Emitter, x: Tensor, axes: Sequence[int]) -> Tensor:
    """How often to repeat along each axis, int64 [rank]."""
    if x.shape is None:
        return e.concat([e.dim(x, 0) if 0 in axes else e.ints([1]), e.sizes(x, 1)], axis=0)
    parts = [e.dim(x, a) if a in axes else e.ints([1]) for a in range(len(x.shape))]
    return e.concat(parts, axis=0)


def _padded(node: Node, dx: Tensor) -> Cotangents:
    return [dx, *[None] * (len(node.inputs) - 1)]
