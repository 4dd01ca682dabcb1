"""Which window of the input one unit sees, in closed form.

Along one axis, the positions of an earlier tensor that position q of a later one sees lie in an
affine interval [stride * q + first, stride * q + last]: a `Span`. A node gives one for each axis of
what it reads, and spans compose, so a walk over the graph gives those from every tensor back to the
input. The layout needs no guess: every axis of the input is followed through transpositions and
reshapes, and the spatial ones are those that convolutions and pools slide over.

A window is never too small. It is exact for convolutions, pools, crops and joins of equal stride
away from the border, and the least affine bound for enlargements; None stands for a whole axis,
which is also what an operator without a rule sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from typing import Any

from onnx import NodeProto

from retrograph.ir.graph import (
    STANDARD_DOMAINS,
    Array,
    Dim,
    Graph,
    Shape,
    attributes,
    default_attributes,
    reads,
)
from retrograph.ir.path import flow

Rational = Fraction | int


@dataclass(frozen=True)
class Span:
    """The positions of one axis of an earlier tensor that a unit of a later tensor sees.

    Position q along `axis` of the later tensor sees stride * q + first to stride * q + last, both
    included; `axis` is None and `stride` 0 where the position does not matter.
    """

    axis: int | None
    stride: Fraction
    first: Fraction
    last: Fraction

    @property
    def size(self) -> int:
        """The most positions that a unit sees."""
        return math.floor(self.last - self.first) + 1

    def then(self, step: Span | None) -> Span | None:
        """This span of a tensor x as its reader y sees it, where `step` leads from x to y."""
        if self.axis is None:
            return self
        if step is None:
            return None
        low, high = sorted((self.stride * step.first, self.stride * step.last))
        return _span(step.axis, self.stride * step.stride, self.first + low, self.last + high)

    def window(self, index: Sequence[int], size: int) -> tuple[int, int]:
        """The positions (start, stop) of an axis of `size` that the unit at `index` sees."""
        centre = 0 if self.axis is None else self.stride * index[self.axis]
        start = min(max(math.ceil(centre + self.first), 0), size)
        stop = min(math.floor(centre + self.last) + 1, size)
        return start, max(start, stop)


Spans = tuple[Span | None, ...]


@dataclass(frozen=True)
class Field:
    """The window of an input that a unit of a tensor sees.

    Attributes:
        source: the input's name.
        axes: the input's spatial axes; what follows has one entry for each.
        spans: what a unit sees of each, None where all of it. The tensor's own axes are counted
            from the back (-1 is the last), so that an index serves with and without its batch.
    """

    source: str
    axes: tuple[int, ...]
    spans: Spans

    @property
    def size(self) -> tuple[int | None, ...]:
        """How many positions the window spans, before clipping; None where the whole axis."""
        return tuple(None if s is None else s.size for s in self.spans)

    @property
    def stride(self) -> tuple[Fraction, ...]:
        """How far the window moves from one unit to the next; 0 where it stays."""
        return tuple(Fraction(0) if s is None else s.stride for s in self.spans)

    @property
    def first(self) -> tuple[Fraction, ...]:
        """Where the window of the unit at position 0 begins, negative in the padding."""
        return tuple(Fraction(0) if s is None else s.first for s in self.spans)

    def window(
        self, index: Sequence[int], input_sizes: Sequence[int]
    ) -> tuple[tuple[int, int], ...]:
        """The window (start, stop) along each spatial axis, clipped at the border.

        Args:
            index: the unit's, such as [c, y, x]; with or without the batch axis in front.
            input_sizes: the input's size along each of `axes`.
        """
        return tuple(
            (0, size) if span is None else span.window(index, size)
            for span, size in zip(self.spans, input_sizes, strict=True)
        )

    def __str__(self) -> str:
        """Size / stride, such as 24x24 / 8 or, where the axes differ, 3xall / 1x0."""
        if not any(self.spans):
            return "all"
        sizes = "x".join("all" if n is None else str(n) for n in self.size)
        strides = self.stride if len(set(self.stride)) > 1 else self.stride[:1]
        return f"{sizes} / {'x'.join(map(str, strides))}" if any(strides) else sizes


def receptive_fields(graph: Graph, sources: Sequence[str]) -> dict[str, Field]:
    """What a unit of each floating-point tensor sees of the first source that it depends on.

    Only sources with spatial axes count; the sources themselves are among the tensors.

    Args:
        graph: canonical.
        sources: the inputs, the most important first.
    """
    fields: dict[str, Field] = {}
    for source in sources:
        found, axes = _trace(graph, source)
        if not axes:
            continue
        for name, spans in found.items():
            rank = len(_shape(graph, name) or ())
            seen = tuple(_from_back(spans[axis], rank) for axis in axes)
            fields.setdefault(name, Field(source, axes, seen))
    return fields


def _from_back(span: Span | None, rank: int) -> Span | None:
    moves = span is not None and span.axis is not None
    return replace(span, axis=span.axis - rank) if moves else span


def _trace(graph: Graph, source: str) -> tuple[dict[str, Spans], tuple[int, ...]]:
    """The spans of every axis of the source in each tensor, and which of its axes are spatial.

    Without an operator that slides over any, those of the layout [N, C, *S] are.
    """
    rank = len(_shape(graph, source) or ())
    found: dict[str, Spans] = {source: tuple(_along(axis) for axis in range(rank))}
    spatial: set[int] = set()
    reached = flow(graph, [source]) - {source}
    for node in graph.nodes:
        if node.op_type in _SLIDING and node.input[0] in found:
            spans = enumerate(found[node.input[0]])
            spatial.update(i for i, s in spans if s is not None and (s.axis or 0) >= 2)
        if not found.keys().isdisjoint(reads(node)):
            for place, name in enumerate(node.output):
                if name in reached:
                    found[name] = _seen(graph, node, place, found, rank)
    return found, tuple(sorted(spatial) or range(2, rank))


def _seen(graph: Graph, node: NodeProto, output: int, found: dict[str, Spans], rank: int) -> Spans:
    """The spans of one output of a node: the union over what it reads."""
    parts = []
    for place, name in enumerate(node.input):
        if name in found:
            steps = _steps(graph, node, place, output)
            parts.append(tuple(s and s.then(_step(steps, s)) for s in found[name]))
    whole: Spans = (None,) * rank
    return tuple(reduce(_union, spans) for spans in zip(*parts, strict=True)) if parts else whole


def _step(steps: Spans | None, span: Span) -> Span | None:
    return None if steps is None or span.axis is None else steps[span.axis]


def _union(a: Span | None, b: Span | None) -> Span | None:
    """What two readings see together: the whole axis where they do not move alike."""
    if a is None or b is None or (a.axis, a.stride) != (b.axis, b.stride):
        return None
    return Span(a.axis, a.stride, min(a.first, b.first), max(a.last, b.last))


def _span(axis: int | None, stride: Rational, first: Rational, last: Rational) -> Span:
    """A span with the least bounds that hold the same positions, which are whole numbers.

    With stride n / m, m times a position less n times q is whole, so the bounds are multiples
    of 1 / m.
    """
    stride = Fraction(stride)
    m = stride.denominator
    return Span(axis, stride, Fraction(math.ceil(first * m), m), Fraction(math.floor(last * m), m))


def _along(axis: int, stride: Rational = 1, first: Rational = 0, last: Rational = 0) -> Span:
    return _span(axis, stride, first, last)


def _at(first: int, last: int) -> Span:
    """Fixed positions, for every unit."""
    return _span(None, 0, first, last)


def _shape(graph: Graph, name: str) -> Shape | None:
    tensor = graph.tensor(name)
    return None if tensor is None else tensor.shape


# What a node sees of one of its inputs. A rule gives one span for each axis of that input, in the
# axes of the output, or None where it has nothing to say: then every unit sees all of it.


@dataclass(frozen=True)
class _Reading:
    """A node as the reader of its input number `place`, x, and the maker of y."""

    graph: Graph
    node: NodeProto
    place: int
    output: int
    x: Shape
    y: Shape

    @cached_property
    def attrs(self) -> dict[str, Any]:
        node = self.node
        defaults = default_attributes(node.op_type, node.domain, self.graph.opset)
        return {**defaults, **attributes(node)}

    def value(self, i: int) -> Array | None:
        """The value of input i, None where it is absent or not constant."""
        return self.graph.value(self.node.input[i]) if self.has(i) else None

    def ints(self, i: int) -> list[int] | None:
        value = self.value(i)
        return None if value is None else [int(v) for v in value.reshape(-1)]

    def has(self, i: int) -> bool:
        return i < len(self.node.input) and bool(self.node.input[i])

    @property
    def axis(self) -> int:
        return int(self.attrs["axis"]) % len(self.x)


_Rule = Callable[[_Reading], Spans | None]
_RULES: dict[str, _Rule] = {}


def _rule(*ops: str) -> Callable[[_Rule], _Rule]:
    def register(rule: _Rule) -> _Rule:
        _RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


def _steps(graph: Graph, node: NodeProto, place: int, output: int) -> Spans | None:
    rule = _RULES.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
    x, y = _shape(graph, node.input[place]), _shape(graph, node.output[output])
    if rule is None or x is None or y is None:
        return None
    return rule(_Reading(graph, node, place, output, x, y))


def _all_but(rank: int, whole: Collection[int]) -> Spans:
    """Every axis in its place, and all of the axes in `whole`."""
    return tuple(None if axis in whole else _along(axis) for axis in range(rank))


_SLIDING = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalLpPool", "LRN"}
_SLIDING |= {"GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization"}
_SLIDING |= {"DepthToSpace", "SpaceToDepth"}
"""Operators over [N, C, *S]: what they find behind axis 1 is spatial."""

_UNARY = ("Relu", "LeakyRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "Sigmoid", "Tanh")
_UNARY += ("HardSigmoid", "HardSwish", "Softplus", "Softsign", "Mish", "Gelu", "Swish", "Erf")
_UNARY += ("Neg", "Abs", "Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Tan", "Asin", "Acos")
_UNARY += ("Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Round", "Floor", "Ceil", "Sign")
_UNARY += ("Identity", "Dropout", "Cast", "CastLike", "Shrink")
_BROADCAST = ("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Sum", "Mean", "Max", "Min", "Where")
_BROADCAST += ("PRelu", "Clip", "Expand")


@_rule(*_UNARY, *_BROADCAST)
def _elementwise(r: _Reading) -> Spans | None:
    """Axes aligned from the back. A size that is not known is taken not to be stretched."""
    lead = len(r.y) - len(r.x)
    return tuple(
        _at(0, 0) if size == 1 != r.y[lead + i] else _along(lead + i) for i, size in enumerate(r.x)
    )


# Sliding windows.


@_rule("Conv", "MaxPool", "AveragePool", "LpPool")
def _sliding(r: _Reading) -> Spans | None:
    """p = s * q - pad + d * k for a tap k of the kernel."""
    taps = _taps(r)
    if taps is None:
        return None
    windows = [
        _along(axis, s, -pads[1], extent - 1 - pads[0])
        for axis, (s, extent, pads) in enumerate(zip(*taps, _pads(r, *taps), strict=True), 2)
    ]
    return _along(0), None if r.node.op_type == "Conv" else _along(1), *windows


def _taps(r: _Reading) -> tuple[list[int], list[int]] | None:
    """The stride and the extent d * (k - 1) + 1 of the kernel along each spatial axis."""
    weight = _shape(r.graph, r.node.input[1]) if r.has(1) else None
    kernel = r.attrs.get("kernel_shape") or list((weight or ())[2:])
    if r.place or len(kernel) != len(r.x) - 2 or not all(isinstance(k, int) for k in kernel):
        return None
    ones = [1] * len(kernel)
    dilations = r.attrs.get("dilations") or ones
    extents = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    return r.attrs.get("strides") or ones, extents


def _pads(r: _Reading, strides: list[int], extents: list[int]) -> list[tuple[int, int]]:
    """The least and the most padding in front of each spatial axis.

    They differ where SAME depends on a size that is not known: it pads extent - stride to
    extent - 1 in all.
    """
    mode = r.attrs.get("auto_pad", "NOTSET")
    if mode.startswith("SAME"):
        spans = zip(strides, extents, strict=True)
        return [(max(extent - s, 0) // 2, extent // 2) for s, extent in spans]
    begins = r.attrs.get("pads") if mode == "NOTSET" else None
    return [(pad, pad) for pad in (begins or [0] * 2 * len(strides))[: len(strides)]]


@_rule("ConvTranspose")
def _conv_transpose(r: _Reading) -> Spans | None:
    """q = s * p - pad + d * k for a tap k of the kernel, read backwards."""
    taps = _taps(r)
    if taps is None:
        return None
    windows: list[Span | None] = [_along(0), None]
    for axis, (s, extent) in enumerate(zip(*taps, strict=True), 2):
        pads = _transposed_pads(r, axis, s, extent)
        low, high = (0, 0) if pads is None else (pads[0] - extent + 1, pads[1])
        ends = Fraction(low, s), Fraction(high, s)
        windows.append(None if pads is None else _along(axis, Fraction(1, s), *ends))
    return tuple(windows)


def _transposed_pads(r: _Reading, axis: int, s: int, extent: int) -> tuple[int, int] | None:
    """The least and the most that is cut off in front; None where it is not known.

    An output size that is asked for leaves so much to cut, half of it at either end.
    """
    spatial, mode = axis - 2, r.attrs.get("auto_pad", "NOTSET")
    if mode == "VALID":
        return 0, 0
    if mode == "NOTSET" and "output_shape" not in r.attrs:
        pad = (r.attrs.get("pads") or [0] * len(r.x))[spatial]
        return pad, pad
    before, after = r.x[axis], r.y[axis]
    if not isinstance(before, int) or not isinstance(after, int):
        return None
    more = (r.attrs.get("output_padding") or [0] * len(r.x))[spatial]
    total = max(s * (before - 1) + more + extent - after, 0)
    return total // 2, total - total // 2


@_rule("DepthToSpace")
def _depth_to_space(r: _Reading) -> Spans:
    b = int(r.attrs["blocksize"])
    inner = [_along(axis, Fraction(1, b), Fraction(1 - b, b)) for axis in (2, 3)]
    return _along(0), None, *inner


@_rule("SpaceToDepth")
def _space_to_depth(r: _Reading) -> Spans:
    b = int(r.attrs["blocksize"])
    return _along(0), None, *(_along(axis, b, 0, b - 1) for axis in (2, 3))


# Resizing.

_OPEN = Fraction(1, 1 << 20)
"""Taken off a bound that is itself not reached."""

_ROUNDING = Fraction(1, 64)
"""By how much a runtime's position may be off where it is no exact floating-point number."""

