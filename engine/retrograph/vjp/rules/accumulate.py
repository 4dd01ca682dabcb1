"""More reductions, and running sums.   x: any shape; y, ct: reduced, or with size 1 there."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, defvjp
from retrograph.vjp.rules.reduce import reduced_axes


@defvjp("ReduceL1")
def reduce_l1(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * sign(x)"""
    return _given(node, e.mul(_wide(e, node, ct), e.sign(node.x)))


@defvjp("ReduceLogSum")
def reduce_log_sum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * exp(-y), at every summed position"""
    share = _wide(e, node, e.mul(ct, e.exp(e.neg(node.y))))
    return _given(node, e.expand(share, _sizes(e, node)))


@defvjp("ReduceLogSumExp")
def reduce_log_sum_exp(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * exp(x - y)"""
    share = e.exp(e.sub(node.x, _wide(e, node, node.y)))
    return _given(node, e.mul(_wide(e, node, ct), share))


@defvjp("ReduceProd")
def reduce_prod(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * y / x; where one x is 0, ct times the product of the others"""
    axes, x = reduced_axes(node), node.x
    zero = e.equal(x, 0.0)
    filled = e.where(zero, 1.0, x)
    others = e.emit("ReduceProd", filled, e.ints(axes), keepdims=1) if axes else filled
    zeros = e.reduce_sum(e.cast(zero, ct.dtype), axes)
    none, alone = e.less(zeros, 0.5), e.logical_and(zero, e.less(zeros, 1.5))
    slope = e.where(e.emit("Or", none, alone, dtype=zero.dtype), e.div(others, filled), 0.0)
    return _given(node, e.mul(_wide(e, node, ct), slope))


@defvjp("CumSum")
def cum_sum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = the running sum of ct from the other end"""
    exclusive, reverse = (int(node.attrs.get(key, 0)) for key in ("exclusive", "reverse"))
    dx = e.emit("CumSum", ct, node.input(1), exclusive=exclusive, reverse=1 - reverse)
    return dx, None


@defvjp("CumProd")
def cum_prod(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = (the sum of ct * y over what x is a factor of) / x

    At the first 0 the other factors count alone: there the products are taken with a 1 in its
    place. Behind it nothing flows, for that 0 is a factor of all that is there.
    """
    x, axis = node.x, node.input(1)
    exclusive, reverse = (int(node.attrs.get(key, 0)) for key in ("exclusive", "reverse"))

    def sum_behind(products: Tensor) -> Tensor:
        both = e.mul(ct, products)
        return e.emit("CumSum", both, axis, exclusive=exclusive, reverse=1 - reverse)

    zero = e.equal(x, 0.0)
    zeros = e.emit("CumSum", e.cast(zero, wide(ct.dtype)), axis, reverse=reverse)
    first = e.logical_and(zero, e.less(zeros, 1.5))
    others = e.emit("CumProd", e.where(first, 1.0, x), axis, exclusive=exclusive, reverse=reverse)
    before = e.div(sum_behind(node.y), e.where(zero, 1.0, x))
    return e.where(e.less(zeros, 0.5), before, e.where(first, sum_behind(others), 0.0)), None


def _wide(e: Emitter, node: Node, reduced: Tensor) -> Tensor:
    """With size 1 on the reduced axes, whatever `keepdims` says."""
    axes = reduced_axes(node)
    if node.attrs.get("keepdims", 1) or not axes:
        return reduced
    return e.unsqueeze(reduced, axes)


def _sizes(e: Emitter, node: Node) -> Tensor:
    axes = reduced_axes(node)
    parts = [e.dim(node.x, a) if a in axes else e.ints([1]) for a in range(node.rank())]
    return e.concat(parts, axis=0) if parts else e.ints([])


def _given(node: Node, dx: Tensor) -> Cotangents:
    return [dx, *[None] * (len(node.inputs) - 1)]
