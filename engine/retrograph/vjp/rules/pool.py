"""Pooling.   x: [N, C, *I], y, ct: [N, C, *O]."""

from __future__ import annotations

import math

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.gates import switched
from retrograph.vjp.lowering.linear_maps import divided, scatter_add
from retrograph.vjp.lowering.pool_axes import to_first_maxima
from retrograph.vjp.lowering.pool_tiling import enlarged, first_maxima, tiles
from retrograph.vjp.lowering.window import (
    Window,
    transposed_windows,
    window_counts,
    window_of,
)
from retrograph.vjp.registry import Cotangents, Node, Unsupported, defvjp, shape_of


@defvjp("MaxPool")
def max_pool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[i] = sum of ct over the windows whose first maximum is i (the switches)"""
    window = window_of(node)
    if tiles(node, window):
        spread, switches = enlarged(e, ct, node, window), first_maxima(e, node, window)
        return (switched(e, spread, switches, node.x, node.y),)
    if e.device == "web":
        return (to_first_maxima(e, node, ct, window),)
    attrs = {k: v for k, v in node.attrs.items() if k != "storage_order"}
    _, switches = e.emit_many("MaxPool", node.x, dtypes=[node.x.dtype, INT64], **attrs)
    return (_to_switches(e, node, ct, switches),)


def _to_switches(e: Emitter, node: Node, ct: Tensor, switches: Tensor) -> Tensor:
    """Each element of ct added at the place that its switch names, counted over the whole x."""
    size = item_size(e, node.x)
    if ct.rows is not node.x.rows:  # units, K for each item
        place = e.reshape(e.mod(switches, size), [0, -1])
        sizes = e.concat([e.dim(ct, 0), size], axis=0)
        dx = scatter_add(e, sizes, place, e.reshape(ct, [0, -1]), axis=1)
    else:
        sizes = e.mul(e.dim(ct, 0), size)
        dx = scatter_add(e, sizes, e.reshape(switches, [-1]), e.reshape(ct, [-1]), axis=0)
    return e.reshape_like(dx, node.x)


def item_size(e: Emitter, x: Tensor) -> Tensor:
    """How many elements one item of the batch has, int64 [1]."""
    return e.count(x, range(1, len(shape_of(x))))


@defvjp("AveragePool")
def average_pool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx[i] = sum of ct / (size of the window) over the windows that read i"""
    window = window_of(node)
    padded = bool(node.attrs.get("count_include_pad", 0))
    full = padded or not any((*window.begins, *window.ends))
    if tiles(node, window):
        channels = shape_of(node.x)[1]
        one = (channels,) + (1,) * window.rank if isinstance(channels, int) else ()
        share = e.mul(ct, e.const(np.full(one, 1 / math.prod(window.kernel)), ct.dtype))
        return (enlarged(e, share, node, window),)
    if {*window.strides, *window.dilations} == {1} and window.turns:
        if not full:
            counts = window_counts(e, window, node.x, node.y, padded)
            ct = e.mul(ct, e.div(float(math.prod(window.kernel)), counts))
        return (_averaged(e, ct, window),)
    counts = window_counts(e, window, node.x, node.y, padded)
    # Channels do not mix: each is one item with a single channel.
    share = e.div(ct, counts)
    single = e.reshape(share, e.concat([e.ints([-1, 1]), e.sizes(node.y, 2)], axis=0))
    ones = e.const(np.ones((1, 1, *window.kernel)), ct.dtype)
    spread = transposed_windows(e, single, ones, window, node.x, node.y)
    return (e.reshape_like(spread, node.x),)


def _averaged(e: Emitter, ct: Tensor, window: Window) -> Tensor:
    """The sums over the windows that read a position, over the size of a window, at stride 1"""
    begins = [k - 1 - b for k, b in zip(window.kernel, window.begins, strict=True)]
    ends = [k - 1 - f for k, f in zip(window.kernel, window.ends, strict=True)]
    return e.emit(
        "AveragePool",
        ct,
        kernel_shape=list(window.kernel),
        pads=[*begins, *ends],
        count_include_pad=1,
    )


@defvjp("GlobalAveragePool")
def global_average_pool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct / (number of positions), at every position"""
    sizes = e.sizes(node.x, 2)
    share = divided(e, ct, _positions(e, node.x))
    return (e.expand(share, e.concat([e.ints([1, 1]), sizes], axis=0)),)


def _positions(e: Emitter, x: Tensor) -> Tensor:
    """How many positions a channel has, int64 [1]."""
    if x.shape is None:
        return e.dim(e.reshape(x, [0, 0, -1]), 2)
    return e.count(x, range(2, len(x.shape)))


@defvjp("GlobalMaxPool")
def global_max_pool(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct at the first maximum of each channel, 0 elsewhere"""
    positions = e.reshape(node.x, [0, 0, -1])
    switch = e.emit("ArgMax", positions, dtype=INT64, axis=2, keepdims=1)
    number = e.range(_positions(e, node.x))
    hit = e.cast(e.equal(number, switch), ct.dtype)
    return (e.reshape_like(e.mul(e.reshape(ct, [0, 0, 1]), hit), node.x),)


@defvjp("LRN")
def lrn(e: Emitter, node: Node, ct: Tensor) -> Cotangents:
    """dx = ct * d^-beta - 2 alpha beta / size * x * sum(ct * x * d^(-beta-1))

    d = bias + alpha / size * sum(x^2), the sums over a window of channels; that of the second term
    is the reversed window.
    """
    attrs = node.attrs
    size, alpha, beta = int(attrs["size"]), attrs["alpha"], attrs["beta"]
    if node.rank() < 3:
        raise Unsupported("needs a tensor [N, C, *S]")
    below, above = (size - 1) // 2, size // 2
    x = node.x
    squares = _channel_sum(e, e.mul(x, x), x, size, below, above)
    d = e.add(e.mul(squares, alpha / size), attrs["bias"])
    inner = e.mul(e.mul(ct, x), e.pow(d, -beta - 1))
    spread = _channel_sum(e, inner, x, size, above, below)
    first = e.mul(ct, e.pow(d, -beta))
    return (e.sub(first, e.mul(e.mul(x, 2 * alpha * beta / size), spread)),)


def _channel_sum(e: Emitter, a: Tensor, x: Tensor, size: int, below: int, above: int) -> Tensor:
    """The sum over channels c-below .. c+above;   a: [N, C, *S]"""
    flat = e.reshape(e.unsqueeze(a, [1]), [0, 1, _channels(x), -1])
    ones = e.const(np.ones((1, 1, size, 1)), a.dtype)
    return e.reshape_like(e.emit("Conv", flat, ones, pads=[below, 0, above, 0]), x)


def _channels(x: Tensor) -> int:
    channels = shape_of(x)[1]
    if not isinstance(channels, int):
        raise Unsupported(f"the number of channels of '{x.name}' is not known")
    return channels
