"""What of an explained picture a unit sees."""

from __future__ import annotations

from retrograph.contract import Contract
from retrograph.inputs import Window
from retrograph.model import Model
from retrograph.receptive_field import Field, receptive_fields
from retrograph.results.explained import ExplainedInput


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
