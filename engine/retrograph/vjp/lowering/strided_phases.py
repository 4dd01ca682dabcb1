"""The transpose of a strided convolution, as convolutions whose outputs are interleaved.

Along an axis the input position i = stride * j + a, of phase a, is read by the output position
o = j + (a + pad - k * dilation) / stride through every k for which that is a whole number. So what
comes down to one phase is a convolution of ct with a part of the weights. ONNX Runtime's CPU runs
those in its blocked layout, and ConvTranspose not.   ct: [N, M, H, W], w: [M, C/g, kH, kW].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from retrograph.ir.analysis.nchwc_layout import BLOCK, convolves
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import Tensor
from retrograph.vjp.lowering.flipped_weights import Taps, turned
from retrograph.vjp.lowering.window import Window
from retrograph.vjp.registry import static_shape

_MOST_PHASES = 64
"""Of more along an axis each is a convolution too small to be worth its node."""


@dataclass(frozen=True)
class Phase:
    """One phase along one axis: a convolution of so many outputs, or nothing where no tap reads."""

    taps: Taps
    dilation: int
    pads: tuple[int, int]


@dataclass(frozen=True)
class Phases:
    """The phases along both axes.

    Attributes:
        along: for each axis its phases.
        sizes: those of the input.
    """

    along: tuple[tuple[Phase, ...], ...]
    sizes: tuple[int, ...]


def phases_of(
    window: Window, sizes: tuple[int, ...], outputs: tuple[int, ...], weight: Tensor, group: int
) -> Phases | None:
    """The phases of a window, None where ConvTranspose suits better.

    Args:
        sizes, outputs: of the convolution's input and output.
    """
    m, c, *_ = static_shape(weight)
    if (
        window.rank != 2
        or m < BLOCK
        or c * group < BLOCK
        or max(window.strides) > _MOST_PHASES
        or not convolves((c * group, m // group), group)
    ):
        return None
    along = []
    for axis in range(window.rank):
        steps = [
            _phase(window, axis, a, sizes[axis], outputs[axis]) for a in range(window.strides[axis])
        ]
        if any(min(phase.pads) < 0 for phase in steps if phase.taps):
            return None
        along.append(tuple(steps))
    return Phases(tuple(along), sizes)


def _phase(window: Window, axis: int, a: int, size: int, outputs: int) -> Phase:
    stride, dilation = window.strides[axis], window.dilations[axis]
    reach = [a + window.begins[axis] - k * dilation for k in range(window.kernel[axis])]
    taps = [k for k, distance in enumerate(reach) if distance % stride == 0]
    if not taps:
        return Phase((), 1, (0, 0))
    first, last = (reach[taps[0]] // stride, reach[taps[-1]] // stride)
    count = -(-size // stride)
    return Phase(
        taps=tuple(taps),
        dilation=dilation // math.gcd(dilation, stride),
        pads=(-last, count - outputs + first),
    )


def strided(e: Emitter, ct: Tensor, weight: Tensor, phases: Phases, group: int) -> Tensor:
    """What comes down to the input of a strided convolution: [N, C, *sizes]"""
    parts = [
        [_convolved(e, ct, weight, (a, b), group) for b in phases.along[1]] for a in phases.along[0]
    ]
    channels = static_shape(weight)[1] * group
    whole = _interleaved(e, parts, channels, phases)
    if all(size % len(axis) == 0 for size, axis in zip(phases.sizes, phases.along, strict=True)):
        return whole
    return e.slice(whole, [0, 0], list(phases.sizes), [2, 3])


def _convolved(
    e: Emitter, ct: Tensor, weight: Tensor, phases: tuple[Phase, Phase], group: int
) -> Tensor | None:
    if not all(phase.taps for phase in phases):
        return None
    begins, ends = zip(*(phase.pads for phase in phases), strict=True)
    return e.emit(
        "Conv",
        ct,
        turned(e, weight, [phase.taps for phase in phases], group),
        kernel_shape=[len(phase.taps) for phase in phases],
        dilations=[phase.dilation for phase in phases],
        pads=[*begins, *ends],
        group=group,
    )


def _interleaved(
    e: Emitter, parts: Sequence[Sequence[Tensor | None]], channels: int, phases: Phases
) -> Tensor:
    """The parts put side by side, position by position, along both axes."""
    high, wide = len(phases.along[0]), len(phases.along[1])
    rows, columns = -(-phases.sizes[0] // high), -(-phases.sizes[1] // wide)
    given = next(part for row in parts for part in row if part is not None)
    shape = e.sizes(replace(given, shape=None), 0)
    nothing = e.constant_of_shape(shape, 0.0, given.dtype)
    lines = []
    for row in parts:
        line = _joined(e, [nothing if p is None else p for p in row], 4)
        lines.append(e.reshape(line, [0, channels, rows, columns * wide]))
    return e.reshape(_joined(e, lines, 3), [0, channels, rows * high, columns * wide])


def _joined(e: Emitter, parts: Sequence[Tensor], axis: int) -> Tensor:
    """The parts along a new axis."""
    if len(parts) == 1:
        return parts[0]
    return e.concat([e.unsqueeze(part, [axis]) for part in parts], axis)
