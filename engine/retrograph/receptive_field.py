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
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, reduce
from itertools import accumulate
from operator import mul
from typing import Any

from onnx import NodeProto

from retrograph.ir.graph import (
    STANDARD_DOMAINS,
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
    if span is None or span.axis is None:
        return span
    return replace(span, axis=span.axis - rank)


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
# axes of the output. Without one, and where a rule meets what is not known, a unit sees all of it.


class _Unknown(Exception):
    """A size or a parameter that a rule needs is not constant."""


@dataclass(frozen=True)
class _Reading:
    """A node as the reader of x, its input number `place`, and the maker of y, number `output`."""

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

    @property
    def rank(self) -> int:
        return len(self.x)

    @property
    def axis(self) -> int:
        return int(self.attrs["axis"]) % self.rank

    def has(self, i: int) -> bool:
        return i < len(self.node.input) and bool(self.node.input[i])

    def numbers(self, i: int) -> list[Any] | None:
        """The values of input i, flat; None where it is absent."""
        if not self.has(i):
            return None
        value = self.graph.value(self.node.input[i])
        if value is None:
            raise _Unknown
        return list(value.reshape(-1).tolist())

    def axes(self, i: int) -> list[int] | None:
        """The axes of x that input i names; None where it is absent."""
        numbers = self.numbers(i)
        return None if numbers is None else [int(n) % self.rank for n in numbers]


_Rule = Callable[[_Reading], Spans]
_RULES: dict[str, _Rule] = {}


def _rule(*ops: str) -> Callable[[_Rule], _Rule]:
    def register(rule: _Rule) -> _Rule:
        _RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


def _steps(graph: Graph, node: NodeProto, place: int, output: int) -> Spans | None:
    """The spans of input number `place` in an output of the node; None where all is seen."""
    rule = _RULES.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
    x, y = _shape(graph, node.input[place]), _shape(graph, node.output[output])
    if rule is None or x is None or y is None or (place and node.op_type not in _JOINING):
        return None
    try:
        return rule(_Reading(graph, node, place, output, x, y))
    except _Unknown:
        return None


def _all_but(rank: int, whole: Collection[int]) -> Spans:
    """Every axis in its place, and all of the axes in `whole`."""
    return tuple(None if axis in whole else _along(axis) for axis in range(rank))


def _changed(rank: int, changes: Iterable[tuple[int, Span | None]]) -> Spans:
    """Every axis in its place, but for the changes."""
    spans = dict[int, Span | None](enumerate(_all_but(rank, ())))
    spans.update(changes)
    return tuple(spans.values())


def _without(rank: int, axes: Collection[int], gone: Span | None) -> Spans:
    """The axes that stay, closed up, and what is seen of those that go."""
    kept = [axis for axis in range(rank) if axis not in axes]
    return tuple(gone if axis in axes else _along(kept.index(axis)) for axis in range(rank))


_SLIDING = {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalLpPool", "LRN"}
_SLIDING |= {"GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization"}
_SLIDING |= {"DepthToSpace", "SpaceToDepth"}
"""Operators over [N, C, *S]: what they find behind axis 1 is spatial."""

_UNARY = {"Relu", "LeakyRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "Sigmoid", "Tanh"}
_UNARY |= {"HardSigmoid", "HardSwish", "Softplus", "Softsign", "Mish", "Gelu", "Swish", "Erf"}
_UNARY |= {"Neg", "Abs", "Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Tan", "Asin", "Acos"}
_UNARY |= {"Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Round", "Floor", "Ceil", "Sign"}
_UNARY |= {"Identity", "Dropout", "Cast", "CastLike", "Shrink", "Expand"}

_BROADCAST = {"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Sum", "Mean", "Max", "Min", "Where"}
_BROADCAST |= {"PRelu", "Clip"}

_JOINING = _BROADCAST | {"Concat", "MatMul", "Gemm"}
"""Operators with rules for more than their first input."""


@_rule(*_UNARY, *_BROADCAST)
def _elementwise(r: _Reading) -> Spans:
    """Axes aligned from the back. A size that is not known is taken not to be stretched."""
    lead = len(r.y) - r.rank
    return tuple(
        _at(0, 0) if size == 1 != r.y[i] else _along(i) for i, size in enumerate(r.x, lead)
    )


# Sliding windows.


@_rule("Conv", "MaxPool", "AveragePool", "LpPool")
def _sliding(r: _Reading) -> Spans:
    """Unit q sees s * q - pad + d * k for every tap k of the kernel."""
    spans = list(_all_but(r.rank, [1] if r.node.op_type == "Conv" else []))
    for axis, (s, extent) in enumerate(_taps(r), 2):
        low, high = _pads(r, axis - 2, s, extent)
        spans[axis] = _along(axis, s, -high, extent - 1 - low)
    return tuple(spans)


def _taps(r: _Reading) -> list[tuple[int, int]]:
    """The stride and the extent d * (k - 1) + 1 of the kernel along each spatial axis."""
    weight = _shape(r.graph, r.node.input[1]) if r.has(1) else None
    kernel = r.attrs.get("kernel_shape") or (weight or ())[2:]
    if len(kernel) != r.rank - 2 or not all(isinstance(k, int) for k in kernel):
        raise _Unknown
    strides, dilations = (r.attrs.get(k) or [1] * len(kernel) for k in ("strides", "dilations"))
    return [(s, d * (k - 1) + 1) for s, d, k in zip(strides, dilations, kernel, strict=True)]


def _pads(r: _Reading, i: int, s: int, extent: int) -> tuple[int, int]:
    """The least and the most padding in front of spatial axis i.

    They differ where SAME depends on a size that is not known: it pads extent - s to extent - 1
    in all.
    """
    mode = r.attrs.get("auto_pad", "NOTSET")
    if mode.startswith("SAME"):
        return max(extent - s, 0) // 2, extent // 2
    pad = int(r.attrs["pads"][i]) if mode == "NOTSET" and "pads" in r.attrs else 0
    return pad, pad


@_rule("ConvTranspose")
def _conv_transpose(r: _Reading) -> Spans:
    """Position p reaches q = s * p - pad + d * k for every tap k of the kernel: solved for p."""
    spans = list(_all_but(r.rank, [1]))
    for axis, (s, extent) in enumerate(_taps(r), 2):
        low, high = _cuts(r, axis, s, extent)
        spans[axis] = _along(axis, Fraction(1, s), Fraction(low - extent + 1, s), Fraction(high, s))
    return tuple(spans)


def _cuts(r: _Reading, axis: int, s: int, extent: int) -> tuple[int, int]:
    """The least and the most that a ConvTranspose cuts off in front.

    Where it is asked for an output size, what is too much is cut, half of it at either end.
    """
    if r.attrs.get("auto_pad", "NOTSET") in ("NOTSET", "VALID") and "output_shape" not in r.attrs:
        return _pads(r, axis - 2, s, extent)
    before, after = r.x[axis], r.y[axis]
    if not isinstance(before, int) or not isinstance(after, int):
        raise _Unknown
    more = r.attrs.get("output_padding") or [0] * r.rank
    total = max(s * (before - 1) + int(more[axis - 2]) + extent - after, 0)
    return total // 2, total - total // 2


@_rule("DepthToSpace", "SpaceToDepth")
def _blocks(r: _Reading) -> Spans:
    b = int(r.attrs["blocksize"])
    stride = Fraction(1, b) if r.node.op_type == "DepthToSpace" else Fraction(b)
    return _along(0), None, _scaled(2, stride), _scaled(3, stride)


def _scaled(axis: int, stride: Fraction) -> Span:
    """Positions cut into blocks, or joined, without overlap: unit q from stride * q on."""
    n, m = stride.numerator, stride.denominator
    return _along(axis, stride, Fraction(1 - m, m), Fraction(n - 1, m))


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
"""What is read around a position, as offsets from it."""


@_rule("Resize")
def _resize(r: _Reading) -> Spans:
    if r.attrs["keep_aspect_ratio_policy"] != "stretch":
        raise _Unknown
    named = [int(axis) % r.rank for axis in r.attrs.get("axes") or range(r.rank)]
    scales = r.numbers(2) or [None] * len(named)
    return _changed(
        r.rank, [(axis, _resized(r, axis, n)) for axis, n in zip(named, scales, strict=True)]
    )


def _resized(r: _Reading, axis: int, scale: float | None) -> Span | None:
    """One axis, by a scale or to the size of y.

    Unit q reads around stride * q + offset. What lies outside is moved to the border, so the
    bounds hold the border too; `over` is how far the last unit may lie outside.
    """
    before, after = r.x[axis], r.y[axis]
    if scale == 1 or (not scale and before is not None and before == after):
        return _along(axis)
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
        raise _Unknown
    low, high = _reach(r, stride, offset)
    first, last = offset + low, offset + high
    return _along(axis, stride, min(first, first - over - low), max(last, Fraction(0)))


def _stride(before: Dim, after: Dim, scale: float | None) -> Fraction:
    if scale:
        return 1 / Fraction(scale)
    if isinstance(before, int) and isinstance(after, int):
        return Fraction(before, after)
    raise _Unknown


def _reach(r: _Reading, stride: Fraction, offset: Fraction) -> tuple[Fraction, Fraction]:
    """How far a unit reads to either side of its position."""
    mode = str(r.attrs["mode"])
    low, high = _REACH[str(r.attrs["nearest_mode"]) if mode == "nearest" else mode]
    if r.attrs["antialias"]:
        wide = max(stride, Fraction(1))
        low, high = low * wide - 1, high * wide + 1
    exact = all(x.denominator <= 256 and 256 % x.denominator == 0 for x in (stride, offset))
    return (low, high) if exact else (low - _ROUNDING, high + _ROUNDING)


# Moving and joining.


@_rule("Transpose")
def _transpose(r: _Reading) -> Spans:
    perm = list(r.attrs.get("perm") or range(r.rank)[::-1])
    return tuple(_along(perm.index(axis)) for axis in range(r.rank))


@_rule("Concat")
def _concat(r: _Reading) -> Spans:
    offset = -_extent(r, r.node.input[: r.place])
    return _changed(r.rank, [(r.axis, _along(r.axis, 1, offset, offset))])


@_rule("Split")
def _split(r: _Reading) -> Spans:
    offset = _extent(r, r.node.output[: r.output])
    return _changed(r.rank, [(r.axis, _along(r.axis, 1, offset, offset))])


def _extent(r: _Reading, names: Iterable[str]) -> int:
    """The sizes of these tensors along the node's axis, summed."""
    shapes = [_shape(r.graph, name) for name in names]
    sizes = [None if shape is None else shape[r.axis] for shape in shapes]
    if not all(isinstance(size, int) for size in sizes):
        raise _Unknown
    return sum(size for size in sizes if isinstance(size, int))


@_rule("Slice")
def _slice(r: _Reading) -> Spans:
    starts = r.numbers(1) or []
    axes, steps = r.axes(3) or range(len(starts)), r.numbers(4) or [1] * len(starts)
    changes: list[tuple[int, Span | None]] = []
    for start, axis, step in zip(starts, axes, steps, strict=True):
        size = r.x[axis]
        if isinstance(size, int):
            start = slice(start, None, step).indices(size)[0]
        known = isinstance(size, int) or (start >= 0 and step > 0)
        changes.append((axis, _along(axis, step, start, start) if known else None))
    return _changed(r.rank, changes)


@_rule("Gather")
def _gather(r: _Reading) -> Spans:
    """Every unit sees from the least to the greatest of the indices."""
    size, more = r.x[r.axis], len(r.y) - r.rank
    places = r.numbers(1) or []
    if not isinstance(size, int):
        raise _Unknown
    places = [int(i) % size for i in places] or [0]
    return tuple(
        _at(min(places), max(places)) if i == r.axis else _along(i if i < r.axis else i + more)
        for i in range(r.rank)
    )


@_rule("Pad")
def _pad(r: _Reading) -> Spans:
    """Unit q sees q - begin; what repeats or mirrors the border reaches back into it."""
    pads, axes = r.numbers(1) or [], r.axes(3) or range(r.rank)
    reach = {"constant": 0, "edge": 1, "reflect": 2}.get(r.attrs["mode"])
    if reach is None:
        raise _Unknown
    return _changed(
        r.rank,
        [
            (axis, _along(axis, 1, -begin - reach * max(end, 0), -begin + reach * max(begin, 0)))
            for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)
        ],
    )


@_rule("Tile")
def _tile(r: _Reading) -> Spans:
    repeats = enumerate(zip(r.x, r.numbers(1) or [], strict=True))
    return tuple(
        _along(i) if n == 1 else _at(0, 0) if size == 1 else None for i, (size, n) in repeats
    )


@_rule("Squeeze")
def _squeeze(r: _Reading) -> Spans:
    axes = r.axes(1)
    ones = [axis for axis, size in enumerate(r.x) if size == 1]
    return _without(r.rank, ones if axes is None else axes, _at(0, 0))


@_rule("Unsqueeze")
def _unsqueeze(r: _Reading) -> Spans:
    new = {int(axis) % len(r.y) for axis in r.numbers(1) or []}
    return tuple(_along(axis) for axis in range(len(r.y)) if axis not in new)


_PRIMES = tuple((1 << n) - 1 for n in (61, 89, 107, 127, 521, 607, 1279, 2203))
"""Stand for sizes that are not known; no product of known sizes has one of them as a factor."""


@_rule("Reshape", "Flatten")
def _reshape(r: _Reading) -> Spans:
    """Axes that stay, merge or split, told by the product of the sizes before them.

    An axis of x and one of y with the same product before them cut the same numbers into a and
    into b parts, so that one position of y's holds a / b positions of x's. An axis of x without
    such a partner is lost: all of it is seen.
    """
    x, y = _sizes(r)
    starts = {before: axis for axis, before in _starts(y)}
    spans: list[Span | None] = [_at(0, 0) if size == 1 else None for size in x]
    for axis, before in _starts(x):
        if before in starts:
            ratio = x[axis] / y[starts[before]]
            known = max(ratio.numerator, ratio.denominator) < _PRIMES[0]
            spans[axis] = _scaled(starts[before], ratio) if known else None
    return tuple(spans)


def _starts(sizes: Sequence[Fraction]) -> Iterator[tuple[int, Fraction]]:
    """The axes longer than 1, each with the product of the sizes before it."""
    before = accumulate(sizes, mul, initial=Fraction(1))
    return ((i, n) for i, (n, size) in enumerate(zip(before, sizes, strict=False)) if size != 1)


def _sizes(r: _Reading) -> tuple[list[Fraction], list[Fraction]]:
    """The sizes of x and y, primes for those not known; a single new one in y follows from x."""
    x, y = list(r.x), list(r.y)
    wanted = (r.numbers(1) or []) if r.node.op_type == "Reshape" else []
    for i in (i for i, size in enumerate(wanted) if size == 0 and not r.attrs["allowzero"]):
        x[i] = y[i] = x[i] or f"axis {i}"
    new = [i for i, size in enumerate(y) if not isinstance(size, int) and size not in x]
    names = [n if n or isinstance(n, int) else f"x {i}" for i, n in enumerate(x)]
    names += [f"y {i}" if i in new else n for i, n in enumerate(y)]
    open_names = dict.fromkeys(name for name in names if isinstance(name, str))
    if 0 in names or len(open_names) > len(_PRIMES):
        raise _Unknown
    primes: dict[Dim, int] = dict(zip(open_names, _PRIMES, strict=False))
    numbers = [Fraction(n if isinstance(n, int) else primes[n]) for n in names]
    before, after = numbers[: len(x)], numbers[len(x) :]
    if len(new) == 1:
        after[new[0]] *= reduce(mul, before) / reduce(mul, after)
    return before, after


# Sums over axes.


@_rule("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2")
@_rule("ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
def _reduce(r: _Reading) -> Spans:
    axes = r.axes(1) or ([] if r.attrs["noop_with_empty_axes"] else range(r.rank))
    return _all_but(r.rank, axes) if r.attrs["keepdims"] else _without(r.rank, axes, None)


@_rule("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "InstanceNormalization")
def _over_positions(r: _Reading) -> Spans:
    return _all_but(r.rank, range(2, r.rank))


@_rule("LRN")
def _over_channels(r: _Reading) -> Spans:
    return _all_but(r.rank, [1])


@_rule("BatchNormalization")
def _normalized(r: _Reading) -> Spans:
    if r.attrs["training_mode"]:
        raise _Unknown
    return _all_but(r.rank, [])


@_rule("Softmax", "LogSoftmax", "LpNormalization")
def _over_axis(r: _Reading) -> Spans:
    return _all_but(r.rank, [r.axis])


@_rule("LayerNormalization")
def _over_last_axes(r: _Reading) -> Spans:
    return _all_but(r.rank, range(r.axis, r.rank))


@_rule("MatMul")
def _matmul(r: _Reading) -> Spans:
    """[*B, M, K] times [*B, K, N]; matrices only."""
    other = _shape(r.graph, r.node.input[1 - r.place])
    if other is None or min(len(other), r.rank) < 2:
        raise _Unknown
    spans = list(_elementwise(r))
    spans[r.rank - 1 - r.place] = None
    return tuple(spans)


@_rule("Gemm")
def _gemm(r: _Reading) -> Spans:
    """A' [M, K] times B' [K, N] plus C."""
    if r.place == 2:
        return _elementwise(r)
    turned = bool(r.attrs["transB" if r.place else "transA"])
    kept = _along(r.place)
    return (None, kept) if turned != bool(r.place) else (kept, None)
