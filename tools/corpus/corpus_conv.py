"""Conv that takes little memory: onnx.reference's writes a matrix of all windows first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

Array = np.ndarray[Any, Any]


def _at(place: Sequence[int | slice]) -> Any:
    return (..., *place)


class Conv(OpRun):
    """y[o] += x[o * stride + k * dilation - pad] * w[k], place after place of the kernel."""

    op_domain = ""

    def _run(self, x: Array, w: Array, b: Array | None = None, **attrs: Any) -> tuple[Array]:
        group, rank, kernel = attrs["group"] or 1, x.ndim - 2, w.shape[2:]
        assert attrs["auto_pad"] in (None, "NOTSET")
        strides, dilations = (attrs[k] or [1] * rank for k in ("strides", "dilations"))
        pads = attrs["pads"] or [0] * 2 * rank
        wide = np.pad(x, [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)])
        sizes = [
            (n - d * (k - 1) - 1) // s + 1
            for n, k, s, d in zip(wide.shape[2:], kernel, strides, dilations, strict=True)
        ]
        in_channels, out_channels = w.shape[1], w.shape[0] // group
        y = np.zeros((len(x), group, out_channels, int(np.prod(sizes))), x.dtype)
        for place in itertools.product(*(range(k) for k in kernel)):
            spots = tuple(
                slice(p * d, p * d + s * (n - 1) + 1, s)
                for p, d, s, n in zip(place, dilations, strides, sizes, strict=True)
            )
            read = wide[_at(spots)].reshape(len(x), group, in_channels, -1)
            y += w[_at(place)].reshape(group, out_channels, in_channels) @ read
        y = y.reshape(len(x), group * out_channels, *sizes)
        return (y if b is None else y + b.reshape(-1, *[1] * rank),)