_REACH: dict[str, tuple[Fraction, Fraction]] = {
    "linear": (_OPEN - 1, 1 - _OPEN),
    "cubic": (_OPEN - 2, 2 - _OPEN),
    "round_prefer_floor": (Fraction(-1, 2), Fraction(1, 2) - _OPEN),
    "round_prefer_ceil": (_OPEN - Fraction(1, 2), Fraction(1, 2)),
    "floor": (_OPEN - 1, Fraction(0)),
    "ceil": (Fraction(0), 1 - _OPEN),
}
"""What is read around the position x, as offsets from it."""


@_rule("Resize")
def _resize(r: _Reading) -> Spans | None:
    rank = len(r.x)
    named = [int(a) % rank for a in r.attrs.get("axes") or range(rank)]
    scales = r.value(2)
    if r.place or (r.has(2) and scales is None) or r.attrs["keep_aspect_ratio_policy"] != "stretch":
        return None
    steps: list[Span | None] = [_along(axis) for axis in range(rank)]
    for i, axis in enumerate(named):
        scale = Fraction(float(scales[i])) if scales is not None and scales.size else None
        steps[axis] = _resized(r, axis, scale)
    return tuple(steps)


def _resized(r: _Reading, axis: int, scale: Fraction | None) -> Span | None:
    """One axis. A position outside is moved to the border, so the bounds hold the border too."""
    before, after = r.x[axis], r.y[axis]
    if scale == 1 or (scale is None and before is not None and before == after):
        return _along(axis)
    found = _coordinate(str(r.attrs["coordinate_transformation_mode"]), before, after, scale)
    if found is None:
        return None
    step, offset, overrun = found
    mode = str(r.attrs["mode"])
    low, high = _REACH[str(r.attrs["nearest_mode"]) if mode == "nearest" else mode]
    if r.attrs["antialias"]:
        wide = max(step, Fraction(1))
        low, high = low * wide - 1, high * wide + 1
    if not (_is_exact(step) and _is_exact(offset)):
        low, high = low - _ROUNDING, high + _ROUNDING
    first, last = offset + low, offset + high
    return _along(axis, step, min(first, first - overrun - low), max(last, Fraction(0)))


