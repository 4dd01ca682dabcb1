"""Circular and hyperbolic functions.   x, y, ct: any shape."""

from __future__ import annotations

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import Cotangents, Node, defvjp


@defvjp("Tan")
def tan(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (1 + y^2)"""
    return (e.mul(ct, e.add(e.mul(node.y, node.y), 1.0)),)


@defvjp("Asin")
def asin(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / sqrt(1 - x^2)"""
    return (e.div(ct, e.sqrt(e.sub(1.0, e.mul(node.x, node.x)))),)


@defvjp("Acos")
def acos(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = -ct / sqrt(1 - x^2)"""
    return (e.neg(e.div(ct, e.sqrt(e.sub(1.0, e.mul(node.x, node.x))))),)


@defvjp("Atan")
def atan(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / (1 + x^2)"""
    return (e.div(ct, e.add(e.mul(node.x, node.x), 1.0)),)


@defvjp("Sinh")
def sinh(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * cosh(x)"""
    return (e.mul(ct, e.mul(e.add(e.exp(node.x), e.exp(e.neg(node.x))), 0.5)),)


@defvjp("Cosh")
def cosh(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * sinh(x)"""
    return (e.mul(ct, e.mul(e.sub(e.exp(node.x), e.exp(e.neg(node.x))), 0.5)),)


@defvjp("Asinh")
def asinh(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / sqrt(x^2 + 1)"""
    return (e.div(ct, e.sqrt(e.add(e.mul(node.x, node.x), 1.0))),)


@defvjp("Acosh")
def acosh(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / sqrt(x^2 - 1)"""
    return (e.div(ct, e.sqrt(e.sub(e.mul(node.x, node.x), 1.0))),)


@defvjp("Atanh")
def atanh(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / (1 - x^2)"""
    return (e.div(ct, e.sub(1.0, e.mul(node.x, node.x))),)
