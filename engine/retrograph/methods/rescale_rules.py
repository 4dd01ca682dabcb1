"""The rules of DeepLIFT Rescale: finite differences from a baseline in place of derivatives.

Each is complete: with x and y at the input, x0 and y0 at the baseline,
sum of dx * (x - x0) = sum of ct * (y - y0), over all inputs of the node. `other` gives what a
tensor is at the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import ml_dtypes
import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import DType, Tensor
from retrograph.vjp.lowering.broadcast import sum_to_input
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.registry import Cotangents, Node, vjp

Other = Callable[[Tensor], Tensor]
Cts = Sequence[Tensor | None]
RescaleRule = Callable[[Other, Emitter, Node, Cts], Cotangents]

SAME = 1e-10
"""Numbers that differ by less are the same. Short ones are compared in float32: the smallest
difference of two numbers in float16 is 6e-8, so of those only equal ones are the same."""

ROUNDINGS = 4
"""So many roundings of y may lie between the derivative and the finite difference."""

MINIMA = {"Min", "ReduceMin"}
FACTORS = {"Gemm": {0, 1}, "Conv": {0, 1}, "ConvTranspose": {0, 1}}
"""Which inputs are multiplied, where not all are."""


def linear(other: Other, e: Emitter, node: Node, cts: Cts) -> Cotangents:
    """The ordinary cotangents: y - y0 = f(x - x0)"""
    return vjp(e, node, cts)


def product(other: Other, e: Emitter, node: Node, cts: Cts) -> Cotangents:
    """da = ct * (b + b0) / 2, db = ct * (a + a0) / 2   (y = a * b)"""
    factors = node.wanted & FACTORS.get(node.op, node.wanted)
    if len(factors) < 2:
        return vjp(e, node, cts)
    inputs = tuple(
        _mean(other, e, t) if t is not None and i in factors else t
        for i, t in enumerate(node.inputs)
    )
    return vjp(e, replace(node, inputs=inputs), cts)


def quotient(other: Other, e: Emitter, node: Node, cts: Cts) -> Cotangents:
    """da = ct * (1/b + 1/b0) / 2, db = -ct * (a + a0) / (2 b b0)   (y = a / b)"""
    if 1 not in node.wanted:
        return vjp(e, node, cts)
    (a, b), ct = (node.input(0), node.input(1)), _first(cts)
    numerator = _mean(other, e, a) if 0 in node.wanted else a
    da = e.mul(e.add(e.div(ct, b), e.div(ct, other(b))), 0.5)
    db = e.neg(e.div(e.div(e.mul(ct, numerator), b), other(b)))
    return [
        sum_to_input(e, dx, node, i) if i in node.wanted else None for i, dx in enumerate((da, db))
    ]


def exact(other: Other, e: Emitter, node: Node, cts: Cts) -> Cotangents:
    """dx = ct * (y - y0) / (x - x0), the ordinary one where x = x0

    For functions that round nothing: their finite difference is as exact as x and x0.
    """
    ordinary, *rest = vjp(e, node, cts)
    assert ordinary is not None
    way = _way(other, e, node.x)
    same = _is_same(e, way)
    slope = _quotient(e, _way(other, e, node.y), way, same)
    dx = e.mul(_first(cts), e.cast(slope, node.y.dtype))
    return [e.where(same, ordinary, dx), *rest]


def rounded(other: Other, e: Emitter, node: Node, cts: Cts) -> Cotangents:
    """dx = ct * (y - y0) / (x - x0), or ct * f'(x) where f'(x) * (x - x0) = y - y0 but for rounding

    Where x is near x0, y - y0 is the difference of two roundings, and its quotient noise. A
    derivative that is no number explains nothing.
    """
    return _stepped(other, e, node, cts, [node.y, other(node.y)])


def gated(other: Other, e: Emitter, node: Node, cts: Cts) -> Cotangents:
    """The same for y = x * g(x), whose rounding is that of x where y is small

    A runtime may compute y and y0 in different ways, one in a single operator.
    """
    return _stepped(other, e, node, cts, [node.y, other(node.y), node.x])


def _stepped(
    other: Other, e: Emitter, node: Node, cts: Cts, rounding: Sequence[Tensor]
) -> Cotangents:
    """As in `rounded`, y as exact as the largest of the tensors that are named."""
    ct, way, rise = _first(cts), _way(other, e, node.x), _way(other, e, node.y)
    slope = _derivative(e, node)
    missing = e.emit("Abs", e.sub(e.mul(slope, way), rise))
    largest = e.emit("Max", *(e.emit("Abs", _wide(e, t)) for t in rounding))
    explained = e.less(missing, e.mul(largest, ROUNDINGS * _step(ct.dtype)))
    kept = e.emit("Or", explained, _is_same(e, way))
    slope = e.where(kept, slope, _quotient(e, rise, way, kept))
    dx = e.cast(e.mul(ct, e.cast(slope, ct.dtype)), node.x.dtype)
    return [dx, *[None] * (len(node.inputs) - 1)]


def extremum(other: Other, e: Emitter, node: Node, cts: Cts) -> Cotangents:
    """dx * (x - x0) = ct * (h - y0) at the maxima of x, and ct * (y - h) at those of x0

    h = max(y, y0), the lesser for minima; what an element gets in several windows is summed. The
    ordinary cotangent where x = x0.
    """
    y, y0, (ct, *rest) = node.y, other(node.y), cts
    assert ct is not None
    h = e.emit("Min" if node.op in MINIMA else "Max", y, y0)
    here = vjp(e, node, [e.mul(ct, e.sub(h, y0)), *rest])
    there = vjp(e, _at_baseline(other, node), [e.mul(ct, e.sub(y, h)), *rest])
    ordinary = vjp(e, node, cts)

    def shared(i: int) -> Tensor | None:
        a, b, c = here[i], there[i], ordinary[i]
        if i not in node.wanted or a is None or b is None or c is None:
            return None
        way = _way(other, e, node.input(i))
        same = _is_same(e, way)
        m = _quotient(e, _wide(e, e.add(a, b)), way, same)
        return e.where(same, c, e.cast(m, c.dtype))

    return [shared(i) for i in range(len(node.inputs))]


def _first(cts: Cts) -> Tensor:
    ct = cts[0]
    assert ct is not None
    return ct


def _wide(e: Emitter, t: Tensor) -> Tensor:
    """In float32 at least."""
    return e.cast(t, wide(t.dtype))


def _way(other: Other, e: Emitter, t: Tensor) -> Tensor:
    """t - t0, in float32 at least"""
    return e.sub(_wide(e, t), _wide(e, other(t)))


def _step(dtype: DType) -> float:
    """From 1 to the next number."""
    return 2.0**-7 if dtype == ml_dtypes.bfloat16 else float(np.finfo(dtype).eps)


def _is_same(e: Emitter, way: Tensor) -> Tensor:
    return e.less(e.emit("Abs", way), SAME)


def _quotient(e: Emitter, rise: Tensor, way: Tensor, unused: Tensor) -> Tensor:
    """rise / way, never by 0 where it is not used"""
    return e.div(rise, e.where(unused, 1.0, way))


def _mean(other: Other, e: Emitter, t: Tensor) -> Tensor:
    """(t + t0) / 2"""
    mean = e.add(e.mul(t, 0.5), e.mul(other(t), 0.5))
    return replace(mean, shape=t.shape, rows=t.rows)


def _derivative(e: Emitter, node: Node) -> Tensor:
    """f'(x) of a function of one tensor, element by element, in float32 at least"""
    ones = e.constant_of_shape(e.sizes(node.y, 0), 1.0, node.y.dtype)
    slope = vjp(e, node, [replace(ones, shape=node.y.shape, rows=node.y.rows)])[0]
    assert slope is not None
    return e.cast(slope, wide(node.y.dtype))


def _at_baseline(other: Other, node: Node) -> Node:
    return replace(
        node,
        inputs=tuple(None if t is None else other(t) for t in node.inputs),
        outputs=tuple(None if t is None else other(t) for t in node.outputs),
    )