def _coordinate(
    mode: str, before: Dim, after: Dim, scale: Fraction | None
) -> tuple[Fraction, Fraction, Fraction] | None:
    """The position x = step * q + offset that unit q reads at, and how far the last lies outside.

    `before` and `after` are the sizes of the axis; `scale` is None where they decide.
    """
    static = isinstance(before, int) and isinstance(after, int)
    if mode == "align_corners" and isinstance(before, int) and isinstance(after, int):
        return Fraction(before - 1, max(after - 1, 1)), Fraction(0), Fraction(0)
    if scale is None and isinstance(before, int) and isinstance(after, int):
        scale = Fraction(after, before)
    if not scale:
        return None
    step = 1 / scale
    if mode == "asymmetric" or (mode == "pytorch_half_pixel" and after == 1):
        return step, Fraction(0), 1 - step
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and static):
        return step, (step - 1) / 2, (1 - step) / 2
    return None


def _is_exact(x: Fraction) -> bool:
    """Whether positions that are multiples of x are exact in floating point."""
    return x.denominator <= 256 and x.denominator.bit_count() == 1


# Moving and joining.


@_rule("Transpose")
def _transpose(r: _Reading) -> Spans:
    perm = r.attrs.get("perm") or range(len(r.x))[::-1]
    return tuple(_along(list(perm).index(axis)) for axis in range(len(r.x)))


