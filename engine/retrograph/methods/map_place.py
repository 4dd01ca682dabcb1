"""A map at a layer, laid over the input."""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.ir.analysis.channel_axis import input_channels
from retrograph.ir.analysis.positions import MOVING
from retrograph.ir.emit import Emitter
from retrograph.ir.graph import NodeProto, Tensor
from retrograph.ir.op_traits import MOVES
from retrograph.ir.path import Path, path
from retrograph.methods.descent import Descent
from retrograph.methods.map_layer import Ground
from retrograph.vjp import Cotangents, Node, vjp
from retrograph.vjp.engine.walk import blocked

_ALIKE = {"Identity", "Cast", "Dropout"}
_ONE_TO_ONE = MOVES | _ALIKE


def in_front(e: Emitter, a: Tensor, ground: Ground) -> Tensor:
    """A tensor of the layer's axes as [N, C, *S]."""
    return _moved(e, a, [0, ground.place.channel, *ground.place.spatial])


def laid_over(descent: Descent, cam: Tensor, ground: Ground, source: Tensor) -> Tensor:
    """A map [N, 1, *S] at a layer's positions in the shape of the input, with one channel."""
    e, x = descent.e, descent.given(ground.source)
    sizes = [e.ints([1]) if axis is None else e.dim(x, axis) for axis in ground.place.of]
    found = _arranged(e, _resized(e, cam, sizes), ground, x.rank or 0)
    return found if x.name == source.name else _moved_back(descent, found, ground, source)


def _resized(e: Emitter, cam: Tensor, sizes: Sequence[Tensor]) -> Tensor:
    """[N, 1, *S] at other sizes, half-pixel centres; a line as a picture of one row."""
    line = len(sizes) == 1
    rows = [e.ints([1]), *sizes] if line else list(sizes)
    picture = e.unsqueeze(cam, [2]) if line else cam
    shape = e.concat([e.dim(picture, 0), e.ints([1]), *rows], axis=0)
    wide = e.emit("Resize", picture, None, None, shape, mode="linear")
    return e.squeeze(wide, [2]) if line else wide


def _arranged(e: Emitter, cam: Tensor, ground: Ground, rank: int) -> Tensor:
    """[N, 1, *S] in the order of the source's axes."""
    entry, of = ground.entry, ground.place.of
    axes = {entry.rows: 0, entry.channel: 1} | {axis: i for i, axis in enumerate(of, 2)}
    axes.pop(None, None)
    gone = [i for i in range(2 + len(of)) if i not in axes.values()]
    kept = [i for i in range(2 + len(of)) if i not in gone]
    small = e.squeeze(cam, gone) if gone else cam
    turned = _moved(e, small, [kept.index(axes[i]) for i in range(rank) if i in axes])
    fresh = [i for i in range(rank) if i not in axes]
    return e.unsqueeze(turned, fresh) if fresh else turned


def _moved_back(descent: Descent, cam: Tensor, ground: Ground, source: Tensor) -> Tensor:
    """A map at what the input's numbers are moved to, moved back; the mean where several lie."""
    e, x = descent.e, descent.given(ground.source)
    if ground.entry.channel is not None:
        whole = [e.ints([1])] * (x.rank or 0)
        whole[ground.entry.channel] = e.dim(x, ground.entry.channel)
        cam = e.expand(cam, e.concat(whole, axis=0))
    cam = e.cast(cam, x.dtype)
    found = _pulled(descent, cam, ground.source, source.name)
    if not all(map(_is_one_to_one, _between(descent, ground.source, source.name).nodes)):
        ones = e.constant_of_shape(e.sizes(cam, 0), 1.0, x.dtype)
        counts = _pulled(descent, ones, ground.source, source.name)
        found = e.div(found, e.maximum(counts, 1.0))
    channel = input_channels(descent.graph, source)
    return found if channel is None else e.slice(found, [0], [1], [channel])


def _between(descent: Descent, start: str, end: str) -> Path:
    return path(descent.graph, [end], [start], blocked(descent.graph).keys())


def _pulled(descent: Descent, ct: Tensor, start: str, end: str) -> Tensor:
    return descent.walk(lambda _: _moving, ct=ct, start=start, ends=(end,))[end]


def _moving(e: Emitter, node: Node, cts: Sequence[Tensor | None]) -> Cotangents:
    """What moves numbers moves them back; of arithmetic each number goes back to its place."""
    if node.op in MOVING - _ALIKE:
        return vjp(e, node, cts)
    return [cts[0] if i in node.wanted else None for i in range(len(node.inputs))]


def _is_one_to_one(node: NodeProto) -> bool:
    return node.op_type in _ONE_TO_ONE or node.op_type not in MOVING


def _moved(e: Emitter, a: Tensor, perm: Sequence[int]) -> Tensor:
    return a if list(perm) == list(range(len(perm))) else e.transpose(a, perm)
