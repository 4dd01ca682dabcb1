"""Operators by their definition in NumPy, where onnx.reference (1.23) is wrong or has gaps.

    AveragePool, MaxPool   positions that ceil_mode adds beyond the padding; dilations
    ConvTranspose          groups of more than one output channel
    Erf, Gelu              computed in float32
    GatherElements         negative axes; indices narrower than the data
    GlobalMaxPool          other ranks than 4
    LRN                    normalises only as many channels as the batch has items
    Pad                    negative pads

The cases also compare their forward pass with ONNX Runtime's, which proves these lines.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

Array = np.ndarray[Any, Any]
_Window = tuple[tuple[int, ...], list[tuple[int, ...]], list[range]]


def at(place: Sequence[int | slice]) -> Any:
    """The index of that place on the last axes."""
    return (..., *place)


class Operator(OpRun):
    """An operator of the standard domain."""

    op_domain = ""


class ConvTranspose(Operator):
    """y[o * stride + k * dilation - pad] += x[o] * w[k]"""

    def _run(self, x: Array, w: Array, b: Array | None = None, **attrs: Any) -> tuple[Array]:
        group, rank = attrs["group"] or 1, x.ndim - 2
        strides = attrs["strides"] or [1] * rank
        dilations = attrs["dilations"] or [1] * rank
        spill = attrs["output_padding"] or [0] * rank
        kernel = w.shape[2:]
        full = [
            s * (i - 1) + p + d * (k - 1) + 1
            for s, i, p, d, k in zip(strides, x.shape[2:], spill, dilations, kernel, strict=True)
        ]
        if attrs["output_shape"] is not None:
            full = [max(f, o) for f, o in zip(full, attrs["output_shape"][-rank:], strict=True)]
        pads = _transposed_pads(attrs, full, x.shape[2:], strides)
        per_group, taken = w.shape[1], x.shape[1] // group
        whole = np.zeros((x.shape[0], group * per_group, *full), x.dtype)
        for g in range(group):
            source = x[:, g * taken : (g + 1) * taken]
            weights = w[g * taken : (g + 1) * taken]
            into = whole[:, g * per_group : (g + 1) * per_group]
            for place in itertools.product(*(range(k) for k in kernel)):
                spots = tuple(
                    slice(p * d, p * d + s * (i - 1) + 1, s)
                    for p, d, s, i in zip(place, dilations, strides, x.shape[2:], strict=True)
                )
                into[at(spots)] += np.einsum("nc...,cm->nm...", source, weights[at(place)])
        inner = tuple(
            slice(a, n - z) for a, z, n in zip(pads[:rank], pads[rank:], full, strict=True)
        )
        y = whole[at(inner)]
        return (y if b is None else y + b.reshape(-1, *[1] * rank),)


def _transposed_pads(
    attrs: dict[str, Any], full: Sequence[int], sizes: Sequence[int], strides: Sequence[int]
) -> list[int]:
    mode, wanted = attrs["auto_pad"], attrs["output_shape"]
    if mode in ("SAME_UPPER", "SAME_LOWER") and wanted is None:
        wanted = [i * s for i, s in zip(sizes, strides, strict=True)]
    if wanted is None:
        return list(attrs["pads"] or [0] * 2 * len(full))
    totals = [max(0, f - o) for f, o in zip(full, wanted[-len(full) :], strict=True)]
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return small + large if mode == "SAME_UPPER" else large + small


class _Pool(Operator):
    """What MaxPool and AveragePool share: their windows, one after the other."""

    def windows(self, x: Array, attrs: dict[str, Any]) -> tuple[list[int], Iterator[_Window]]:
        """The output's spatial sizes, and for each output position the positions it reads."""
        kernel, rank = attrs["kernel_shape"], x.ndim - 2
        strides = attrs["strides"] or [1] * rank
        dilations = attrs.get("dilations") or [1] * rank
        mode = attrs["auto_pad"] or "NOTSET"
        pads = attrs["pads"] if mode == "NOTSET" else None
        axes: list[list[list[int]]] = []
        allowed: list[range] = []
        for a in range(rank):
            size, extent = x.shape[2 + a], dilations[a] * (kernel[a] - 1) + 1
            begin, end = (pads[a], pads[a + rank]) if pads else (0, 0)
            if mode.startswith("SAME"):
                total = max((-(-size // strides[a]) - 1) * strides[a] + extent - size, 0)
                begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
                end = total - begin
            room = size + begin + end - extent
            count = (-(-room // strides[a]) if attrs["ceil_mode"] else room // strides[a]) + 1
            if attrs["ceil_mode"] and (count - 1) * strides[a] >= size + begin:
                count -= 1
            starts = [o * strides[a] - begin for o in range(count)]
            axes.append([[s + k * dilations[a] for k in range(kernel[a])] for s in starts])
            allowed.append(range(-begin, size + end))
        outputs = [len(axis) for axis in axes]

        def each() -> Iterator[_Window]:
            for place in itertools.product(*(range(o) for o in outputs)):
                read = [axis[o] for axis, o in zip(axes, place, strict=True)]
                yield place, list(itertools.product(*read)), allowed

        return outputs, each()


def _inside(position: tuple[int, ...], bounds: Sequence[range | int]) -> bool:
    return all(
        p in (range(b) if isinstance(b, int) else b) for p, b in zip(position, bounds, strict=True)
    )


class MaxPool(_Pool):
    """The first maximum of each window, padding left out, and its place in the whole tensor."""

    def _run(self, x: Array, **attrs: Any) -> tuple[Array, ...]:
        sizes = x.shape[2:]
        outputs, windows = self.windows(x, attrs)
        y = np.empty((*x.shape[:2], *outputs), x.dtype)
        indices = np.empty(y.shape, np.int64)
        item = np.arange(x.shape[0] * x.shape[1]).reshape(x.shape[:2]) * int(np.prod(sizes))
        for place, positions, _ in windows:
            read = [p for p in positions if _inside(p, sizes)]
            values = np.stack([x[at(p)] for p in read], axis=-1)
            first = values.argmax(-1)
            flat = np.array([np.ravel_multi_index(p, sizes) for p in read])
            y[at(place)] = values.max(-1)
            indices[at(place)] = flat[first] + item
        return (y, indices)[: len(self.onnx_node.output)]


class AveragePool(_Pool):
    """The mean of each window; padding counts where `count_include_pad` says so."""

    def _run(self, x: Array, **attrs: Any) -> tuple[Array]:
        outputs, windows = self.windows(x, attrs)
        y = np.empty((*x.shape[:2], *outputs), x.dtype)
        for place, positions, allowed in windows:
            read = [p for p in positions if _inside(p, x.shape[2:])]
            counted = [p for p in positions if _inside(p, allowed)]
            total = np.sum([x[at(p)] for p in read], axis=0)
            y[at(place)] = total / len(counted if attrs["count_include_pad"] else read)
        return (y,)


class Erf(Operator):
    """The error function, number by number."""

    def _run(self, x: Array) -> tuple[Array]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


class Gelu(Operator):
    """x * P(x), with the normal distribution P or its approximation by tanh"""

    def _run(self, x: Array, approximate: str | None = None) -> tuple[Array]:
        if approximate == "tanh":
            inner = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        else:
            inner = np.vectorize(math.erf, otypes=[x.dtype])(x / math.sqrt(2))
        return (0.5 * x * (1 + inner),)


class GatherElements(Operator):
    """y[i, j] = x[i, index[i, j]], along one axis"""

    def _run(self, x: Array, index: Array, axis: int | None = None) -> tuple[Array]:
        along = (axis or 0) % x.ndim
        cut = tuple(slice(None if a == along else n) for a, n in enumerate(index.shape))
        return (np.take_along_axis(x[cut], index, along),)


class GlobalMaxPool(Operator):
    """The maximum over every axis behind batch and channels."""

    def _run(self, x: Array) -> tuple[Array]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


class LRN(Operator):
    """x / (bias + alpha / size * sum(x^2 over `size` channels))^beta"""

    def _run(self, x: Array, alpha: float, beta: float, bias: float, size: int) -> tuple[Array]:
        before, behind = (size - 1) // 2, size // 2
        squares = np.stack(
            [(x[:, max(0, c - before) : c + behind + 1] ** 2).sum(1) for c in range(x.shape[1])],
            axis=1,
        )
        return (x / (bias + alpha / size * squares) ** beta,)


class LpNormalization(Operator):
    """x / sum(|x|^p)^(1/p); 0 where that is 0. onnx.reference adds up x itself where p is 1."""

    def _run(self, x: Array, **attrs: Any) -> tuple[Array]:
        length = np.linalg.norm(x, ord=attrs["p"], axis=attrs["axis"], keepdims=True)
        return (np.divide(x, length, out=np.zeros_like(x), where=length != 0),)


class Optional(Operator):
    """What it is given. onnx.reference puts it into a list."""

    def _run(self, x: Any = None, **attrs: Any) -> tuple[Any]:
        return (x,)


class Pad(Operator):
    """np.pad, then what is negative is cut off."""

    def _run(
        self,
        x: Array,
        pads: Array | None = None,
        value: Array | None = None,
        axes: Array | None = None,
        mode: str = "constant",
        **old: Any,
    ) -> tuple[Array]:
        ends = np.asarray(old["pads"] if pads is None else pads).reshape(2, -1)
        given = old.get("value", 0.0) if value is None else value
        around = np.zeros((2, x.ndim), np.int64)
        around[:, list(range(x.ndim)) if axes is None else axes.tolist()] = ends
        options: dict[str, Any] = {"mode": mode}
        if mode == "constant":
            options["constant_values"] = given
        grown = np.pad(x, np.maximum(around, 0).T, **options)
        cut = tuple(
            slice(max(-b, 0), n - max(-e, 0)) for b, e, n in zip(*around, grown.shape, strict=True)
        )
        return (grown[cut],)


DEFINITIONS: list[type[OpRun]] = [
    *(AveragePool, ConvTranspose, Erf, GatherElements, Gelu, GlobalMaxPool, LRN, LpNormalization),
    *(MaxPool, Optional, Pad),
]
