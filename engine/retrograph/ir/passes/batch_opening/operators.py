"""How a node with the items of a batch is opened: what holds their number, and how it is spelled.

An opener returns the nodes that take the node's place, or None where it stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import NodeProto

from retrograph.ir.analysis.batch_axis import Place
from retrograph.ir.graph import STANDARD_DOMAINS, Shape, attributes
from retrograph.ir.op_traits import TRAITS
from retrograph.ir.passes.batch_opening.operands import CannotOpen, Items, rows_for_items
from retrograph.ir.passes.expand.steps import Steps

Opener = Callable[[Steps, Items], list[NodeProto] | None]

_LAST = 2**63 - 1
_APART = {
    *("DepthToSpace", "SpaceToDepth", "InstanceNormalization", "GroupNormalization", "LRN"),
    *("LpNormalization", "QuantizeLinear", "DequantizeLinear", "Conv", "ConvTranspose"),
    *("ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool"),
    *("GlobalMaxPool", "GlobalLpPool", "Col2Im", "STFT"),
}
"""Operators that treat the rows of their first input alike, whatever their number."""


def opened(items: Items, node: NodeProto) -> list[NodeProto] | None:
    """The nodes that do for N items what a node does; None where it does so itself.

    Raises:
        CannotOpen: the number of items is in the node where it cannot be followed.
    """
    traits = TRAITS.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
    if traits is None:
        raise CannotOpen("is no standard operator: nothing says whether it keeps the items apart")
    by_name = _BY_OPERATOR.get(node.op_type)
    opener = by_name or _BY_RULE.get(traits.batch)
    if opener is None:
        raise CannotOpen("holds the number of items where it cannot be followed")
    return opener(Steps(items.graph, node), items)


def _keep(steps: Steps, items: Items) -> None:
    return None


def _rows(steps: Steps, items: Items) -> None:
    if steps.node.op_type not in _APART:
        raise CannotOpen("is not known to keep the items apart")
    if steps.node.op_type == "MaxPool" and steps.wants(1):
        readers = items.graph.consumers.get(steps.node.output[1], [])
        if any(reader.op_type != "MaxUnpool" for reader in readers):
            raise CannotOpen("counts its Indices through all items")


def _unpool(steps: Steps, items: Items) -> None:
    if steps.has(2):
        raise CannotOpen("holds the number of items in its output_shape")


def _place(steps: Steps, items: Items) -> Place:
    """Where the items lie in what the node makes."""
    return items.batch.places[steps.node.output[0]]


def _result(steps: Steps, items: Items) -> Shape:
    """The shape of what the node makes, in the fixed graph."""
    tensor = items.graph.tensor(steps.node.output[0])
    if tensor is None or tensor.shape is None:
        raise CannotOpen("what it makes has no known shape")
    return tensor.shape


def _without_items(steps: Steps, items: Items) -> list[int]:
    """The positions of the inputs that have no items."""
    places = items.batch.places
    return [i for i, name in enumerate(steps.node.input) if name and name not in places]


def _with_operands(steps: Steps, operands: dict[int, str]) -> list[NodeProto] | None:
    """The node with other operands; None where they are those that it has."""
    names = [operands.get(i, name) for i, name in enumerate(steps.node.input)]
    if names == list(steps.node.input):
        return None
    outputs = steps.add_many(
        steps.node.op_type, *names, count=len(steps.node.output), **attributes(steps.node)
    )
    return steps.finish(*outputs)


def _aligned(steps: Steps, items: Items) -> list[NodeProto] | None:
    """Operands are aligned from the back; one with a row for each item gets one for all."""
    return _aligned_operands(steps, items, _without_items(steps, items), least=0)


def _aligned_operands(
    steps: Steps, items: Items, operands: Sequence[int], least: int
) -> list[NodeProto] | None:
    """The node with those operands opened; their last `least` axes count no items."""
    place, rank = _place(steps, items), len(_result(steps, items))
    opened: dict[int, str] = {}
    for i in operands:
        own = steps.rank(i)
        axis = place.axis - (rank - own)
        if 0 <= axis < own - least:
            at = Place(axis, place.before, place.after)
            opened[i] = rows_for_items(steps, items, i, at, broadcast=True)
    return _with_operands(steps, opened)


def _matmul(steps: Steps, items: Items) -> list[NodeProto] | None:
    return _aligned_operands(steps, items, _without_items(steps, items), least=2)


def _gemm(steps: Steps, items: Items) -> list[NodeProto] | None:
    if not {0, 1} - {*_without_items(steps, items)}:
        raise CannotOpen("adds the items to a constant product")
    added = [i for i in _without_items(steps, items) if i == 2]
    return _aligned_operands(steps, items, added, least=0)


def _in_each(steps: Steps, items: Items) -> list[NodeProto] | None:
    """Operands without items get a row for each item along the axis of the others."""
    place = _place(steps, items)
    return _with_rows(steps, items, dict.fromkeys(_without_items(steps, items), place))


def _with_rows(steps: Steps, items: Items, places: dict[int, Place]) -> list[NodeProto] | None:
    opened = {
        i: rows_for_items(steps, items, i, place, broadcast=False) for i, place in places.items()
    }
    return _with_operands(steps, opened)


def _deform_conv(steps: Steps, items: Items) -> list[NodeProto] | None:
    wanted = [i for i in _without_items(steps, items) if i in (2, 4)]
    return _with_rows(steps, items, dict.fromkeys(wanted, _place(steps, items)))


def _recurrent(steps: Steps, items: Items) -> list[NodeProto] | None:
    """LSTM, GRU, RNN: lengths and first states that are the same for every item."""
    axis = 0 if steps.attrs.get("layout") else 1
    axes = {4: 0, 5: axis, 6: axis}
    read = [items.batch.places[name] for name in steps.node.input if name in items.batch.places]
    before, after = read[0].before, read[0].after
    places = {i: Place(axes[i], before, after) for i in _without_items(steps, items) if i in axes}
    return _with_rows(steps, items, places)


def _expand(steps: Steps, items: Items) -> list[NodeProto] | None:
    """The axis of the items keeps its length, whatever it is."""
    place, rank = _place(steps, items), len(_result(steps, items))
    wanted = items.graph.value(steps.input(1))
    if wanted is None and items.count == 1:
        return None  # it asks for one row, or for as many as there are
    if wanted is None:
        raise CannotOpen("computes the shape that it expands to")
    axis = place.axis - (rank - wanted.size)
    if axis < 0 or wanted[axis] == 1:
        return None
    shape = np.where(np.arange(wanted.size) == axis, 1, wanted)
    return steps.finish(steps.add("Expand", steps.input(0), steps.ints(shape)))


def _reshape(steps: Steps, items: Items) -> list[NodeProto] | None:
    """The size of the items' axis becomes open; that of each other axis is what it was."""
    before, after = items.batch.places[steps.input(0)], _place(steps, items)
    wanted = items.graph.value(steps.input(1))
    if wanted is None:
        return _computed_reshape(steps, items, None)
    copies = not steps.attrs.get("allowzero")
    given, result = [int(n) for n in wanted.reshape(-1)], _result(steps, items)
    shape = [
        size if isinstance(size, int) and (n == -1 or (n == 0 and copies)) else n
        for n, size in zip(given, result, strict=True)
    ]
    others = [n for axis, n in enumerate(shape) if axis != after.axis]
    if -1 in others:
        return _computed_reshape(steps, items, shape)
    shape[after.axis] = 0 if copies and before == after else -1
    return None if shape == given else _reshaped(steps, steps.ints(shape))


