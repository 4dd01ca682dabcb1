"""Tensors that are made of a few numbers."""

from __future__ import annotations

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import Cotangents, Node, defvjp, shape_of


@defvjp("Range")
def range_(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dstart = sum(ct), dlimit = 0, ddelta = sum(i * ct[i])   (ct: [L], each of the others: [])"""
    places = e.cast(e.range(e.reshape(e.emit("Size", ct, dtype=INT64), [1])), ct.dtype)
    start = e.reduce_sum(ct, [0], keepdims=False)
    delta = e.reduce_sum(e.mul(places, ct), [0], keepdims=False)
    return start, e.const(0.0, ct.dtype), delta


@defvjp("OneHot")
def one_hot(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dvalues = [sum of ct where off, sum of ct where on]   (values: [2])"""
    marks, axis = e.const(np.array([0, 1]), ct.dtype), int(node.attrs["axis"])
    hit = e.emit("OneHot", node.input(0), node.input(1), marks, axis=axis, dtype=ct.dtype)
    on = e.greater(hit, 0.5)
    axes = list(range(len(shape_of(node.y))))
    parts = [e.where(on, 0.0, ct), e.where(on, ct, 0.0)]
    sums = [e.reshape(e.reduce_sum(part, axes), [1]) for part in parts]
    return None, None, e.concat(sums, axis=0)