@_rule("Concat")
def _concat(r: _Reading) -> Spans:
    shapes = [_shape(r.graph, name) for name in r.node.input[: r.place]]
    return _shifted(r, shapes, -1)


@_rule("Split")
def _split(r: _Reading) -> Spans | None:
    shapes = [_shape(r.graph, name) for name in r.node.output[: r.output]]
    return None if r.place else _shifted(r, shapes, 1)


def _shifted(r: _Reading, before: Sequence[Shape | None], sign: int) -> Spans:
    """Every axis in its place, one behind the tensors `before` that share it."""
    sizes = [None if shape is None else shape[r.axis] for shape in before]
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) < len(sizes):
        return _all_but(len(r.x), [r.axis])
    offset = sign * sum(known)
    return tuple(
        _along(i, 1, offset, offset) if i == r.axis else _along(i) for i in range(len(r.x))
    )


@_rule("Slice")
def _slice(r: _Reading) -> Spans | None:
    starts, axes, steps = r.ints(1), r.ints(3), r.ints(4)
    if r.place or starts is None or (r.has(3) and axes is None) or (r.has(4) and steps is None):
        return None
    spans = list(_all_but(len(r.x), ()))
    for start, axis, step in zip(
        starts, axes or range(len(starts)), steps or [1] * len(starts), strict=True
    ):
        axis, size = axis % len(r.x), r.x[axis]
        if isinstance(size, int):
            start = slice(start, None, step).indices(size)[0]
        known = isinstance(size, int) or (start >= 0 and step > 0)
        spans[axis] = _along(axis, step, start, start) if known else None
    return tuple(spans)


