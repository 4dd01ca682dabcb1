"""Pools whose windows lie side by side and cover their input;   x: [N, C, *S], float32.

What comes down to a window is enlarged over it. For a MaxPool it is masked then by the switches:
1 where x is the first maximum of its window. They are found by arithmetic, for a MaxPool with
indices and what puts numbers at them (MaxUnpool, ScatterElements) is slow, serial or missing.
"""

from __future__ import annotations

import math

import numpy as np

from retrograph.ir.emit import FLOAT32, Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.window import Window, spatial_sizes
from retrograph.vjp.registry import Node

_STEEPEST = 2.0**127
_MOST = 2**25
"""So many positions have a rank each, which is stored."""


def tiles(node: Node, window: Window) -> bool:
    """Whether the windows lie side by side and cover the input, which is not vast."""
    sizes, outputs = spatial_sizes(node.x), spatial_sizes(node.y)
    if node.x.dtype != FLOAT32 or sizes is None or outputs is None:
        return False
    if math.prod(sizes) > _MOST:
        return False
    tiled = tuple(o * k for o, k in zip(outputs, window.kernel, strict=True))
    plain = window.strides == window.kernel and set(window.dilations) == {1}
    return plain and not any((*window.begins, *window.ends)) and tiled == sizes


def enlarged(e: Emitter, tensor: Tensor, node: Node, window: Window) -> Tensor:
    """A tensor of the output's sizes at every position of its window"""
    scales = e.const(np.array([1, 1, *window.kernel]), FLOAT32)
    whole = e.emit(
        "Resize",
        tensor,
        None,
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    return e.declare(whole, node.x.shape)


def first_maxima(e: Emitter, node: Node, window: Window) -> Tensor:
    """1 where x is the first maximum of its window, 0 elsewhere

    Of the positions that hold the maximum the first has the highest rank, so a pool of ranks finds
    it. A distance to the maximum below the least normal number (1.2e-38) may count in part.
    """
    ranked = _ranked(e, node, window, _hits(e, node, window, node.x, node.y))
    kernel, strides = list(window.kernel), list(window.strides)
    pooled = e.emit("MaxPool", ranked, kernel_shape=kernel, strides=strides)
    best = e.declare(pooled, node.y.shape)
    return _hits(e, node, window, ranked, best)


def _hits(e: Emitter, node: Node, window: Window, whole: Tensor, maxima: Tensor) -> Tensor:
    """1[whole = the maximum of its window]

    In the blocked layout convolutions change signs, and what is added goes into one, and the step.
    """
    if _stays_blocked(e, node):
        less = e.declare(_times(e, maxima, -1.0), node.y.shape)
        distance = e.add(_times(e, whole, 1.0), enlarged(e, less, node, window))
    else:
        distance = e.sub(whole, enlarged(e, maxima, node, window))
    step = e.emit("HardSigmoid", e.declare(distance, node.x.shape), alpha=_STEEPEST, beta=1.0)
    return e.declare(step, node.x.shape)


def _ranked(e: Emitter, node: Node, window: Window, hits: Tensor) -> Tensor:
    """The hits by their rank in the window, which falls from the first position to 1

    The blocked layout has products only of tensors of one shape, so there the ranks are one.
    """
    count, sizes = math.prod(window.kernel), spatial_sizes(node.x) or ()
    falling = np.arange(count, 0, -1).reshape(window.kernel)
    times = [s // k for s, k in zip(sizes, window.kernel, strict=True)]
    ranks = e.const(np.tile(falling, times)[None, None], hits.dtype)
    if _stays_blocked(e, node):
        shape = node.x.shape or ()
        items = e.expand(ranks, e.concat([e.dim(node.x, 0), e.ints([1, *sizes])], axis=0))
        ones = e.const(np.ones((shape[1], 1, 1, 1)), hits.dtype)
        ranks = e.declare(e.emit("Conv", e.declare(items, (shape[0], 1, *sizes)), ones), shape)
    return e.declare(e.mul(hits, ranks), node.x.shape)


def _stays_blocked(e: Emitter, node: Node) -> bool:
    return e.is_blocked(node.x) and e.is_blocked(node.y)


def _times(e: Emitter, tensor: Tensor, factor: float) -> Tensor:
    """tensor * factor, by a convolution of each channel"""
    channels = (tensor.shape or ())[1]
    weight = e.const(np.full((channels, 1, 1, 1), factor), tensor.dtype)
    return e.emit("Conv", tensor, weight, group=channels)
