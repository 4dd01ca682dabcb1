"""What of an explained picture a unit sees."""

from __future__ import annotations

from collections.abc import Sequence

from retrograph.contract import Contract
from retrograph.inputs import NamedWindow, Window
from retrograph.model import Model
from retrograph.receptive_field import Field, receptive_fields
from retrograph.render.seen import THE_UNIT
from retrograph.results.explained import ExplainedInput
from retrograph.results.objective import Corners
from retrograph.results.unit_names import split_unit

_CELL = 0.03
"""The least side of the box of a unit's place, as a share of the picture's."""


def seen_field(model: Model, contract: Contract) -> Field | None:
    """What a unit of the explained layer sees of the shown input; None if not known."""
    return receptive_fields(model.graph, [contract.shown]).get(contract.target)


def seen_windows(explained: ExplainedInput, k: int) -> list[NamedWindow]:
    """What of a picture unit k sees, or each of two of a difference; none that see all of it."""
    named = ((name, _window(explained, index)) for name, index in _units(explained, k))
    return [(name, window) for name, window in named if window is not None]


def seen_span(explained: ExplainedInput, k: int) -> tuple[int, int] | None:
    """The first position of a sequence that unit k sees, and the one after the last.

    None where it sees all of it, and for what is drawn otherwise.
    """
    context = explained.context
    field = context.field
    is_other = explained.rows_joined or explained.objective(k) is not None
    if not context.kind.has_spans or field is None or len(field.axes) != 1 or is_other:
        return None
    size = explained.array.shape[field.axes[0] - int(context.kind.axes.batched)]
    (span,) = field.window(explained.units[k].tolist(), [size])
    return None if span == (0, size) else span


def _units(explained: ExplainedInput, k: int) -> list[tuple[str, Sequence[int]]]:
    """Unit k, or the two of a difference, by their indices; none of a box or a region."""
    objective = explained.objective(k)
    if objective is None:
        return [(THE_UNIT, explained.units[k].tolist())]
    return [*objective.units]


def _window(explained: ExplainedInput, index: Sequence[int]) -> Window | None:
    """The rows and columns of a picture that a unit sees; None where it sees all of them."""
    field, axes = explained.context.field, explained.context.kind.axes
    if field is None or explained.rows_joined or len(axes.spatial) != 2:
        return None
    sizes = {axis: explained.array.shape[axis] for axis in axes.spatial}
    own = [axis - int(axes.batched) for axis in field.axes]
    if not sizes.keys() <= {*own}:
        return None
    spans = field.window(index, [explained.array.shape[axis] for axis in own])
    window = dict(zip(own, spans, strict=True))
    rows, columns = (window[axis] for axis in axes.spatial)
    if (rows, columns) == tuple((0, size) for size in sizes.values()):
        return None
    return rows, columns


def unit_cells(explained: ExplainedInput, k: int) -> list[Corners]:
    """Where units that see all of a picture lie among the positions of their layer.

    Returns:
        Boxes x0 y0 x1 y1 in pixels of the input, for unit k or the two of a difference; none of
        units that see a part, or have no position.
    """
    cells = (_cell(explained, index) for _, index in _units(explained, k))
    return [cell for cell in cells if cell is not None]


def _cell(explained: ExplainedInput, index: Sequence[int]) -> Corners | None:
    context = explained.context
    contract, axes = context.contract, context.kind.axes
    if explained.rows_joined or len(axes.spatial) != 2:
        return None
    _, place = split_unit(index, contract.channel_axis)
    sizes = [d for axis, d in enumerate(contract.shape) if axis != contract.channel_axis]
    if len(place) != 2 or None in sizes or 1 in sizes or _window(explained, index) is not None:
        return None
    spans = []
    for number, size, axis in zip(place, sizes, axes.spatial, strict=True):
        extent = explained.array.shape[axis]
        middle, half = (number + 0.5) * extent / size, max(extent / size, _CELL * extent) / 2
        spans.append((middle - half, middle + half))
    (y0, y1), (x0, x1) = spans
    return x0, y0, x1, y1
