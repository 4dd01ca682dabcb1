"""The layer of a class activation map: chosen, or refused with what was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retrograph.errors import InputError, command
from retrograph.ir.analysis.batch_axis import follow_batch
from retrograph.ir.analysis.channel_axis import channel_axis, input_channels
from retrograph.ir.analysis.positions import MOVING, Entry, Place, positions
from retrograph.ir.analysis.positions.rules import ELEMENTWISE
from retrograph.ir.graph import Graph, NodeProto
from retrograph.ir.path import Path, narrows

_SHOWN = 3


@dataclass(frozen=True)
class Ground:
    """Where the map of a layer lies.

    Attributes:
        source: the tensor whose positions the layer has: the input, or what its numbers are
            moved to.
        entry: what the axes of the source are.
        place: what those of the layer are.
        is_followed: whether the positions were followed from the source to the layer; else they
            are taken to cover it evenly.
    """

    source: str
    entry: Entry
    place: Place
    is_followed: bool = True


def ground(graph: Graph, source: str, layer: str) -> Ground | None:
    """Where the map of a layer lies; None where the layer has no positions of the input."""
    for found in positions(graph, source):
        place = found.place(layer)
        if place is not None:
            return Ground(found.source, found.entry, place)
    return _assumed(graph, source, layer)


def _assumed(graph: Graph, source: str, layer: str) -> Ground | None:
    """A layer with as many axes as the input, its rows the items: as if it were [N, C, *S]."""
    x, end = graph.tensor(source), graph.tensor(layer)
    rank = 0 if x is None else x.rank or 0
    if x is None or end is None or rank < 3 or end.rank != rank:
        return None
    if not follow_batch(graph).leads(layer):
        return None
    channel = input_channels(graph, x) or 1
    own = 1 + channel_axis(graph, layer, rank - 1)
    spatial, axes = (tuple(i for i in range(1, rank) if i != c) for c in (channel, own))
    sizes = tuple(d if isinstance(d, int) else 0 for d in (end.shape or ()))
    place = Place(own, axes, spatial, tuple(sizes[i] for i in axes))
    return Ground(source, Entry(0, channel, spatial), place, is_followed=False)


def chosen(graph: Graph, way: Path, source: str, target: str, method: str) -> str:
    """The deepest layer before the target that has the positions of the input, more than one.

    Of a target with positions that is the last feature map before its scores, and what makes the
    scores only where there is none. Of branches that join again it is what they branch from,
    where that has as many positions.

    Raises:
        InputError: there is none.
    """
    for left_out in (scores(graph, way, source, target), _same(graph, target)):
        known = [
            (name, place)
            for name in _backwards(graph, way)
            if name not in left_out and (place := _followed(graph, source, name)) is not None
        ]
        if known:
            deepest, lies = known[0]
            passed = narrows(way, [source])
            alike = (n for n, p in known if n in passed and sorted(p.sizes) == sorted(lies.sizes))
            return next(alike, deepest)
    raise InputError(
        f"'{method}' needs a layer with positions between '{source}' and '{target}', and there is "
        f"none{_looked_at(graph, way, source, target)}; choose one of {command('layers')} "
        "(layer=NAME), or a method without a layer, such as gradient"
    )


def checked(graph: Graph, way: Path, source: str, target: str, layer: str, method: str) -> str:
    """A layer that was asked for.

    Raises:
        InputError: it is the target, or has no positions of the input.
    """
    if layer in _same(graph, target):
        raise InputError(
            f"'{layer}' is the explained layer itself, of which '{method}' shows nothing but the "
            f"unit; choose one before it{_to_try(graph, way, source, target)}"
        )
    if layer not in way.tensors or ground(graph, source, layer) is None:
        raise InputError(
            f"'{method}' needs a layer with positions between '{source}' and '{target}', and "
            f"'{layer}' is none{_to_try(graph, way, source, target)}; choose another of "
            f"{command('layers')}, or another method"
        )
    return layer


def to_try(graph: Graph, way: Path, source: str, target: str) -> list[str]:
    """The last layers with positions, each of another size than the one behind it."""
    found: dict[tuple[int, ...], str] = {}
    left_out = scores(graph, way, source, target)
    for name in _backwards(graph, way):
        place = None if name in left_out else _followed(graph, source, name)
        if place is not None:
            found.setdefault(place.sizes, name)
    return [*found.values()][:_SHOWN]


def _to_try(graph: Graph, way: Path, source: str, target: str) -> str:
    names = to_try(graph, way, source, target)
    return f", such as {', '.join(map(repr, names))}" if names else ""


def _looked_at(graph: Graph, way: Path, source: str, target: str) -> str:
    """The last tensors that may look like one."""
    found = []
    for name in _backwards(graph, way):
        tensor = graph.tensor(name)
        if name != target and tensor is not None and (tensor.rank or 0) >= 3:
            dims = ", ".join("?" if d is None else str(d) for d in tensor.shape or ())
            found.append(f"'{name}' [{dims}]")
    if not found:
        return ""
    more = f" and {len(found) - _SHOWN} before" if len(found) > _SHOWN else ""
    return (
        f": the axes of {', '.join(found[:_SHOWN])}{more} are not pictures, channels and the "
        f"positions of '{source}'"
    )


def _backwards(graph: Graph, way: Path) -> Iterator[str]:
    """The tensors of a path from the last to the first; a Cast makes the one before it."""
    for node in reversed(way.nodes):
        if node.op_type != "Cast":
            yield from (name for name in node.output if name in way.tensors)


def _followed(graph: Graph, source: str, name: str) -> Place | None:
    """Where a tensor behind the first convolution has the positions of the input, several."""
    for each in positions(graph, source):
        place = each.place(name) if name in each.behind else None
        if place is not None and any(size != 1 for size in place.sizes):
            return place
    return None


def _same(graph: Graph, target: str) -> set[str]:
    """The target and what it is a copy of."""
    found = {target}
    node = graph.producer.get(target)
    while node is not None and node.op_type in ("Cast", "Identity"):
        found.add(node.input[0])
        node = graph.producer.get(node.input[0])
    return found


_RESIZING = {"Resize", "Pad", "DepthToSpace", "SpaceToDepth", "MaxPool", "AveragePool", "LpPool"}
_NORMALISING = {"BatchNormalization", "Softmax", "LogSoftmax", "InstanceNormalization"}
_LINEAR = MOVING | _RESIZING | {"Add", "Sub", "Sum", "BatchNormalization"}
_ALIKE = MOVING | _RESIZING | _NORMALISING | ELEMENTWISE


def scores(graph: Graph, way: Path, source: str, target: str) -> set[str]:
    """The target, and where it has positions what it is the activation or the resizing of.

    That ends at the convolution that makes the scores; it is none of another activation, such as
    the branch around a residual block.
    """
    found = _same(graph, target)
    if not any(each.has_positions(target) for each in positions(graph, source)):
        return found
    waiting = [(target, False)]
    while waiting:
        name, is_linear = waiting.pop()
        found.add(name)
        node = graph.producer.get(name)
        if node is None:
            continue
        before = [x for x in node.input if x in way.tensors]
        if node.op_type in (_LINEAR if is_linear else _ALIKE):
            linear = is_linear or len(before) > 1
            waiting.extend((x, linear) for x in before if not linear or _goes_on(graph, x))
        elif _keeps_channels(graph, node):
            waiting.extend((x, True) for x in before if _goes_on(graph, x))
    return found


def _goes_on(graph: Graph, name: str) -> bool:
    """Whether a tensor is made linearly: no activation."""
    node = graph.producer.get(name)
    return node is not None and node.op_type in _LINEAR | {"Conv", "ConvTranspose", "MatMul"}


def _keeps_channels(graph: Graph, node: NodeProto) -> bool:
    """Whether a convolution has as many channels below as above, as one that enlarges scores."""
    x, y = graph.tensor(node.input[0]), graph.tensor(node.output[0])
    if node.op_type != "ConvTranspose" or x is None or y is None or not x.shape or not y.shape:
        return False
    return x.shape[1] == y.shape[1]
