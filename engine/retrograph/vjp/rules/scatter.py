"""Updates put at places of a tensor.   x, y, ct: any shape; u: updates, an index for each.

An index may come twice, except with reduction 'none', where the standard leaves y open then.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrograph.ir.emit import BOOL, Emitter
from retrograph.ir.graph import Rows, Tensor
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp


@dataclass(frozen=True)
class _Places:
    """Where a node puts its updates."""

    e: Emitter
    node: Node

    def put(self, x: Tensor, updates: Tensor, reduction: str) -> Tensor:
        """x with the updates put at the places."""
        index = self.node.input(1)
        if self.node.op == "ScatterND":
            return self.e.emit("ScatterND", x, index, updates, reduction=reduction)
        axis = self.node.axis()
        return self.e.emit("ScatterElements", x, index, updates, axis=axis, reduction=reduction)

    def take(self, x: Tensor) -> Tensor:
        """What x has at each place, in the shape of the updates."""
        if self.node.op == "ScatterND":
            return self.e.emit("GatherND", x, self.node.input(1))
        return self.e.emit("GatherElements", x, self.node.input(1), axis=self.node.axis())


@defvjp("ScatterND", "ScatterElements")
def scatter(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct, 0 where an update replaced it, du = ct at its place;   with reduction add dx = ct"""
    named = node.op == "ScatterND" or node.input(1).rows is not Rows.ITEMS
    if ct.rows is Rows.UNITS and named:
        raise Unsupported(
            f"its indices '{node.input(1).name}' are those of the items, so many=True is not "
            "possible; explain one unit at a time"
        )
    places, reduction = _Places(e, node), str(node.attrs.get("reduction", "none"))
    if reduction == "mul":
        dx, du = _multiplied(places, ct)
    elif reduction in ("max", "min"):
        dx, du = _extremum(places, ct)
    elif reduction in ("none", "add"):
        du = places.take(ct)
        dx = ct if reduction == "add" else places.put(ct, e.mul(du, 0.0), "none")
    else:
        raise Unsupported(f"reduction='{reduction}'; supported: none, add, mul, max and min")
    return e.cast(dx, ct.dtype), None, e.cast(du, ct.dtype)


def _multiplied(places: _Places, ct: Tensor) -> tuple[Tensor, Tensor]:
    """dx = ct * (product of the updates there), du = ct * x * (product of the others there)

    That of the others is the product p of those that are not 0, divided by u, where none is 0; p
    for the only one that is 0; and 0 for all else.
    """
    e, dtype = places.e, wide(ct.dtype)
    x, u, ct = (e.cast(t, dtype) for t in (places.node.x, places.node.input(2), ct))
    ones = e.constant_of_shape(e.sizes(x, 0), 1.0, dtype)
    zero = e.equal(u, 0.0)
    filled = e.where(zero, 1.0, u)
    product = places.take(places.put(ones, filled, "mul"))
    zeros = places.take(places.put(e.mul(ones, 0.0), e.cast(zero, dtype), "add"))
    alone = e.logical_and(zero, e.less(zeros, 1.5))
    counted = e.emit("Or", e.less(zeros, 0.5), alone, dtype=BOOL)
    others = e.where(counted, e.div(product, filled), 0.0)
    return e.mul(ct, places.put(ones, u, "mul")), e.mul(places.take(e.mul(ct, x)), others)


def _extremum(places: _Places, ct: Tensor) -> tuple[Tensor, Tensor]:
    """dx = ct * 1[x = y] / n, du = ct * 1[u = y] / n;   n of x and the updates there equal y"""
    e, dtype, node = places.e, wide(ct.dtype), places.node
    x, u = e.cast(node.x, dtype), e.cast(node.input(2), dtype)
    y = node.y if dtype == ct.dtype else places.put(x, u, node.attrs["reduction"])
    hit_x, hit_u = e.cast(e.equal(x, y), dtype), e.cast(e.equal(u, places.take(y)), dtype)
    share = e.div(e.cast(ct, dtype), places.put(hit_x, hit_u, "add"))
    return e.mul(share, hit_x), e.mul(places.take(share), hit_u)