@_rule("Gather")
def _gather(r: _Reading) -> Spans | None:
    """Every unit sees from the least to the greatest of the constant indices."""
    indices = r.value(1)
    if r.place:
        return None
    size, more = r.x[r.axis], len(r.y) - len(r.x)
    spans = [_along(i if i < r.axis else i + more) for i in range(len(r.x))]
    steps: list[Span | None] = list(spans)
    steps[r.axis] = None
    if indices is not None and indices.size and (isinstance(size, int) or indices.min() >= 0):
        places = [int(i) % size if isinstance(size, int) else int(i) for i in indices.reshape(-1)]
        steps[r.axis] = _at(min(places), max(places))
    return tuple(steps)


@_rule("Pad")
def _pad(r: _Reading) -> Spans | None:
    """x[q - begin]; what repeats or mirrors the border reaches back into it."""
    pads, axes, mode = r.ints(1), r.ints(3), r.attrs["mode"]
    reach = {"constant": 0, "edge": 1, "reflect": 2}.get(mode)
    if r.place or pads is None or reach is None or (r.has(3) and axes is None):
        return None
    named = range(len(r.x)) if axes is None else [axis % len(r.x) for axis in axes]
    spans = list(_all_but(len(r.x), ()))
    for axis, begin, end in zip(named, pads[: len(named)], pads[len(named) :], strict=True):
        first, last = -begin - reach * max(end, 0), -begin + reach * max(begin, 0)
        spans[axis] = _along(axis, 1, first, last)
    return tuple(spans)


