"""Arithmetic, element by element with broadcasting.   x, y, ct: any shapes that broadcast."""

from __future__ import annotations

import math

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.broadcast import elementwise
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, nondifferentiable


@elementwise("Add", "Sum")
def add(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx_i = ct"""
    return [ct] * len(node.inputs)


@elementwise("Sub")
def sub(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = ct, db = -ct"""
    return ct, e.neg(ct)


@elementwise("Mul")
def mul(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = ct * b, db = ct * a"""
    a, b = node.input(0), node.input(1)
    return e.mul(ct, b), e.mul(ct, a)


@elementwise("Div")
def div(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = ct / b, db = -ct * y / b"""
    b = node.input(1)
    da = e.div(ct, b)
    return da, e.neg(e.mul(da, node.y))


@elementwise("Pow")
def power(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = ct * b * a^(b-1), 0 where b = 0;  db = ct * y * log(a), 0 where a is not positive"""
    a, b = node.input(0), e.cast(node.input(1), ct.dtype)
    lower, exponents = e.sub(b, 1.0), node.value(1)
    if exponents is None or not exponents.all():
        lower = e.where(e.equal(b, 0.0), 1.0, lower)
    positive = e.greater(a, 0.0)
    log_a = e.where(positive, e.log(e.where(positive, a, 1.0)), 0.0)
    return e.mul(ct, e.mul(b, e.pow(a, lower))), e.mul(ct, e.mul(node.y, log_a))


@elementwise("Mean")
def mean(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx_i = ct / n"""
    return [e.div(ct, float(len(node.inputs)))] * len(node.inputs)


@elementwise("Max", "Min")
def extremum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx_i = ct * 1[x_i = y] / (how many equal y); against a constant bound a tie passes nothing.

    An even split between tied variables is what PyTorch, JAX and TensorFlow do; nothing at a bound
    is the derivative that ReLU6 has at 0 and at 6.
    """
    inputs = [node.input(i) for i in range(len(node.inputs))]
    if len(inputs) == 2 and node.values:
        bound = inputs[next(iter(node.values))]
        within = e.less if node.op == "Min" else e.greater
        passed = e.where(within(node.y, bound), ct, 0.0)
        return [passed, passed]
    hits = [e.cast(e.equal(x, node.y), ct.dtype) for x in inputs]
    count = hits[0]
    for hit in hits[1:]:
        count = e.add(count, hit)
    share = e.div(ct, count)
    return [e.mul(share, hit) for hit in hits]


@elementwise("Where")
def where(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = ct * 1[c], db = ct * 1[not c]"""
    condition = node.input(0)
    return None, e.where(condition, ct, 0.0), e.where(condition, 0.0, ct)


@defvjp("Neg")
def neg(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = -ct"""
    return (e.neg(ct),)


@defvjp("Abs")
def absolute(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * sign(x)"""
    return (e.mul(ct, e.emit("Sign", node.x)),)


@defvjp("Exp")
def exp(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * y"""
    return (e.mul(ct, node.y),)


@defvjp("Log")
def log(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / x"""
    return (e.div(ct, node.x),)


@defvjp("Sqrt")
def sqrt(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / (2 y)"""
    return (e.div(ct, e.mul(node.y, 2.0)),)


@defvjp("Reciprocal")
def reciprocal(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = -ct * y^2"""
    return (e.neg(e.mul(ct, e.mul(node.y, node.y))),)


@defvjp("Sin")
def sin(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * cos(x)"""
    return (e.mul(ct, e.emit("Cos", node.x)),)


@defvjp("Cos")
def cos(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = -ct * sin(x)"""
    return (e.neg(e.mul(ct, e.emit("Sin", node.x))),)


@defvjp("Erf")
def erf(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * 2/sqrt(pi) * exp(-x^2)"""
    bell = e.exp(e.neg(e.mul(node.x, node.x)))
    return (e.mul(ct, e.mul(bell, 2 / math.sqrt(math.pi))),)


@defvjp("Identity")
def identity(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct"""
    return (ct,)


@defvjp("Dropout")
def dropout(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct   (nothing is dropped in inference)"""
    training = node.value(2)
    if node.has(2) and (training is None or training.any()):
        raise Unsupported("training_mode drops at random; export in inference mode")
    return [ct, *[None] * (len(node.inputs) - 1)]


@defvjp("Cast")
def cast(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct in the type of x"""
    return (e.cast(ct, node.x.dtype),)


nondifferentiable(
    "Floor", "Ceil", "Round", "Sign", why="constant between jumps: its derivative is 0"
)
nondifferentiable(
    *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "Xor"),
    *("IsNaN", "IsInf"),
    why="gives truth values",
)
nondifferentiable(
    *("Shape", "Size", "ArgMax", "ArgMin", "NonZero", "OneHot", "EyeLike", "ConstantOfShape"),
    *("Range", "QuantizeLinear", "DynamicQuantizeLinear"),
    why="gives whole numbers or takes only a shape",
)
