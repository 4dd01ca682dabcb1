"""The transpose of a convolution of few channels, a tile of positions at once.

ONNX Runtime's CPU computes channels in blocks of 16, so to the 3 channels of a picture it would
compute 13 for nothing. Here the positions of a tile are channels: with p = T * i + r, position r of
tile i, what comes down to p is sum over k of ct[(p + pad - k * dilation) / stride] * w[k], which is
a convolution of ct with stride T / stride.   ct: [N, M, H, W], w: [M, C, kH, kW].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from retrograph.ir.emit import INT64, Emitter
from retrograph.ir.graph import Array, Tensor
from retrograph.vjp.lowering.window import Window
from retrograph.vjp.registry import static_shape

_SIZES = (4, 2)
_FEW = 4


@dataclass(frozen=True)
class Along:
    """The tiles along one axis.

    Attributes:
        taps: [T, D], for position r of a tile the k by which it reads ct at first + d; the kernel's
            size where there is none.
        stride: from a tile to the next in ct.
        pads: of ct.
    """

    taps: Array
    stride: int
    pads: tuple[int, int]


def tiles_of(
    window: Window, channels: int, sizes: tuple[int, ...], outputs: tuple[int, ...]
) -> tuple[Along, ...] | None:
    """The tiles of a convolution without groups; None where another form suits better.

    Args:
        channels: of its input.
        sizes, outputs: of its input and output.
    """
    wide = all(k > s for k, s in zip(window.kernel, window.strides, strict=True))
    if window.rank != 2 or channels > _FEW or not wide:
        return None
    for tile in _SIZES:
        if all(n % tile == 0 for n in sizes) and all(tile % s == 0 for s in window.strides):
            found = tuple(_along(window, axis, tile, sizes[axis], outputs[axis]) for axis in (0, 1))
            return found if min(min(along.pads) for along in found) >= 0 else None
    return None


def _along(window: Window, axis: int, tile: int, size: int, outputs: int) -> Along:
    kernel, stride = window.kernel[axis], window.strides[axis]
    read = {
        (r, (r + window.begins[axis] - k * window.dilations[axis]) // stride): k
        for r in range(tile)
        for k in range(kernel)
        if (r + window.begins[axis] - k * window.dilations[axis]) % stride == 0
    }
    first, last = min(d for _, d in read), max(d for _, d in read)
    taps = np.full((tile, last - first + 1), kernel)
    for (r, d), k in read.items():
        taps[r, d - first] = k
    step = tile // stride
    beyond = step * (size // tile - 1) + last - (outputs - 1)
    return Along(taps, step, (-first, beyond))


def tiled(e: Emitter, ct: Tensor, weight: Tensor, tiles: tuple[Along, ...]) -> Tensor:
    """What comes down to the input of a convolution: [N, C, *I]"""
    begins, ends = zip(*(along.pads for along in tiles), strict=True)
    found = e.emit(
        "Conv",
        ct,
        _unrolled(e, weight, tiles),
        kernel_shape=[along.taps.shape[1] for along in tiles],
        strides=[along.stride for along in tiles],
        pads=[*begins, *ends],
    )
    size = len(tiles[0].taps)
    return e.emit("DepthToSpace", found, blocksize=size, mode="DCR")


def _unrolled(e: Emitter, weight: Tensor, tiles: tuple[Along, ...]) -> Tensor:
    """[M, C, kH, kW] -> [T * T * C, M, D, D], which a runtime folds once."""
    rows, columns = (e.const(along.taps, INT64) for along in tiles)
    bordered = e.pad(weight, [0, 0, 1, 1], [2, 3], 4)  # a zero where there is no tap
    read = e.gather(e.gather(bordered, rows, 2), columns, 4)  # [M, C, T, D, T, D]
    (size, high), wide = tiles[0].taps.shape, tiles[1].taps.shape[1]
    m, c, *_ = static_shape(weight)
    turned = e.transpose(read, [2, 4, 1, 0, 3, 5])
    return replace(e.reshape(turned, [-1, m, high, wide]), shape=(size * size * c, m, high, wide))
