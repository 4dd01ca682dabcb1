"""Gates, element by element.   x, y, ct, dx: any shape."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.gates import complement
from retrograph.vjp.registry import COMPOSITE, Cotangents, Node, defvjp


@defvjp("Shrink")
def shrink(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * 1[x < -lambd or x > lambd]"""
    lambd = node.attrs["lambd"]
    passes = e.emit("Or", e.less(node.x, -lambd), e.greater(node.x, lambd))
    return (e.where(passes, ct, 0.0),)


@defvjp("Swish")
def swish(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * slope(x)"""
    return (e.scaled(ct, _slope(e, node.x, node.attrs["alpha"]), node.x),)


@defvjp("Swish", domain=COMPOSITE)
def spelled_swish(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (s + y * (1 - s))   for y = x * s, s = sigmoid(x)"""
    s = node.parts[0].y
    return (e.scaled(ct, e.add(s, e.mul(node.y, complement(e, s))), node.y),)


@defvjp("SwiGLU")
def swiglu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = ct * b * slope(a), db = ct * a * sigmoid(alpha * a)"""
    a, b, alpha = node.input(0), node.input(1), node.attrs["alpha"]
    gate = e.mul(a, e.sigmoid(e.mul(a, alpha)))
    return e.mul(e.mul(ct, b), _slope(e, a, alpha)), e.mul(ct, gate)


def _slope(e: Emitter, x: Tensor, alpha: float) -> Tensor:
    """s * (1 + alpha * x * (1 - s)), the derivative of x * s;   s = sigmoid(alpha * x)"""
    scaled = e.mul(x, alpha)
    s = e.sigmoid(scaled)
    return e.mul(s, e.add(e.mul(scaled, complement(e, s)), 1.0))
