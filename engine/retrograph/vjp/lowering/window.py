"""Sliding windows: what Conv and the pools share.

A window operator reads the positions  i = o * stride - pad + k * dilation  of its input for the
output position o, so its transpose adds what comes from o to those positions. Sizes that are known
become attributes; open ones are taken from the tensors at run time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.registry import Node, Unsupported, shape_of

_MOST_COUNTED = 2**22


@dataclass(frozen=True)
class Window:
    """The window of a Conv or a pool, a number for each spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def rank(self) -> int:
        return len(self.kernel)

    @property
    def spatial(self) -> list[int]:
        """The spatial axes of the tensors, behind batch and channels."""
        return list(range(2, 2 + self.rank))

    @property
    def extents(self) -> tuple[int, ...]:
        """How far the window reaches, dilation counted in."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def turns(self) -> bool:
        """Whether no padding is wider than the window: turned round, it would be negative."""
        pads = zip(self.extents, self.begins, self.ends, strict=True)
        return all(max(b, f) < extent for extent, b, f in pads)

    def covered(self, outputs: tuple[int, ...]) -> tuple[int, ...]:
        """How many input positions, padding counted in, so many output positions read."""
        return tuple(
            (o - 1) * s + e for o, s, e in zip(outputs, self.strides, self.extents, strict=True)
        )


def window_of(node: Node, kernel: tuple[int, ...] | None = None) -> Window:
    """The window of a node; the kernel's size is taken from the attribute if not given.

    Raises:
        Unsupported: an auto_pad whose size only run time tells, or that runtimes disagree on.
    """
    size = tuple(kernel if kernel is not None else node.attrs["kernel_shape"])
    rank = len(size)
    if node.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Unsupported(
            f"auto_pad='{node.attrs['auto_pad']}' over an open size, or of a pool that skips some "
            "of an axis; export with static shapes and with pads"
        )
    pads = tuple(node.attrs.get("pads") or [0] * 2 * rank)
    return Window(
        kernel=size,
        strides=tuple(node.attrs.get("strides") or [1] * rank),
        dilations=tuple(node.attrs.get("dilations") or [1] * rank),
        begins=pads[:rank],
        ends=pads[rank:],
    )


def spatial_sizes(tensor: Tensor) -> tuple[int, ...] | None:
    """The spatial sizes of a tensor [N, C, *S], or None where one is open."""
    sizes = shape_of(tensor)[2:]
    if all(isinstance(d, int) for d in sizes):
        return tuple(d for d in sizes if isinstance(d, int))
    return None


def transposed_windows(
    e: Emitter, ct: Tensor, weight: Tensor, window: Window, x: Tensor, y: Tensor, group: int = 1
) -> Tensor:
    """Add each output position's cotangent, weighted, to the input positions that it read.

    Args:
        ct: [N, M, *O].
        weight: [M, C/group, *K].
        window: the window by which y was read from x.
        x, y: tensors with the spatial sizes I and O.

    Returns:
        [N, C, *I]
    """
    reads, sizes = spatial_sizes(y), spatial_sizes(x)
    if reads is None or sizes is None:
        spread = _conv_transpose(
            e, ct, weight, window, (0,) * window.rank, tuple(s - 1 for s in window.strides), group
        )
        first = e.ints(window.begins)
        return e.slice(spread, first, e.add(first, e.sizes(x, 2)), window.spatial)
    covered = window.covered(reads)
    beyond = [i + b - c for i, b, c in zip(sizes, window.begins, covered, strict=True)]
    tails = [c - b - i for i, b, c in zip(sizes, window.begins, covered, strict=True)]
    # Equal cuts at both ends are left to ConvTranspose: CUDA takes no other paddings.
    cuts = tuple(max(0, min(b, t)) for b, t in zip(window.begins, tails, strict=True))
    fits = tuple(min(max(0, b), s - 1) for b, s in zip(beyond, window.strides, strict=True))
    spread = _conv_transpose(e, ct, weight, window, cuts, fits, group)
    begins = [b - c for b, c in zip(window.begins, cuts, strict=True)]
    lengths = [c - 2 * k + f for c, k, f in zip(covered, cuts, fits, strict=True)]
    missing = [max(0, b + i - n) for b, i, n in zip(begins, sizes, lengths, strict=True)]
    if any(missing):
        spread = e.pad(spread, [0] * window.rank + missing, window.spatial, window.rank + 2)
        lengths = [n + m for n, m in zip(lengths, missing, strict=True)]
    if not any(begins) and tuple(lengths) == sizes:
        return spread
    ends = [b + i for b, i in zip(begins, sizes, strict=True)]
    return e.slice(spread, begins, ends, window.spatial)


def _conv_transpose(
    e: Emitter,
    ct: Tensor,
    weight: Tensor,
    window: Window,
    cuts: tuple[int, ...],
    output_padding: tuple[int, ...],
    group: int,
) -> Tensor:
    return e.emit(
        "ConvTranspose",
        ct,
        weight,
        kernel_shape=list(window.kernel),
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=[*cuts, *cuts],
        output_padding=list(output_padding),
        group=group,
    )


def window_counts(e: Emitter, window: Window, x: Tensor, y: Tensor, padding: bool) -> Tensor:
    """How many positions each window holds: [1, 1, *O], padding counted in or not.

    Positions that only ceil_mode adds, beyond the declared padding, never count.
    """
    reads, sizes = spatial_sizes(y), spatial_sizes(x)
    if reads is not None and sizes is not None and _are_few(reads, window):
        return e.const(_static_counts(window, sizes, reads, padding), x.dtype)
    ones = e.const(np.ones((1, 1, *window.kernel)), x.dtype)
    lead = e.ints([1, 1])
    inside = e.sizes(x, 2)
    grown = [b + f for b, f in zip(window.begins, window.ends, strict=True)]
    shape = e.add(inside, e.ints(grown)) if padding else inside
    board = e.constant_of_shape(e.concat([lead, shape], axis=0), 1.0, x.dtype)
    begins = [0] * window.rank if padding else list(window.begins)
    ends = [s + f for s, f in zip(window.strides, window.ends, strict=True)]
    counts = e.emit(
        "Conv",
        board,
        ones,
        strides=list(window.strides),
        dilations=list(window.dilations),
        pads=[*begins, *ends],
    )
    return e.slice(counts, [0] * window.rank, e.sizes(y, 2), window.spatial)


def _are_few(reads: tuple[int, ...], window: Window) -> bool:
    """Whether the windows' positions are few enough to count them one by one."""
    along = (r * k for r, k in zip(reads, window.kernel, strict=True))
    return max(math.prod(reads), *along) <= _MOST_COUNTED


def _static_counts(
    window: Window, sizes: tuple[int, ...], reads: tuple[int, ...], padding: bool
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    counts = np.ones((1, 1) + (1,) * window.rank)
    for axis in range(window.rank):
        low = -window.begins[axis] if padding else 0
        high = sizes[axis] + (window.ends[axis] if padding else 0)
        starts = np.arange(reads[axis]) * window.strides[axis] - window.begins[axis]
        steps = np.arange(window.kernel[axis]) * window.dilations[axis]
        positions = starts[:, None] + steps
        along = ((positions >= low) & (positions < high)).sum(1)
        shape = [1] * (2 + window.rank)
        shape[2 + axis] = reads[axis]
        counts = counts * along.reshape(shape)
    return counts