@_rule("Tile")
def _tile(r: _Reading) -> Spans | None:
    repeats = r.ints(1)
    if r.place or repeats is None:
        return None
    sizes = enumerate(zip(repeats, r.x, strict=True))
    return tuple(
        _along(i) if n == 1 else _at(0, 0) if size == 1 else None for i, (n, size) in sizes
    )


@_rule("Squeeze")
def _squeeze(r: _Reading) -> Spans | None:
    axes = r.ints(1) if r.has(1) else [i for i, size in enumerate(r.x) if size == 1]
    return None if r.place or axes is None else _without(r, axes, _at(0, 0))


@_rule("Unsqueeze")
def _unsqueeze(r: _Reading) -> Spans | None:
    axes = r.ints(1)
    if r.place or axes is None:
        return None
    new = {axis % len(r.y) for axis in axes}
    return tuple(_along(axis) for axis in range(len(r.y)) if axis not in new)


def _without(r: _Reading, axes: Iterable[int], gone: Span | None) -> Spans:
    """The axes that stay, in order, and what is seen of those that go."""
    dropped = {axis % len(r.x) for axis in axes}
    kept = [axis for axis in range(len(r.x)) if axis not in dropped]
    return tuple(gone if axis in dropped else _along(kept.index(axis)) for axis in range(len(r.x)))


@_rule("Reshape", "Flatten")
def _reshape(r: _Reading) -> Spans | None:
    """Blocks of axes that hold the same numbers before and after, matched from either end.

    Of a block [a1, a2, ...] that becomes [b1, b2, ...], unit q of b1 holds T = b2 * b3 * ...
    numbers from q * T on, and S = a2 * a3 * ... of them make one position of a1.
    """
    if r.place:
        return None
    lead = _same(r.x, r.y, _copied(r))
    tail = _same(r.x[lead:][::-1], r.y[lead:][::-1])
    x, y = r.x[lead : len(r.x) - tail], r.y[lead : len(r.y) - tail]
    steps: list[Span | None] = [_along(axis) for axis in range(lead)]
    steps += _regrouped(x, y, lead)
    return *steps, *(_along(axis) for axis in range(len(r.y) - tail, len(r.y)))


def _copied(r: _Reading) -> frozenset[int]:
    """The axes whose size a Reshape copies: a 0 in its shape."""
    wanted = r.ints(1) if r.node.op_type == "Reshape" and not r.attrs["allowzero"] else None
    return frozenset(i for i, size in enumerate(wanted or ()) if size == 0)


def _same(x: Shape, y: Shape, copied: Collection[int] = ()) -> int:
    """How many axes in front have the same size in both."""
    count = 0
    for a, b in zip(x, y, strict=False):
        if count not in copied and (a is None or a != b):
            break
        count += 1
    return count