def _computed_reshape(
    steps: Steps, items: Items, shape: list[int] | None
) -> list[NodeProto] | None:
    """A Reshape to a shape that is computed, or has another open size beside the items."""
    after, rank = _place(steps, items), len(_result(steps, items))
    number = items.number
    if after.before * after.after > 1:
        number = steps.add("Mul", number, steps.ints([after.before * after.after]))
    return _reshaped(steps, _spliced(steps, shape or steps.input(1), after.axis, rank, number))


def _spliced(steps: Steps, shape: Sequence[int] | str, axis: int, length: int, number: str) -> str:
    """A shape, constant or computed, with a computed number in the place of one of its sizes."""
    pieces = []
    for begin, end in ((0, axis), (axis + 1, length)):
        if begin < end and isinstance(shape, str):
            bounds = map(steps.ints, ([begin], [end], [0]))
            pieces.append(steps.add("Slice", shape, *bounds))
        elif begin < end:
            pieces.append(steps.ints([int(size) for size in shape[begin:end]]))
        if begin == 0:
            pieces.append(number)
    return steps.add("Concat", *pieces, axis=0) if len(pieces) > 1 else number


def _reshaped(steps: Steps, shape: str) -> list[NodeProto]:
    attrs = {k: v for k, v in steps.attrs.items() if k == "allowzero" and v}
    if steps.node.op_type != "Reshape":
        attrs = {}
    return steps.finish(steps.add("Reshape", steps.input(0), shape, **attrs))


def _to_result(steps: Steps, items: Items) -> list[NodeProto]:
    """The node as a Reshape to the shape that it has in the fixed graph, the items opened."""
    axis, result = _place(steps, items).axis, list(_result(steps, items))
    sizes = [d for i, d in enumerate(result) if isinstance(d, int) and i != axis]
    if len(sizes) < len(result) - 1:
        raise CannotOpen("takes the axis of the items away beside axes of open size")
    return _reshaped(steps, steps.ints([*sizes[:axis], -1, *sizes[axis:]]))


def _flatten(steps: Steps, items: Items) -> list[NodeProto] | None:
    before = items.batch.places[steps.input(0)]
    if before.axis == 0 and steps.attrs["axis"] == 1:
        return None
    return _to_result(steps, items)


