"""What of an explained picture a unit sees."""

from __future__ import annotations

from retrograph.contract import Contract
from retrograph.inputs import Window
from retrograph.model import Model
from retrograph.receptive_field import Field, receptive_fields
from retrograph.results.explained import ExplainedInput
from retrograph.results.unit_names import split_unit

_CELL = 0.03
"""The least side of the box of a unit's place, as a share of the picture's."""


def seen_field(model: Model, contract: Contract) -> Field | None:
    """What a unit of the explained layer sees of the shown input; None if not known."""
    return receptive_fields(model.graph, [contract.shown]).get(contract.target)


def seen_window(explained: ExplainedInput, k: int) -> Window | None:
    """The rows and columns of a picture that unit k sees; None where it sees all of them."""
    field, axes = explained.context.field, explained.context.kind.axes
    if field is None or explained.rows_joined or len(axes.spatial) != 2:
        return None
    sizes = {axis: explained.array.shape[axis] for axis in axes.spatial}
    own = [axis - int(axes.batched) for axis in field.axes]
    if not sizes.keys() <= {*own}:
        return None
    index = [int(i) for i in explained.units[k]]
    found = field.window(index, [explained.array.shape[axis] for axis in own])
    window = dict(zip(own, found, strict=True))
    rows, columns = (window[axis] for axis in axes.spatial)
    if (rows, columns) == tuple((0, size) for size in sizes.values()):
        return None
    return rows, columns


def unit_cell(explained: ExplainedInput, k: int) -> tuple[float, float, float, float] | None:
    """Where a unit that sees all of a picture lies among the positions of its layer.

    Returns:
        A box x0 y0 x1 y1 in pixels of the input; None of a unit of a part, or without a position.
    """
    context = explained.context
    contract, axes = context.contract, context.kind.axes
    if explained.rows_joined or explained.objective(k) is not None or len(axes.spatial) != 2:
        return None
    _, place = split_unit(explained.units[k], contract.channel_axis)
    sizes = [d for axis, d in enumerate(contract.shape) if axis != contract.channel_axis]
    if len(place) != 2 or None in sizes or 1 in sizes or seen_window(explained, k) is not None:
        return None
    spans = []
    for number, size, axis in zip(place, sizes, axes.spatial, strict=True):
        extent = explained.array.shape[axis]
        middle, half = (number + 0.5) * extent / size, max(extent / size, _CELL * extent) / 2
        spans.append((middle - half, middle + half))
    (y0, y1), (x0, x1) = spans
    return x0, y0, x1, y1
