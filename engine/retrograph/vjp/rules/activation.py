"""Activations.   x, y, ct, dx: [N, C, *S] or any shape.

Derivatives are taken from the output where they can be, so that a runtime keeps the activation
fused into the convolution before it. At a kink the derivative is 0, as in the frameworks.
"""

from __future__ import annotations

import math

from retrograph.ir.emit import BOOL, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.broadcast import elementwise
from retrograph.vjp.lowering.gates import between, complement
from retrograph.vjp.registry import Cotangents, Node, defvjp


@defvjp("Relu")
def relu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * 1[y > 0]"""
    return (between(e, ct, node.y, low=0.0),)


@defvjp("Clip")
def clip(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * 1[min < y < max], dmin and dmax = the sum of ct where y is that bound"""
    low, high = _bound(node, 1), _bound(node, 2)
    return [between(e, ct, node.y, low, high), *_bounds(e, node, ct)]


def _bound(node: Node, i: int) -> Tensor | float | None:
    """A bound of a Clip: a number where it is known, None where there is none."""
    value = node.value(i)
    if value is not None:
        return float(value.item())
    return node.input(i) if node.has(i) else None


def _bounds(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """The cotangents of min and max: a sum over what is below, and over what is above."""
    if node.wanted.isdisjoint((1, 2)):
        return [None] * (len(node.inputs) - 1)
    below, above = ct, None
    if node.has(1):
        below = e.where(e.less(node.x, node.input(1)), ct, 0.0)
    if node.has(2):
        raised = e.emit("Max", node.x, node.input(1)) if node.has(1) else node.x
        over = e.greater(raised, node.input(2))  # max wins where it is less than min
        below, above = e.where(over, 0.0, below), e.where(over, ct, 0.0)
    every = list(range(node.rank()))
    return [
        e.reshape_like(e.reduce_sum(part, every, keepdims=False), node.input(i))
        if part is not None and i in node.wanted
        else None
        for i, part in enumerate((below, above)[: len(node.inputs) - 1], start=1)
    ]


@defvjp("ThresholdedRelu")
def thresholded_relu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * 1[x > alpha]"""
    return (between(e, ct, node.x, low=node.attrs["alpha"]),)


@defvjp("LeakyRelu")
def leaky_relu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (1 if x > 0 else alpha)"""
    return (e.where(e.greater(node.x, 0.0), ct, e.mul(ct, node.attrs["alpha"])),)


@elementwise("PRelu")
def prelu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (1 if x > 0 else slope), dslope = ct * (0 if x > 0 else x)"""
    positive, slope = e.greater(node.x, 0.0), node.input(1)
    return e.where(positive, ct, e.mul(ct, slope)), e.where(positive, 0.0, e.mul(ct, node.x))


@defvjp("Elu")
def elu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (1 if x > 0 else y + alpha)"""
    leak = e.mul(ct, e.add(node.y, node.attrs["alpha"]))
    return (e.where(e.greater(node.x, 0.0), ct, leak),)


@defvjp("Selu")
def selu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (gamma if x > 0 else y + gamma * alpha)"""
    gamma, alpha = node.attrs["gamma"], node.attrs["alpha"]
    leak = e.mul(ct, e.add(node.y, gamma * alpha))
    return (e.where(e.greater(node.x, 0.0), e.mul(ct, gamma), leak),)


@defvjp("Celu")
def celu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (1 if x > 0 else exp(x / alpha))"""
    leak = e.mul(ct, e.add(e.div(node.y, node.attrs["alpha"]), 1.0))
    return (e.where(e.greater(node.x, 0.0), ct, leak),)


@defvjp("Sigmoid")
def sigmoid(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * y * (1 - y)"""
    return (e.scaled(ct, e.mul(node.y, complement(e, node.y)), node.y),)


@defvjp("Tanh")
def tanh(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (1 - y^2)"""
    return (e.mul(ct, e.sub(1.0, e.mul(node.y, node.y))),)


@defvjp("HardSigmoid")
def hard_sigmoid(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * alpha * 1[0 < y < 1]"""
    return (between(e, e.mul(ct, node.attrs["alpha"]), node.y, 0.0, 1.0),)


@defvjp("HardSwish")
def hard_swish(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (h + x/6 * 1[-3 < x < 3]),   h = clip(x/6 + 1/2, 0, 1)"""
    h = e.emit("HardSigmoid", node.x, alpha=1 / 6, beta=0.5)
    ramp = between(e, e.mul(node.x, 1 / 6), h, 0.0, 1.0)
    return (e.mul(ct, e.add(h, ramp)),)


@defvjp("Softplus")
def softplus(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * sigmoid(x)"""
    return (e.mul(ct, e.sigmoid(node.x)),)


@defvjp("Softsign")
def softsign(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / (1 + |x|)^2"""
    root = e.add(e.emit("Abs", node.x), 1.0)
    return (e.div(ct, e.mul(root, root)),)


@defvjp("Mish")
def mish(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (t + x * (1 - t^2) * sigmoid(x)),   t = tanh(softplus(x))"""
    t = e.emit("Tanh", e.emit("Softplus", node.x))
    slope = e.mul(e.sub(1.0, e.mul(t, t)), e.sigmoid(node.x))
    return (e.mul(ct, e.add(t, e.mul(node.x, slope))),)


@defvjp("Gelu")
def gelu(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * (P(x) + x * p(x)), with the normal distribution P and its density p

    With approximate='tanh'  P(x) = (1 + tanh(u)) / 2,  u = sqrt(2/pi) * (x + 0.044715 x^3).
    """
    x = node.x
    if node.attrs.get("approximate", "none") == "tanh":
        square, c = e.mul(x, x), math.sqrt(2 / math.pi)
        t = e.emit("Tanh", e.mul(x, e.add(e.mul(square, 0.044715 * c), c)))
        cdf = e.mul(e.add(t, 1.0), 0.5)
        slope = e.add(e.mul(square, 3 * 0.044715 * c), c)
        density = e.mul(e.mul(e.sub(1.0, e.mul(t, t)), slope), 0.5)
        return (e.mul(ct, e.add(cdf, e.mul(x, density))),)
    cdf = e.mul(e.add(e.emit("Erf", e.mul(x, math.sqrt(0.5))), 1.0), 0.5)
    density = e.mul(e.exp(e.mul(e.mul(x, x), -0.5)), 1 / math.sqrt(2 * math.pi))
    return (e.mul(ct, e.add(cdf, e.mul(x, density))),)


@defvjp("Softmax")
def softmax(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = y * (ct - sum(ct * y))   over `axis`

    Nothing flows through y where it is not a number, as where an attention masks a whole row.
    """
    y = e.where(e.emit("IsNaN", node.y, dtype=BOOL), 0.0, node.y)
    weighted = e.reduce_sum(e.mul(ct, y), [node.axis(-1)])
    return (e.mul(y, e.sub(ct, weighted)),)


@defvjp("LogSoftmax")
def log_softmax(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct - exp(y) * sum(ct)   over `axis`"""
    total = e.reduce_sum(ct, [node.axis(-1)])
    return (e.sub(ct, e.mul(e.exp(node.y), total)),)