def _squeeze(steps: Steps, items: Items) -> list[NodeProto] | None:
    before, source = items.batch.places[steps.input(0)], steps.tensor(0).shape
    if source is None:
        raise CannotOpen("reads a tensor of unknown rank")
    axes = items.graph.value(steps.input(1)) if steps.has(1) else None
    if axes is None and steps.has(1):
        raise CannotOpen("computes its axes")
    if axes is not None and before.axis not in {int(a) % len(source) for a in axes.reshape(-1)}:
        return None
    if axes is None and all(isinstance(d, int) for d in source) and source[before.axis] != 1:
        ones = [i for i, d in enumerate(source) if d == 1]
        return steps.finish(steps.add("Squeeze", steps.input(0), steps.ints(ones)))
    return _to_result(steps, items)


def _slice(steps: Steps, items: Items) -> list[NodeProto] | None:
    """What takes all rows of the items takes them however many there are."""
    axis, rank = _place(steps, items).axis, len(_result(steps, items))
    ends = items.graph.value(steps.input(2))
    axes = items.graph.value(steps.input(3)) if steps.has(3) else None
    named = list(range(rank)) if axes is None else [int(a) % rank for a in axes.reshape(-1)]
    if axis not in named:
        return None
    if ends is None:
        raise CannotOpen("computes where it cuts the items")
    far = [_LAST if a == axis else int(end) for a, end in zip(named, ends, strict=False)]
    return _with_operands(steps, {2: steps.ints(far)})


def _gather(steps: Steps, items: Items) -> list[NodeProto] | None:
    """What is taken of the parts of one item is taken of those of each."""
    data, shape = items.batch.places.get(steps.input(0)), steps.tensor(0).shape
    axis = steps.attrs["axis"] % steps.rank(0)
    if data is None or data.axis != axis:
        return None
    place, result = _place(steps, items), _result(steps, items)
    ahead = [d for d in result[axis : place.axis] if d != 1]
    if items.count > 1 or ahead or place.before * data.before > 1:
        raise CannotOpen("takes items by their numbers")
    sizes = [d for d in (*(shape or ()), *result) if isinstance(d, int)]
    if len(sizes) < steps.rank(0) + len(result):
        raise CannotOpen("takes parts of the items beside axes of open size")
    apart = steps.ints([*sizes[:axis], -1, data.after, *sizes[axis + 1 : steps.rank(0)]])
    parts = steps.add("Reshape", steps.input(0), apart)
    taken = steps.add("Gather", parts, steps.input(1), axis=axis + 1)
    wanted = sizes[steps.rank(0) :]
    wanted[place.axis] = -1
    return steps.finish(steps.add("Reshape", taken, steps.ints(wanted)))


def _resize(steps: Steps, items: Items) -> list[NodeProto] | None:
    """The size of the leading axis among `sizes` becomes the number of rows at run time."""
    axes = [a % steps.rank(0) for a in steps.attrs.get("axes") or range(steps.rank(0))]
    if 0 not in axes:
        return None
    scales = items.graph.value(steps.input(2)) if steps.has(2) else None
    if steps.attrs.get("keep_aspect_ratio_policy", "stretch") not in ("stretch", b"stretch"):
        raise CannotOpen("keeps the aspect ratio of all axes, that of the items among them")
    if steps.has(2):
        if scales is None or (scales.size and scales[axes.index(0)] != 1):
            raise CannotOpen("may scale the axis of the items")
        return None
    sizes = items.graph.value(steps.input(3))
    rows = steps.add("Shape", steps.input(0), start=0, end=1)
    wanted = steps.input(3) if sizes is None else [int(n) for n in sizes]
    open_sizes = _spliced(steps, wanted, axes.index(0), len(axes), rows)
    return _with_operands(steps, {3: open_sizes})


_BY_RULE: dict[str, Opener] = {
    **dict.fromkeys(("same", "transpose", "unsqueeze", "along_first", "along_last", "arg"), _keep),
    **dict.fromkeys(("reduce", "cumulative", "matrices", "mean_variance", "compress"), _keep),
    **dict.fromkeys(("dft", "one_hot", "tile", "pad", "batch_norm", "einsum"), _keep),
    **dict.fromkeys(("gather_elements", "reverse_sequence"), _keep),
    "rows": _rows,
    "aligned": _aligned,
    "layer_norm": _aligned,
    "matmul": _matmul,
    "gemm": _gemm,
    "concat": _in_each,
    "scatter_elements": _in_each,
    "all_rows": _in_each,
    "deform_conv": _deform_conv,
    "reshape": _reshape,
    "flatten": _flatten,
    "squeeze": _squeeze,
    "slice": _slice,
    "gather": _gather,
}
"""By the rules that follow the items through an operator."""

_BY_OPERATOR: dict[str, Opener] = {
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "Expand": _expand,
    "Resize": _resize,
    "MaxUnpool": _unpool,
}
"""Of operators that hold more than their rule knows."""
