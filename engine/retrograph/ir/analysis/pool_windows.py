"""Pools whose outputs shape inference counts otherwise than runtimes do, in another spelling.

Runtimes leave out a window of ceil_mode that would begin in the padding; inference, that of a host
too, counts it before opset 22. Padding to the same size, runtimes count the kernel without its
dilations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, NodeProto, helper, numpy_helper

from retrograph.ir.graph import STANDARD_DOMAINS, Graph, attributes

POOLS = {"AveragePool", "LpPool", "MaxPool"}

_Sizes = Mapping[str, list[int | None]]
"""The dimensions of tensors by name, None where open."""


def settle(graph: Graph, inferred: GraphProto) -> bool:
    """Spell the first pool that was counted otherwise so that it is counted right, in place.

    Args:
        graph: what was inferred; bodies are looked through too.
        inferred: its skeleton with the shapes that ONNX's inference finds.

    Returns:
        Whether there was one: the shapes behind it must be inferred anew.
    """
    nodes = _settled(graph.nodes, inferred, {})
    if nodes is None:
        return False
    graph.nodes = nodes
    graph.index()
    return True


def _settled(
    nodes: Sequence[NodeProto], inferred: GraphProto, outside: _Sizes
) -> list[NodeProto] | None:
    infos = (*inferred.input, *inferred.output, *inferred.value_info)
    known = [v for v in infos if v.type.tensor_type.HasField("shape")]
    sizes = {**outside}
    for info in known:
        dims = info.type.tensor_type.shape.dim
        sizes[info.name] = [d.dim_value if d.HasField("dim_value") else None for d in dims]
    twins = {name: node for node in inferred.node for name in node.output}
    for i, node in enumerate(nodes):
        twin = next((twins[name] for name in node.output if name in twins), None)
        found = None if twin is None else _respelled(node, twin, sizes)
        if found is not None:
            return [*nodes[:i], *found, *nodes[i + 1 :]]
    return None


def _respelled(node: NodeProto, twin: NodeProto, sizes: _Sizes) -> list[NodeProto] | None:
    if node.op_type in POOLS and node.domain in STANDARD_DOMAINS:
        return _pool(node, sizes)
    for i, (own, typed) in enumerate(zip(node.attribute, twin.attribute, strict=False)):
        if own.type == AttributeProto.GRAPH == typed.type:
            inner = _settled(own.g.node, typed.g, sizes)
            if inner is not None:
                whole = NodeProto()
                whole.CopyFrom(node)
                del whole.attribute[i].g.node[:]
                whole.attribute[i].g.node.extend(inner)
                return [whole]
    return None


@dataclass(frozen=True)
class Axis:
    """A pool along one axis of known size."""

    size: int
    kernel: int
    stride: int
    dilation: int
    begin: int
    end: int
    ceil: bool

    @property
    def extent(self) -> int:
        return self.dilation * (self.kernel - 1) + 1

    @property
    def whole(self) -> int:
        """How many windows lie within the padded input."""
        return (self.size + self.begin + self.end - self.extent) // self.stride + 1

    @property
    def sticking_out(self) -> int:
        """How many more ceil_mode has."""
        rest = (self.size + self.begin + self.end - self.extent) % self.stride
        return int(self.ceil and rest > 0)

    @property
    def windows(self) -> int:
        """How many a runtime counts: none that begins in the padding behind."""
        begins_inside = self.whole * self.stride < self.size + self.begin
        return self.whole + (self.sticking_out if begins_inside else 0)

    @property
    def unread(self) -> int:
        """How many positions lie behind the last window, padding counted in."""
        last = (self.windows - 1) * self.stride + self.extent
        return self.size + self.begin + self.end - last


def same_pads(size: int, extent: int, stride: int, upper: bool) -> tuple[int, int]:
    """The padding in front and behind by which a window slides over all of an axis."""
    total = max((-(-size // stride) - 1) * stride + extent - size, 0)
    small = total // 2
    return (small, total - small) if upper else (total - small, small)


def _pool(node: NodeProto, sizes: _Sizes) -> list[NodeProto] | None:
    """The pool in other words; None where inference counts as the runtime does."""
    x, y = (sizes.get(names[0]) for names in (node.input, node.output))
    axes = None if x is None else _axes(attributes(node), x[2:])
    if axes is None or y is None or len(y) != len(axes) + 2:
        return None
    pairs = [(axis, n) for axis, n in zip(axes, y[2:], strict=True) if axis and n is not None]
    counts = [(axis.windows, axis.whole + axis.sticking_out, n) for axis, n in pairs]
    if all(len({*found}) == 1 or min(found) < 1 for found in counts):
        return None
    known = [axis for axis in axes if axis]
    floor = len(known) == len(axes) and all(axis.windows == axis.whole for axis in known)
    if floor:
        return [_written(node, node.input[0], known, ceil=False)]
    return _shortened(node, axes)


def _axes(attrs: Mapping[str, Any], sizes: Sequence[int | None]) -> list[Axis | None] | None:
    """The pool along each axis; None for one of open size, or for all if the pool is malformed."""
    rank, mode = len(sizes), attrs.get("auto_pad", "NOTSET")
    kernel, ones = attrs.get("kernel_shape") or [], [1] * rank
    strides, dilations = (attrs.get(key) or ones for key in ("strides", "dilations"))
    pads = attrs.get("pads") if mode == "NOTSET" else None
    pads = pads or [0] * 2 * rank
    lengths = {len(kernel), len(strides), len(dilations), len(pads) // 2}
    if lengths != {rank} or min((1, *kernel, *strides, *dilations)) < 1:
        return None
    axes: list[Axis | None] = []
    for i, (size, k, s) in enumerate(zip(sizes, kernel, strides, strict=True)):
        begin, end = pads[i], pads[rank + i]
        if mode.startswith("SAME"):
            if size is None and s > 1:
                return None
            begin, end = same_pads(size or 0, k, s, mode == "SAME_UPPER")
        ceil = bool(attrs.get("ceil_mode", 0))
        axes.append(None if size is None else Axis(size, k, s, dilations[i], begin, end, ceil))
    return axes


def _shortened(node: NodeProto, axes: Sequence[Axis | None]) -> list[NodeProto] | None:
    """The pool with as much taken off behind as no window reads, so that no more are counted."""
    if attributes(node).get("auto_pad", "NOTSET") != "NOTSET" and None in axes:
        return None
    cropped, crops = node.input[0], {}
    kept: list[Axis | None] = []
    for i, axis in enumerate(axes):
        if axis and axis.windows == axis.whole:
            end = axis.end - axis.unread
            if end < 0:
                crops[2 + i] = axis.size + end
            axis = replace(axis, end=max(end, 0))
        kept.append(axis)
    before = []
    if crops:
        cropped = f"{node.output[0]}/cropped"
        values = [[0] * len(crops), list(crops.values()), list(crops)]
        names = [f"{cropped}/{key}" for key in ("starts", "ends", "axes")]
        for name, value in zip(names, values, strict=True):
            made = numpy_helper.from_array(np.asarray(value, np.int64), name)
            before.append(helper.make_node("Constant", [], [name], name=name, value=made))
        before.append(helper.make_node("Slice", [node.input[0], *names], [cropped], name=cropped))
    return [*before, _written(node, cropped, kept, ceil=True)]


def _written(node: NodeProto, x: str, axes: Sequence[Axis | None], ceil: bool) -> NodeProto:
    """The pool of x with these paddings in numbers; those of open axes stay."""
    whole = NodeProto()
    whole.CopyFrom(node)
    whole.input[0] = x
    rank = len(axes)
    given = attributes(node).get("pads") or [0] * 2 * rank
    pads = [axis.begin if axis else p for axis, p in zip(axes, given[:rank], strict=True)]
    pads += [axis.end if axis else p for axis, p in zip(axes, given[rank:], strict=True)]
    kept = [a for a in node.attribute if a.name not in ("auto_pad", "ceil_mode", "pads")]
    del whole.attribute[:]
    whole.attribute.extend(kept)
    whole.attribute.append(helper.make_attribute("pads", pads, attr_type=AttributeProto.INTS))
    if ceil:
        whole.attribute.append(helper.make_attribute("ceil_mode", 1))
    return whole
