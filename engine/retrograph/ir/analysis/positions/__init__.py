"""Which axes of a tensor count the positions of the input, which its channels, which its pictures.

Exporters write [N, C, *S], [N, *S, C] and anything between; frames, tiles and heads are folded into
other axes and out again. No name or convention tells them apart, but operators do: what a
convolution or a pool reads has pictures in front, then channels, then positions. So the axes of a
source are told apart where the first such operator reads it, and followed to every tensor behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import NodeProto

from retrograph.ir.analysis.positions.follower import Follower
from retrograph.ir.analysis.positions.part import (
    Axis,
    Layout,
    Part,
    is_all_of_one,
    size_of,
    source_axes,
)
from retrograph.ir.analysis.positions.rules import ELEMENTWISE, layout_of
from retrograph.ir.graph import Graph, reads
from retrograph.ir.op_traits import MOVES, WINDOWS
from retrograph.ir.path import flow


@dataclass(frozen=True)
class Entry:
    """Which axis of a source is what, where the first operator slides over it.

    Attributes:
        rows: the axis that counts pictures; None where the source is one picture.
        channel: that counts their channels; None if it has none.
        spatial: those of their positions.
    """

    rows: int | None
    channel: int | None
    spatial: tuple[int, ...]


@dataclass(frozen=True)
class SlidAxes:
    """Which axes of an input the first operator that slides over it takes for what.

    Attributes:
        channel: the axis that it sums over; None where that is no single axis of the input.
        spatial: the axes that it slides along, in order.
    """

    channel: int | None
    spatial: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A tensor whose axes are pictures, channels and the positions of a source.

    Attributes:
        channel: its axis that counts channels.
        spatial: its axes that count positions, in order.
        of: the axis of the source for each of these; None for an axis of one.
        sizes: how many positions there are along each; a large number where that is open.
    """

    channel: int
    spatial: tuple[int, ...]
    of: tuple[int | None, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Positions:
    """What the axes of the tensors behind a source count.

    Attributes:
        source: its name.
        entry: what its own axes are.
        layouts: of the tensors that are followed.
        behind: the tensors that lie behind an operator that slides.
    """

    source: str
    entry: Entry
    layouts: dict[str, Layout]
    behind: set[str]

    def place(self, name: str) -> Place | None:
        """Where a tensor has pictures, channels and all positions; None where it has not."""
        layout, own = self.layouts.get(name), self.layouts[self.source]
        if layout is None or len(layout) < 3 or not self._is_pictures(layout[0]):
            return None
        rest = [i for i in range(1, len(layout)) if not self._is_spatial(layout[i])]
        long = [i for i in rest if size_of(layout[i]) != 1]
        if len(long) > 1 or not rest:
            return None
        channel = long[0] if long else rest[0]
        spatial = [i for i in range(1, len(layout)) if i != channel]
        told = {i: layout[i][0].axis for i in spatial if i not in rest}
        missing = {axis for axis in self.entry.spatial if size_of(own[axis]) != 1}
        if missing - {*told.values()} or len({*told.values()}) < len(told):
            return None
        return Place(
            channel,
            tuple(spatial),
            tuple(told.get(i) for i in spatial),
            tuple(size_of(layout[i]) for i in spatial),
        )

    def channel_axis(self, name: str) -> int | None:
        """The axis, after the first, that counts channels; None where that is not known."""
        layout = self.layouts.get(name)
        if layout is None or not any(map(self._has_positions, layout[1:])):
            return None
        rest = [i for i in range(1, len(layout)) if not self._has_positions(layout[i])]
        long = [i for i in rest if size_of(layout[i]) != 1]
        if len(long) > 1 or not rest:
            return None
        return (long or rest)[0]

    def has_positions(self, name: str) -> bool:
        """Whether an axis of a tensor counts positions of the source, more than one."""
        return any(
            self._has_positions(axis) and size_of(axis) != 1 for axis in self.layouts.get(name, ())
        )

    def _is_pictures(self, axis: Axis) -> bool:
        rows = () if self.entry.rows is None else self.layouts[self.source][self.entry.rows]
        return axis == rows or size_of(axis) == size_of(rows) == 1

    def _is_spatial(self, axis: Axis) -> bool:
        return is_all_of_one(axis) and self._has_positions(axis)

    def _has_positions(self, axis: Axis) -> bool:
        return not source_axes(axis).isdisjoint(self.entry.spatial)


MOVING = MOVES | {"Cast", "Slice", "Split", "Concat", "Gather", "Expand", "Tile", "Dropout"}
"""What only moves numbers, or repeats them."""


def positions(graph: Graph, source: str) -> tuple[Positions, ...]:
    """The positions of an input, and of what its numbers are moved to before operators slide.

    Where pictures are folded into other axes of the input, they are first told apart in the tensor
    that they are unfolded to.

    Args:
        graph: canonical.
        source: an input.

    Returns:
        The earliest tensor first; empty where nothing slides over any.
    """
    key = ("positions", source)
    if key not in graph.memo:
        found = (_followed(graph, name) for name in _moved(graph, source))
        graph.memo[key] = tuple(each for each in found if each is not None)
    result: tuple[Positions, ...] = graph.memo[key]
    return result


def channels_of_input(graph: Graph, source: str) -> tuple[bool, int | None]:
    """Whether an operator tells which axis of an input counts channels, and that axis, if any."""
    layouts, slid, _ = _layouts(graph, source)
    if slid is None:
        return False, None
    entry = _entry(slid, [*map(size_of, layouts[source])])
    if entry is not None:
        return True, entry.channel
    return True, slid[1][0].axis if is_all_of_one(slid[1]) else None


def slid_axes(graph: Graph, source: str) -> SlidAxes | None:
    """What the first operator that slides over an input takes its axes for.

    None where no operator slides over it, or along parts of an axis or several at once.
    """
    key = ("slid axes", source)
    if key not in graph.memo:
        graph.memo[key] = _slid_axes(_layouts(graph, source)[1])
    result: SlidAxes | None = graph.memo[key]
    return result


def _slid_axes(slid: Layout | None) -> SlidAxes | None:
    """The axes of the source that are whole axes of what is slid over, [N, C, *S]."""
    outer = () if slid is None else slid[2:]
    if slid is None or not all(is_all_of_one(axis) for axis in outer):
        return None
    spatial = tuple(axis[0].axis for axis in outer if axis[0].axis is not None)
    if len(spatial) < len(outer):
        return None
    return SlidAxes(slid[1][0].axis if is_all_of_one(slid[1]) else None, spatial)


def _moved(graph: Graph, source: str) -> list[str]:
    """The source, and the tensors with its numbers alone that an operator slides over."""
    reached, same, read = flow(graph, [source]), {source}, [source]
    for node in graph.nodes:
        varying = [name for name in reads(node) if name in reached]
        if not varying or not same.issuperset(varying):
            continue
        if node.op_type in WINDOWS and node.input[0] in same:
            read.append(node.input[0])
        if node.op_type in MOVING or _is_pointwise(graph, node, varying):
            same.update(node.output)
    return list(dict.fromkeys(read))


def _is_pointwise(graph: Graph, node: NodeProto, varying: list[str]) -> bool:
    """Whether each number is made of the one in its place, and of constants."""
    if node.op_type not in ELEMENTWISE | {"BatchNormalization"}:
        return False
    shapes = [t.shape for name in (*varying, node.output[0]) if (t := graph.tensor(name))]
    return len(shapes) == len(varying) + 1 and len({*shapes}) == 1


def _followed(graph: Graph, source: str) -> Positions | None:
    """The tensors behind a source; None where its axes are not told apart."""
    layouts, slid, behind = _layouts(graph, source)
    entry = None if slid is None else _entry(slid, [*map(size_of, layouts[source])])
    return None if entry is None else Positions(source, entry, layouts, behind)


def _layouts(graph: Graph, source: str) -> tuple[dict[str, Layout], Layout | None, set[str]]:
    """The layouts of the tensors behind a source, the first that an operator slides over, and
    what lies behind such operators.
    """
    f = Follower(graph, source, flow(graph, [source]))
    slid: Layout | None = None
    behind: set[str] = set()
    dims = f.dims(source)
    if dims is None:
        return {}, slid, behind
    f.layouts[source] = tuple((Part(size, i, size),) for i, size in enumerate(dims))
    for node in graph.nodes:
        if f.reached.isdisjoint(node.input):
            continue
        slides = node.op_type in WINDOWS and node.input[0] in f.layouts
        if slides and slid is None:
            slid = f.layouts[node.input[0]]
        if slides or not behind.isdisjoint(node.input):
            behind.update(node.output)
        for output in filter(None, node.output):
            layout = layout_of(f, node, output)
            if layout is not None:
                f.layouts[output] = layout
    return f.layouts, slid, behind


def _entry(layout: Layout, sizes: list[int]) -> Entry | None:
    """What the axes of a source are, by the layout [N, C, *S] of what is slid over.

    None where an axis of the source is not told: one that is cut, joined with others, or more
    than one that counts neither pictures nor positions.
    """
    outer = [layout[0], *layout[2:]]
    if not all(is_all_of_one(axis) or size_of(axis) == 1 for axis in outer):
        return None
    told = [axis[0].axis if axis else None for axis in outer]
    spatial = tuple(axis for axis in told[1:] if axis is not None)
    rows, left = told[0], [i for i in range(len(sizes)) if i not in told]
    if rows is None and left and left[0] == 0 and sizes[0] == 1:
        rows = left.pop(0)
    left = [i for i in left if sizes[i] != 1] or left[:1]
    if len(left) > 1 or not spatial:
        return None
    return Entry(rows, left[0] if left else None, spatial)
