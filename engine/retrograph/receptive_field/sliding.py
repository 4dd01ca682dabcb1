"""Windows that slide: convolutions, pools, resizing, padding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from retrograph.ir.graph import Dim
from retrograph.receptive_field.reading import (
    Reading,
    Unknown,
    all_but,
    changed,
    rule,
    shape_of,
)
from retrograph.receptive_field.span import Span, Spans, along, scaled


@rule("Conv", "MaxPool", "AveragePool", "LpPool")
def _sliding(r: Reading) -> Spans:
    """Unit q sees s * q - pad + d * k for every tap k of the kernel."""
    spans = list(all_but(r.rank, [1] if r.node.op_type == "Conv" else []))
    for axis, (s, extent) in enumerate(_taps(r), 2):
        pad = _pad_before(r, axis)
        spans[axis] = along(axis, s, -pad, extent - 1 - pad)
    return tuple(spans)


def _taps(r: Reading) -> list[tuple[int, int]]:
    """The stride and the extent d * (k - 1) + 1 of the kernel along each spatial axis."""
    weight = shape_of(r.graph, r.node.input[1]) if r.has(1) else None
    kernel = r.attrs.get("kernel_shape") or (weight or ())[2:]
    if len(kernel) != r.rank - 2 or not all(isinstance(k, int) for k in kernel):
        raise Unknown
    strides, dilations = (r.attrs.get(k) or [1] * len(kernel) for k in ("strides", "dilations"))
    return [(s, d * (k - 1) + 1) for s, d, k in zip(strides, dilations, kernel, strict=True)]


def _pad_before(r: Reading, axis: int) -> int:
    mode = r.attrs.get("auto_pad", "NOTSET")
    if mode not in ("NOTSET", "VALID"):
        raise Unknown
    pads = r.attrs.get("pads") if mode == "NOTSET" else None
    return int(pads[axis - 2]) if pads else 0


@rule("ConvTranspose")
def _conv_transpose(r: Reading) -> Spans:
    """Position p reaches q = s * p - pad + d * k for every tap k of the kernel: solved for p."""
    spans = list(all_but(r.rank, [1]))
    for axis, (s, extent) in enumerate(_taps(r), 2):
        low, high = _cuts(r, axis, s, extent)
        spans[axis] = along(axis, Fraction(1, s), Fraction(low - extent + 1, s), Fraction(high, s))
    return tuple(spans)


def _cuts(r: Reading, axis: int, s: int, extent: int) -> tuple[int, int]:
    """The least and the most that a ConvTranspose cuts off in front.

    Where it is asked for an output size, what is too much is cut, half of it at either end.
    """
    if not r.attrs.get("auto_pad", "NOTSET").startswith("SAME") and "output_shape" not in r.attrs:
        pad = _pad_before(r, axis)
        return pad, pad
    before, after = r.x[axis], r.y[axis]
    if not isinstance(before, int) or not isinstance(after, int):
        raise Unknown
    more = r.attrs.get("output_padding") or [0] * r.rank
    total = max(s * (before - 1) + int(more[axis - 2]) + extent - after, 0)
    return total // 2, total - total // 2


@rule("DepthToSpace", "SpaceToDepth")
def _blocks(r: Reading) -> Spans:
    b = int(r.attrs["blocksize"])
    stride = Fraction(1, b) if r.node.op_type == "DepthToSpace" else Fraction(b)
    return along(0), None, scaled(2, stride), scaled(3, stride)


# Resizing.

_OPEN = Fraction(1, 1 << 20)
"""Taken off a bound that is itself not reached."""

_ROUNDING = Fraction(1, 64)
"""By how much a runtime's position may be off: a scale is exact if it is a power of 2."""

_REACH: dict[str, tuple[Fraction, Fraction]] = {
    "linear": (_OPEN - 1, 1 - _OPEN),
    "cubic": (_OPEN - 2, 2 - _OPEN),
    "round_prefer_floor": (Fraction(-1, 2), Fraction(1, 2) - _OPEN),
    "round_prefer_ceil": (_OPEN - Fraction(1, 2), Fraction(1, 2)),
    "floor": (_OPEN - 1, Fraction(0)),
    "ceil": (Fraction(0), 1 - _OPEN),
}
"""What is read around a position, as offsets from it."""


