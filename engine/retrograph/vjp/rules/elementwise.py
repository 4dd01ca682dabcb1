"""Arithmetic, element by element with broadcasting.   x, y, ct: any shapes that broadcast."""

from __future__ import annotations

import math

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.broadcast import elementwise
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, defvjp, nondifferentiable


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
    if node.radicand == "squares":
        return e.div(e.mul(ct, b), _or_one(e, node.y)), None
    lower, exponents = e.sub(b, 1.0), node.value(1)
    if exponents is None or not exponents.all():
        lower = e.where(e.equal(b, 0.0), 1.0, lower)
    positive = e.greater(a, 0.0)
    log_a = e.where(positive, e.log(e.where(positive, a, 1.0)), 0.0)
    return e.mul(ct, e.mul(b, e.pow(a, lower))), e.mul(ct, e.mul(node.y, log_a))


@elementwise("Mod")
def mod(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """da = ct, db = -ct * (a - y) / b: the quotient that was cut off, by floor or towards 0"""
    a, b = node.input(0), node.input(1)
    return ct, e.neg(e.mul(ct, e.div(e.sub(a, node.y), b)))


@elementwise("Mean")
def mean(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx_i = ct / n"""
    return [e.div(ct, float(len(node.inputs)))] * len(node.inputs)


@elementwise("Max", "Min")
def extremum(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx_i = ct * 1[x_i = y] / (how many equal y); against a constant bound a tie passes nothing.

    An even split between tied variables is what PyTorch, JAX and TensorFlow do; nothing at a bound
    is the derivative that ReLU6 has at 0 and at 6. ONNX Runtime's CPU rounds float16 between some
    operators only, so short numbers are compared with their own maximum in float32.
    """
    inputs = [node.input(i) for i in range(len(node.inputs))]
    if len(inputs) == 2 and node.values:
        bound = inputs[next(iter(node.values))]
        within = e.less if node.op == "Min" else e.greater
        passed = e.where(within(node.y, bound), ct, 0.0)
        return [passed, passed]
    inputs = [e.cast(x, wide(ct.dtype)) for x in inputs]
    y = node.y if wide(ct.dtype) == ct.dtype else e.emit(node.op, *inputs)
    hits = [e.cast(e.equal(x, y), ct.dtype) for x in inputs]
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
    return (e.mul(ct, e.sign(node.x)),)


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
    """dx = ct / (2 y), 0 where ct = 0; where y = 0 = the sum of squares 0 too"""
    if node.radicand == "squares":
        return (e.div(ct, e.mul(_or_one(e, node.y), 2.0)),)
    dx = e.div(ct, e.mul(node.y, 2.0))
    return (dx if node.radicand == "positive" else e.where(e.equal(ct, 0.0), 0.0, dx),)


def _or_one(e: Emitter, length: Tensor) -> Tensor:
    """1 where a length is 0: its derivative is multiplied with zeros there"""
    return e.where(e.greater(length, 0.0), length, 1.0)


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
    """dx = ct; in training ct / (1 - ratio) where the forward pass drew to keep, 0 elsewhere"""
    rest = [None] * (len(node.inputs) - 1)
    ratio, training = node.value(1), node.value(2)
    if not node.has(2) or (training is not None and not training.any()):
        return [ct, *rest]
    if ratio is not None and not ratio.any():
        return [ct, *rest]
    mask = node.outputs[1]
    assert mask is not None
    share = e.cast(node.input(1), ct.dtype) if node.has(1) else e.const(0.5, ct.dtype)
    kept = e.where(mask, e.div(ct, e.sub(1.0, share)), 0.0)
    return [e.where(node.input(2), kept, ct), *rest]


@defvjp("Cast")
def cast(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct in the type of x"""
    return (e.cast(ct, node.x.dtype),)


nondifferentiable(
    *("Floor", "Ceil", "Round", "Sign", "Hardmax"),
    why="constant between jumps: its derivative is 0",
)
nondifferentiable(
    *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "And", "Or", "Xor"),
    *("IsNaN", "IsInf"),
    why="gives truth values",
)
nondifferentiable(
    *("Shape", "Size", "ArgMax", "ArgMin", "NonZero", "EyeLike", "ConstantOfShape"),
    *("QuantizeLinear", "DynamicQuantizeLinear", "NonMaxSuppression"),
    *("BlackmanWindow", "HammingWindow", "HannWindow"),
    why="gives whole numbers or takes only a shape",
)
nondifferentiable(
    *("BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BitShift", "BitCast"),
    why="takes numbers bit by bit",
)
nondifferentiable(
    *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    *("Bernoulli", "Multinomial"),
    why="draws at random",
)
nondifferentiable(
    *("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "TfIdfVectorizer"),
    "ImageDecoder",
    why="takes texts, words or files",
)
nondifferentiable(
    *("Binarizer", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"),
    domain="ai.onnx.ml",
    why="constant between jumps: its derivative is 0",
)
