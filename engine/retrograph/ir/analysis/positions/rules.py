"""What an operator makes of the positions in what it reads.

A rule gives the layout of one output of a node; None where its axes are not followed, which is
also what an operator without a rule makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import NodeProto

from retrograph.ir.analysis.positions.follower import Follower
from retrograph.ir.analysis.positions.part import (
    Axis,
    Layout,
    new,
    resampled,
    reshaped,
    size_of,
    source_axes,
)
from retrograph.ir.graph import STANDARD_DOMAINS, attributes
from retrograph.ir.op_traits import ARITHMETIC, FUNCTIONS, NORMALISATIONS, REDUCTIONS, WINDOWS

Rule = Callable[[Follower, NodeProto, str], Layout | None]

ELEMENTWISE = FUNCTIONS | ARITHMETIC | {"Identity"}
"""Operands are broadcast to each other."""

_TO_THE_END = 2**31 - 1
"""What exporters write for the end of an axis, or more."""

_POOLS = {"MaxPool", "AveragePool", "LpPool", "MaxUnpool"}
_POOLS |= {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}


def layout_of(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """What the axes of an output count; None where they are not followed."""
    rule = _RULES.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
    found = None if rule is None else rule(f, node, output)
    tensor = f.graph.tensor(output)
    rank = None if tensor is None else tensor.rank
    return found if found is not None and rank in (None, len(found)) else None


def _joined(f: Follower, names: Sequence[str], output: str) -> Layout | None:
    """Axes aligned from the back, each what the operands count along it.

    An operand that is not followed along an axis takes nothing from one that is: attention added
    to a picture leaves a picture.
    """
    layouts = [f.layouts[name] for name in names if name in f.layouts]
    dims, rank = f.dims(output), max(map(len, layouts), default=0)
    if not layouts or (dims is not None and len(dims) < rank):
        return None
    whole = rank if dims is None else len(dims)
    made: list[Axis] = []
    for i in range(-whole, 0):
        axes = [layout[i] for layout in layouts if -i <= len(layout)]
        axis = _agreed(axes)
        size = None if dims is None else dims[i]
        made.append(new(size) if size is not None and size_of(axis) == 1 != size else axis)
    return tuple(made)


def _agreed(axes: Sequence[Axis]) -> Axis:
    long = [axis for axis in axes if size_of(axis) != 1] or [axis for axis in axes if axis]
    told = [axis for axis in long if source_axes(axis)]
    if not told:
        return long[0] if long else ()
    alike = all(source_axes(axis) == source_axes(told[0]) for axis in told)
    return told[0] if alike else new(size_of(told[0]))


def _elementwise(f: Follower, node: NodeProto, output: str) -> Layout | None:
    return _joined(f, node.input, output)


def _shape_keeping(f: Follower, node: NodeProto, output: str) -> Layout | None:
    return f.layouts.get(node.input[0])


def _sliding(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """[N, C, *S]: what is made of every axis but the batch has a size of its own."""
    x, dims = f.layouts.get(node.input[0]), f.dims(output)
    if x is None or dims is None or len(dims) != len(x):
        return None
    channels = x[1] if node.op_type in _POOLS else new(dims[1])
    return (x[0], channels, *map(resampled, x[2:], dims[2:]))


def _resized(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """Pictures stay as many as they are."""
    x, dims = f.layouts.get(node.input[0]), f.dims(output)
    return None if x is None or dims is None else (x[0], *map(resampled, x[1:], dims[1:]))


def _padded(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x, dims, pads = f.layouts.get(node.input[0]), f.dims(output), f.value(node, 1)
    if x is None or dims is None:
        return None
    axes = f.axes(node, 3, len(x)) or [*range(len(x))]
    ends = range(len(axes)) if pads is None else np.flatnonzero(pads.reshape(2, -1).any(0))
    grown = {axes[i] for i in ends}
    return tuple(resampled(axis, dims[i]) if i in grown else axis for i, axis in enumerate(x))


def _slice(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """What takes every other position resamples; so does what leaves more than half of them."""
    x, dims = f.layouts.get(node.input[0]), f.dims(output)
    if x is None or dims is None:
        return None
    made = list(x)
    for axis, start, end, step in _cuts(f, node, len(x)):
        size, before = dims[axis], size_of(x[axis])
        if size == before or (start == 0 and step == 1 and end is not None and end >= _TO_THE_END):
            continue
        keeps = step != 1 or end is None or 2 * size > before
        made[axis] = resampled(x[axis], size) if keeps else new(size)
    return tuple(made)


def _cuts(f: Follower, node: NodeProto, rank: int) -> list[tuple[int, int | None, int | None, int]]:
    """The axes that a Slice names, each with start, end and step, None where that is open."""
    bounds = [f.value(node, place) for place in (1, 2, 4)]
    axes = f.axes(node, 3, rank)
    if axes is None:
        count = max((b.size for b in bounds if b is not None), default=rank)
        axes = [*range(count)]
    open_ = [None] * len(axes)
    starts, ends, steps = (
        b.tolist() if b is not None and b.shape == (len(axes),) else open_ for b in bounds
    )
    return list(zip(axes, starts, ends, (step or 1 for step in steps), strict=True))


def _transpose(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x = f.layouts.get(node.input[0])
    if x is None:
        return None
    perm = attributes(node).get("perm") or range(len(x))[::-1]
    return tuple(x[axis] for axis in perm)


def _reshape(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x = f.layouts.get(node.input[0])
    sizes = None if x is None else f.wanted(node, x)
    return None if x is None or sizes is None else reshaped(x, sizes)


def _flatten(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x = f.layouts.get(node.input[0])
    if x is None:
        return None
    axis = int(attributes(node).get("axis", 1))
    cut = len(x) + axis if axis < 0 else axis
    return reshaped(x, [size_of(sum(part, ())) for part in (x[:cut], x[cut:])])


def _squeeze(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x = f.layouts.get(node.input[0])
    if x is None:
        return None
    axes = f.axes(node, 1, len(x))
    if len(node.input) < 2 or not node.input[1]:
        axes = [i for i, axis in enumerate(x) if size_of(axis) == 1]
    return None if axes is None else tuple(x[i] for i in range(len(x)) if i not in axes)


def _unsqueeze(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x, value = f.layouts.get(node.input[0]), f.value(node, 1)
    if x is None or value is None:
        return None
    rank = len(x) + value.size
    fresh, kept = {int(a) % rank for a in value.reshape(-1)}, iter(x)
    return tuple(() if i in fresh else next(kept) for i in range(rank))


def _stretched(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """Expand, Tile: an axis that grows counts something else."""
    x, dims, made = f.layouts.get(node.input[0]), f.dims(output), f.graph.tensor(output)
    if x is None or dims is None or made is None or made.shape is None:
        return None
    lead = len(dims) - len(x)
    stays = [
        axis if size_of(axis) == size or (axis and not isinstance(dim, int)) else new(size)
        for axis, size, dim in zip(x, dims[lead:], made.shape[lead:], strict=True)
    ]
    return (*map(new, dims[:lead]), *stays)


def _concat(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """Channels are joined; positions that are joined are those of no axis."""
    made, dims = _joined(f, node.input, output), f.dims(output)
    if made is None or dims is None:
        return None
    axis = f.axis(node, len(made))
    return (*made[:axis], new(dims[axis]), *made[axis + 1 :])


def _split(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x, dims = f.layouts.get(node.input[0]), f.dims(output)
    if x is None or dims is None:
        return None
    axis = f.axis(node, len(x))
    return (*x[:axis], new(dims[axis]), *x[axis + 1 :])


def _gather(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x, dims = f.layouts.get(node.input[0]), f.dims(output)
    if x is None or dims is None:
        return None
    axis, more = f.axis(node, len(x)), len(dims) - len(x) + 1
    return (*x[:axis], *map(new, dims[axis : axis + more]), *x[axis + 1 :])


def _reduced(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x = f.layouts.get(node.input[0])
    if x is None:
        return None
    axes = f.axes(node, 1, len(x))
    if len(node.input) < 2 or not node.input[1]:
        axes = [] if f.attribute(node, "noop_with_empty_axes") else [*range(len(x))]
    if axes is None:
        return None
    if f.attribute(node, "keepdims"):
        return tuple(() if i in axes else axis for i, axis in enumerate(x))
    return tuple(axis for i, axis in enumerate(x) if i not in axes)


def _matmul(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """By a matrix that does not depend on the source; what two variables make is not followed."""
    varying = [i for i in (0, 1) if node.input[i] in f.reached]
    dims = f.dims(output)
    if len(varying) != 1 or dims is None:
        return None
    x = f.layouts.get(node.input[varying[0]])
    if x is None or len(x) < 2 or len(x) != len(dims):
        return None
    if varying == [0]:
        return (*x[:-1], new(dims[-1]))
    return (*x[:-2], new(dims[-2]), x[-1])


def _gemm(f: Follower, node: NodeProto, output: str) -> Layout | None:
    x, dims = f.layouts.get(node.input[0]), f.dims(output)
    if x is None or dims is None or f.attribute(node, "transA") or node.input[1] in f.reached:
        return None
    return x[0], new(dims[1])


def _einsum(f: Follower, node: NodeProto, output: str) -> Layout | None:
    """With constants: the letters of the one variable stay what they are."""
    left, _, right = "".join(attributes(node)["equation"].split()).partition("->")
    varying = [i for i, name in enumerate(node.input) if name in f.reached]
    dims, letters = f.dims(output), left.split(",")
    if len(varying) != 1 or "." in left or dims is None or len(right) != len(dims):
        return None
    x = f.layouts.get(node.input[varying[0]])
    if x is None or len(set(letters[varying[0]])) != len(x):
        return None
    known = dict(zip(letters[varying[0]], x, strict=True))
    return tuple(known.get(one, new(size)) for one, size in zip(right, dims, strict=True))


_RULES: dict[str, Rule] = {
    **dict.fromkeys(WINDOWS, _sliding),
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(NORMALISATIONS, _shape_keeping),
    "Resize": _resized,
    "Pad": _padded,
    **dict.fromkeys(("Expand", "Tile"), _stretched),
    **dict.fromkeys(REDUCTIONS, _reduced),
    "Slice": _slice,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Split": _split,
    "Gather": _gather,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
}