def _regrouped(x: Shape, y: Shape, lead: int) -> list[Span | None]:
    """What each axis of x becomes, where y, with `lead` axes before it, holds the same numbers."""
    steps: list[Span | None] = [_at(0, 0) if size == 1 else None for size in x]
    sizes = _sized(x, y)
    if sizes is None:
        return steps
    a, b = ([(i, n) for i, n in enumerate(shape) if n != 1] for shape in sizes)
    while a and b:
        cut_a, cut_b = _block([n for _, n in a], [n for _, n in b])
        inner = math.prod(n for _, n in a[1:cut_a])
        held = math.prod(n for _, n in b[1:cut_b])
        ends = Fraction(1 - inner, inner), Fraction(held - 1, inner)
        steps[a[0][0]] = _along(lead + b[0][0], Fraction(held, inner), *ends)
        a, b = a[cut_a:], b[cut_b:]
    return steps


def _block(a: Sequence[int], b: Sequence[int]) -> tuple[int, int]:
    """The fewest axes of either that hold equally many numbers."""
    i, j = 1, 1
    while (left := math.prod(a[:i])) != (right := math.prod(b[:j])):
        i, j = (i + 1, j) if left < right else (i, j + 1)
    return i, j


def _sized(x: Shape, y: Shape) -> tuple[list[int], list[int]] | None:
    """Both shapes as numbers, one open size in each replaced by a large one; None if that fails.

    Which axes match does not depend on that size, since it is larger than every product.
    """
    known_x, known_y = ([n for n in shape if isinstance(n, int)] for shape in (x, y))
    open_x, open_y = len(x) - len(known_x), len(y) - len(known_y)
    volume_x, volume_y = math.prod(known_x), math.prod(known_y)
    if not volume_x or not volume_y or max(open_x, open_y) > 1 or open_x > open_y:
        return None
    size_x = (volume_x + volume_y) * volume_y
    whole = volume_x * (size_x if open_x else 1)
    if (open_y == 0 and whole != volume_y) or whole % volume_y:
        return None
    return (
        [n if isinstance(n, int) else size_x for n in x],
        [n if isinstance(n, int) else whole // volume_y for n in y],
    )


# Sums over axes.


@_rule("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2")
@_rule("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
def _reduce(r: _Reading) -> Spans | None:
    axes = r.ints(1) if r.has(1) else []
    if r.place or axes is None:
        return None
    if not axes and not r.attrs["noop_with_empty_axes"]:
        return (None,) * len(r.x)
    if r.attrs["keepdims"]:
        return _all_but(len(r.x), [axis % len(r.x) for axis in axes])
    return _without(r, axes, None)


@_rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "InstanceNormalization")
def _each_channel(r: _Reading) -> Spans | None:
    return None if r.place else _all_but(len(r.x), range(2, len(r.x)))


@_rule("BatchNormalization", "LRN")
def _each_position(r: _Reading) -> Spans | None:
    return None if r.place or r.attrs.get("training_mode") else _all_but(len(r.x), [1])


@_rule("Softmax", "LogSoftmax", "LpNormalization")
def _over_axis(r: _Reading) -> Spans:
    return _all_but(len(r.x), [r.axis])


@_rule("LayerNormalization")
def _over_last_axes(r: _Reading) -> Spans | None:
    return None if r.place or r.output else _all_but(len(r.x), range(r.axis, len(r.x)))


@_rule("MatMul")
def _matmul(r: _Reading) -> Spans | None:
    """[*B, M, K] times [*B, K, N]; matrices only."""
    other = _shape(r.graph, r.node.input[1 - r.place])
    if other is None or min(len(other), len(r.x)) < 2:
        return None
    summed = len(r.x) - 1 - r.place
    return tuple(None if i == summed else step for i, step in enumerate(_elementwise(r)))


@_rule("Gemm")
def _gemm(r: _Reading) -> Spans:
    """A' [M, K] times B' [K, N] plus C."""
    if r.place == 2:
        return _elementwise(r)
    kept = _along(r.place)
    turned = r.attrs["transB" if r.place else "transA"]
    return (None, kept) if bool(turned) != bool(r.place) else (kept, None)
