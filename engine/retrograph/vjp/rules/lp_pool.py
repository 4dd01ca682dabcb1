"""Pools by the p-norm, and the inverse of max-pooling.   x: [N, C, *I], y, ct: [N, C, *O]."""

from __future__ import annotations

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.linear_maps import wide
from retrograph.vjp.lowering.window import transposed_windows, window_of
from retrograph.vjp.registry import Cotangents, Node, defvjp
from retrograph.vjp.rules.pool import item_size


@defvjp("LpPool")
def lp_pool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[i] = sign(x) |x|^(p-1) * (sum of ct * y^(1-p) over the windows that read i)

    A window of zeros passes nothing. Powers are taken in float32 at least.
    """
    p, window = int(node.attrs["p"]), window_of(node)
    x, y = (e.cast(t, wide(ct.dtype)) for t in (node.x, node.y))
    empty = e.equal(y, 0.0)
    powers = e.pow(e.where(empty, 1.0, y), float(1 - p))
    share = e.where(empty, 0.0, e.mul(e.cast(ct, y.dtype), powers))
    # Channels do not mix: each is one item with a single channel.
    single = e.reshape(share, e.concat([e.ints([-1, 1]), e.sizes(node.y, 2)], axis=0))
    ones = e.const(np.ones((1, 1, *window.kernel)), y.dtype)
    spread = e.reshape_like(transposed_windows(e, single, ones, window, node.x, node.y), node.x)
    return (e.cast(e.mul(spread, _signed_power(e, x, p - 1)), ct.dtype),)


@defvjp("GlobalLpPool")
def global_lp_pool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * sign(x) (|x| / y)^(p-1), 0 in a channel of zeros"""
    empty = e.equal(node.y, 0.0)
    share = _signed_power(e, e.div(node.x, e.where(empty, 1.0, node.y)), int(node.attrs["p"]) - 1)
    return (e.mul(e.where(empty, 0.0, ct), share),)


def _signed_power(e: Emitter, x: Tensor, exponent: int) -> Tensor:
    """sign(x) |x|^exponent"""
    if exponent == 1:
        return x
    sign = e.sign(x)
    return e.mul(sign, e.pow(e.emit("Abs", x), float(exponent))) if exponent else sign


@defvjp("MaxUnpool")
def max_unpool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct at the place where x went; of several that went there the last one is in y

    The places count over the whole tensor, as MaxPool gives them; the rest by an item's size is
    the place in the item.
    """
    size = item_size(e, node.y)
    place = e.reshape(e.mod(node.input(1), size), [0, -1])
    number = e.unsqueeze(e.range(item_size(e, node.x)), [0])
    numbers = e.add(e.mul(place, 0), number)
    nothing = e.constant_of_shape(e.concat([e.dim(node.input(1), 0), size], axis=0), -1, INT64)
    last = e.emit("ScatterElements", nothing, place, numbers, axis=1, reduction="max")
    taken = e.emit("GatherElements", e.reshape(ct, [0, -1]), place, axis=1)
    stayed = e.equal(e.emit("GatherElements", last, place, axis=1), numbers)
    return e.reshape_like(e.where(stayed, taken, 0.0), node.x), *[None] * (len(node.inputs) - 1)
