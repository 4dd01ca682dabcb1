"""What one unit of a 2-D layer sees of the tensors below it: windows that move with the unit.

These are the spans of the other modules in whole numbers, from a target down, and only through
operators whose backward pass can be computed inside of a window. A unit at position p sees of a
tensor the rows and columns from  step * p + first  on, as many as `size`. Each of the three has a
number for the height and one for the width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from onnx import NodeProto

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes, draws
from retrograph.ir.op_traits import FINITE, MOVES
from retrograph.ir.path import Path, path
from retrograph.receptive_field.reading import steps_of
from retrograph.receptive_field.span import Span

Pair = tuple[int, int]

_PARAMETERS = {"BatchNormalization", "Dropout"}
_LIGHT = MOVES | {"Cast", "Pad", "Slice", "Gather", "Concat", "Split", "BatchNormalization"}
_LIGHT |= {"Add", "Sub", "Mul", "Div"}
"""What may lie between an input and the first windows: it turns the input or scales it."""

_LONGEST = 2**20
"""Channels and positions are numbered in the graph one by one up to here."""

_MOST = 0.5
"""Of a larger share of the input the whole backward pass takes less."""


@dataclass(frozen=True)
class View:
    """The window of a tensor [N, C, H, W] that a unit sees."""

    step: Pair
    first: Pair
    size: Pair

    def joined(self, other: View) -> View | None:
        """The window that holds both; None where they do not move alike."""
        if self.step != other.step:
            return None
        first = _pair(min, self.first, other.first)
        end = _pair(max, self.end, other.end)
        return View(self.step, first, _pair(lambda a, b: b - a, first, end))

    @property
    def end(self) -> Pair:
        return _pair(_plus, self.first, self.size)


@dataclass(frozen=True)
class Seen:
    """What a unit sees.

    Attributes:
        windows: of each tensor from the target down to the ends.
        ends: the sources, or what is made of them by light nodes that have no windows.
    """

    windows: dict[str, View]
    ends: tuple[str, ...]


def views(graph: Graph, way: Path, target: str, sources: Sequence[str]) -> Seen | None:
    """What a unit of the target sees of each tensor on a path down to the sources.

    Returns:
        None where an operator lets it see more than a window, a size is open, or the windows make
        up so much of the ends that nothing would be saved.
    """
    found = {target: View((1, 1), (0, 0), (1, 1))}
    floor: list[str] = []
    for node in reversed(way.nodes):
        output = node.output[0]
        view = read(graph, node, found[output]) if output in found else None
        if view is None:
            floor.extend({output} & {*found})
            continue
        for name in dict.fromkeys(name for name in node.input if name in way.tensors):
            whole = view.joined(found.get(name, view))
            if whole is None:
                return None
            found[name] = whole
    ends = tuple(dict.fromkeys([*floor, *(name for name in sources if name in found)]))
    lower = path(graph, sources, ends, ())
    if any(image(graph, name) is None for name in found) or not _is_light(lower, found, ends):
        return None
    return Seen(found, ends) if all(_is_small(graph, name, found[name]) for name in ends) else None


def _is_light(lower: Path, windows: Mapping[str, View], ends: Sequence[str]) -> bool:
    """Whether what lies below the ends is light, and no window is among it."""
    light = all(n.op_type in _LIGHT and n.domain in STANDARD_DOMAINS for n in lower.nodes)
    return light and not lower.tensors & {*windows} - {*ends}


def sticks_out(view: View, limit: Pair, positions: Pair) -> bool:
    """Whether the window of any unit sticks out of its tensor.

    Args:
        view: the window.
        limit: the height and width of the tensor.
        positions: those of the target.
    """
    last = _pair(lambda p, step: (p - 1) * step, positions, view.step)
    ends = _pair(_plus, last, view.end)
    return min(view.first) < 0 or any(end > n for end, n in zip(ends, limit, strict=True))


def image(graph: Graph, name: str) -> tuple[int, int, int] | None:
    """Channels, height and width of a tensor [N, C, H, W]; None if it is none, or one is open.

    Nor where one is beyond what is written out number by number.
    """
    tensor = graph.tensor(name)
    shape = () if tensor is None or tensor.shape is None else tensor.shape
    known = tuple(d for d in shape[1:] if isinstance(d, int))
    if len(shape) != 4 or len(known) != 3 or max(known) > _LONGEST:
        return None
    return known[0], known[1], known[2]


def _is_small(graph: Graph, name: str, view: View) -> bool:
    sizes = image(graph, name)
    assert sizes is not None
    height, width = (min(a, b) for a, b in zip(view.size, sizes[1:], strict=True))
    return height * width <= _MOST * sizes[1] * sizes[2]


def read(graph: Graph, node: NodeProto, view: View) -> View | None:
    """The window of its inputs that a node reads for one of its output; None if it is none."""
    if node.domain not in STANDARD_DOMAINS:
        return None
    if node.op_type in FINITE:
        if draws(graph, node):
            return None
        divides = node.op_type == "Div" and node.input[1] not in graph.constants
        return view if _is_aligned(graph, node) and not divides else None
    if node.op_type == "Concat":
        return view if attributes(node).get("axis") in (1, -3) else None
    window = sliding(graph, node)
    return None if window is None else window.below(view)


def sliding(graph: Graph, node: NodeProto) -> Sliding | None:
    """How a convolution's or a pool's window slides; None for another node, or if not known."""
    fits = _SLIDING.get(node.op_type)
    if fits is None or node.domain not in STANDARD_DOMAINS or not fits(graph, node):
        return None
    spans = steps_of(graph, node, 0, 0) or ()
    if len(spans) != 4 or spans[2] is None or spans[3] is None:
        return None
    is_padded = node.op_type == "Pad" or any(attributes(node).get("pads") or [])
    return Sliding(spans[2], spans[3], is_padded)


@dataclass(frozen=True)
class Sliding:
    """How the window of a node's input slides over it.

    Attributes:
        rows, columns: what one position of the output reads.
        is_padded: whether the node adds zeros in front or behind.
    """

    rows: Span
    columns: Span
    is_padded: bool

    @property
    def joins(self) -> bool:
        """Whether what lies in a tensor is computed with what lies around one."""
        return self.is_padded or (self.rows.size, self.columns.size) != (1, 1)

    def below(self, view: View) -> View:
        """What is read for a window of the output."""
        stride = int(self.rows.stride), int(self.columns.stride)
        begins = int(self.rows.first), int(self.columns.first)
        moved = _pair(_times, view.first, stride)
        return View(
            step=_pair(_times, view.step, stride),
            first=_pair(_plus, moved, begins),
            size=_pair(
                _plus,
                _pair(lambda n, s: (n - 1) * s, view.size, stride),
                (self.rows.size, self.columns.size),
            ),
        )


def _is_aligned(graph: Graph, node: NodeProto) -> bool:
    """Whether a window of the output is made of the same window of what the path passes."""
    whole, made = image(graph, node.output[0]), graph.tensor(node.output[0])
    lead = made.shape[0] if made is not None and made.shape else None
    operands = node.input[:1] if node.op_type in _PARAMETERS else [n for n in node.input if n]
    for name in operands:
        tensor = graph.tensor(name)
        shape = None if tensor is None else tensor.shape
        if whole is None or shape is None or (len(shape) == 1 and shape != (1,)):
            return False
        constant = name in graph.constants
        place = (1, 1, *shape)[-2:]
        if place != ((1, 1) if constant else whole[1:]):
            return False
        if not constant and (len(shape) != 4 or (shape[0] == 1 and lead != 1)):
            return False
    return True


def _is_known_conv(graph: Graph, node: NodeProto) -> bool:
    return bool(attributes(node).get("auto_pad", "NOTSET") == "NOTSET")


def _is_known_pool(graph: Graph, node: NodeProto) -> bool:
    attrs = attributes(node)
    known = _is_known_conv(graph, node) and not attrs.get("storage_order", 0)
    return known and len(node.output) == 1


def _counts_alike(graph: Graph, node: NodeProto) -> bool:
    """Whether every window of an AveragePool divides by as many numbers."""
    attrs = attributes(node)
    partly = any(attrs.get("pads") or []) and not attrs.get("count_include_pad", 0)
    return not partly and not attrs.get("ceil_mode", 0) and _is_known_pool(graph, node)


def _pads_zeros(graph: Graph, node: NodeProto) -> bool:
    """Whether a Pad puts nothing but zeros around height and width."""
    pads, fill, axes = (
        graph.value(name) if name else default
        for name, default in zip_longest(node.input[1:], (None, np.zeros(1), np.arange(4)))
    )
    if pads is None or fill is None or axes is None or fill.any() or pads.min() < 0:
        return False
    outer = np.tile(np.isin(axes % 4, (0, 1)), 2)
    constant = attributes(node).get("mode", "constant") == "constant"
    return constant and not pads[outer].any()


_SLIDING: Mapping[str, Callable[[Graph, NodeProto], bool]] = {
    "Conv": _is_known_conv,
    "Pad": _pads_zeros,
    "MaxPool": _is_known_pool,
    "AveragePool": _counts_alike,
}
"""What slides, and when its windows are followed."""


def _pair(rule: Callable[[int, int], int], a: Pair, b: Pair) -> Pair:
    return rule(a[0], b[0]), rule(a[1], b[1])


def _times(a: int, b: int) -> int:
    return a * b


def _plus(a: int, b: int) -> int:
    return a + b