@rule("Resize")
def _resize(r: Reading) -> Spans:
    if r.attrs["keep_aspect_ratio_policy"] != "stretch":
        raise Unknown
    named = [int(axis) % r.rank for axis in r.attrs.get("axes") or range(r.rank)]
    scales = r.numbers(2) or [None] * len(named)
    return changed(
        r.rank, [(axis, _resized(r, axis, n)) for axis, n in zip(named, scales, strict=True)]
    )


def _resized(r: Reading, axis: int, scale: float | None) -> Span | None:
    """One axis, by a scale or to the size of y.

    Unit q reads around stride * q + offset. What lies outside is moved to the border, so the
    bounds hold the border too; `over` is how far the last unit may lie outside.
    """
    before, after = r.x[axis], r.y[axis]
    if scale == 1 or (not scale and before is not None and before == after):
        return along(axis)
    mode = str(r.attrs["coordinate_transformation_mode"])
    offset = over = Fraction(0)
    if mode == "align_corners" and isinstance(before, int) and isinstance(after, int):
        stride = Fraction(before - 1, max(after - 1, 1))
    elif mode in ("asymmetric", "half_pixel", "pytorch_half_pixel"):
        stride = _stride(before, after, scale)
        if mode == "half_pixel" or (mode == "pytorch_half_pixel" and after != 1):
            offset = (stride - 1) / 2
        over = 1 - stride + offset
    else:
        raise Unknown
    low, high = _reach(r, stride)
    first, last = offset + low, offset + high
    return along(axis, stride, min(first, first - over - low), max(last, Fraction(0)))


def _stride(before: Dim, after: Dim, scale: float | None) -> Fraction:
    if scale:
        return 1 / Fraction(scale)
    if isinstance(before, int) and isinstance(after, int):
        return Fraction(before, after)
    raise Unknown


def _reach(r: Reading, stride: Fraction) -> tuple[Fraction, Fraction]:
    """How far a unit reads to either side of its position."""
    mode = str(r.attrs["mode"])
    low, high = _REACH[str(r.attrs["nearest_mode"]) if mode == "nearest" else mode]
    if r.attrs["antialias"]:
        wide = max(stride, Fraction(1))
        low, high = low * wide - 1, high * wide + 1
    exact = all(n.bit_count() == 1 for n in stride.as_integer_ratio())
    return (low, high) if exact else (low - _ROUNDING, high + _ROUNDING)


@rule("Pad")
def _pad(r: Reading) -> Spans:
    """Unit q sees q - begin; what repeats or mirrors the border reaches back into it."""
    reach = {"constant": 0, "edge": 1, "reflect": 2}.get(r.attrs["mode"])
    if reach is None:
        raise Unknown
    axes = r.axes(3) or range(r.rank)
    if r.node.input[1] not in r.graph.constants:
        return changed(r.rank, [(axis, along(axis, 1, *ends)) for axis, ends in _same(r, axes)])
    pads = r.numbers(1) or []
    return changed(
        r.rank,
        [
            (axis, along(axis, 1, -begin - reach * max(end, 0), -begin + reach * max(begin, 0)))
            for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)
        ],
    )


_SAME = ("Concat", "Div Sub", "Max", "Sub", "Add", "Mul", "Div", "Sub", "Shape")
"""The operators between run-time pads and the tensor that is padded, each by its first input."""


def _same(r: Reading, axes: Sequence[int]) -> list[tuple[int, tuple[int, int]]]:
    """The first and last position that unit 0 of each axis may see, where run time tells the pads.

    Those of auto_pad (see ir/passes/explicit_pads.py): half of
    (ceil(n / stride) - 1) * stride + extent - n, which is from extent - stride to
    extent - 1 whatever the size n.
    """
    found, name = [], r.node.input[1]
    for ops in _SAME:
        node = r.graph.producer.get(name)
        if node is None or node.op_type not in ops.split():
            raise Unknown
        found.append(node)
        name = node.input[0]
    extents, strides = (r.graph.value(node.input[1]) for node in found[4:6])
    if (
        name != r.node.input[0]
        or extents is None
        or strides is None
        or r.attrs["mode"] != "constant"
    ):
        raise Unknown
    ends = [(-(e // 2), -(max(e - s, 0) // 2)) for e, s in zip(extents, strides, strict=True)]
    return list(zip(axes, [(int(a), int(b)) for a, b in ends], strict=True))
