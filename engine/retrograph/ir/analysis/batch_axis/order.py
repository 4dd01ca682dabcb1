"""Moving elements: behind a reshaping as much lies before the items, and behind them, as did."""

from __future__ import annotations

import math
from collections.abc import Sequence

from retrograph.ir.analysis.batch_axis.passage import LEADING, Passage, Place, axes_in, shifted
from retrograph.ir.analysis.symbolic_sizes import ZERO, Known, product, size
from retrograph.ir.graph import Shape


def reshape(p: Passage) -> Place | None:
    place, chosen = p.alone, p.graph.item_places.get(p.node.output[0])
    if place is None or chosen is not None:
        return chosen and Place(*chosen)
    if place.axis == 0 and _as_many_rows(p):
        return place
    before, after = p.sizes.shape(p.node.input[0]), p.sizes.shape(p.node.output[0])
    found = _relocated(place, before, after)
    return place if found is None and place == LEADING and _flattens(p) else found


def _relocated(
    place: Place, before: Sequence[Known] | None, after: Sequence[Known] | None
) -> Place | None:
    """The place behind a reshaping; of a single item the axis nearest to the batch alone."""
    found = possible_places(place, before, after)
    return min(found, key=lambda one: one.before * one.after, default=None)


def possible_places(
    place: Place, before: Sequence[Known] | None, after: Sequence[Known] | None
) -> list[Place]:
    """Where the items may lie behind a reshaping: in one place, but for those of a single item.

    Args:
        place: where they lie before it.
        before, after: the shapes.
    """
    if before is None or after is None:
        return []
    outer = product([*before[: place.axis], size(place.before)])
    inner = product([size(place.after), *before[place.axis + 1 :]])
    found = []
    for axis in range(len(after)):
        ahead = _ratio(outer, product(after[:axis]))
        behind = _ratio(inner, product(after[axis + 1 :]))
        if ahead is not None and behind is not None:
            found.append(Place(axis, ahead, behind))
    return found


def _ratio(a: Known, b: Known) -> int | None:
    """How often b goes into a, if it is a whole number."""
    if a is None or b is None or a.names != b.names or min(a.factor, b.factor) <= 0:
        return None
    ratio = a.factor / b.factor
    return int(ratio) if ratio.denominator == 1 else None


def _as_many_rows(p: Passage) -> bool:
    """Whether a Reshape leaves the leading axis as long as it was."""
    before, after, wanted = p.shape(), p.result, p.value(1)
    if wanted is not None and wanted.size and wanted[0] == 0:
        return True
    if before and after:
        if before[0] is not None and before[0] == after[0]:
            return True
        rest = _volume(before[1:])
        if rest is not None and rest == _volume(after[1:]):
            return True
    return _computed_rows(p)


def _computed_rows(p: Passage) -> bool:
    """Whether a Reshape to a computed shape leaves as many rows, or as much in a row."""
    sizes, found = p.sizes.shape(p.node.input[0]), p.sizes.of(p.node.input[1])
    if not sizes or not found:
        return False
    if found[0] is not None and found[0] == sizes[0]:
        return True
    kept = [sizes[i] if one == ZERO and i < len(sizes) else one for i, one in enumerate(found)]
    rest = product(kept[1:])
    return rest is not None and rest == product(sizes[1:])


def _flattens(p: Passage) -> bool:
    """Whether a Reshape to [-1, M] has open sizes in M, as where pictures are flattened.

    There is more in a row then than is known of one; as much would be a row for each place.
    """
    before, after, wanted = p.shape(), p.result, p.value(1)
    if not before or not after or wanted is None or -1 not in wanted[:1]:
        return False
    kept, known = _volume(after[1:]), [d for d in before[1:] if isinstance(d, int)]
    if kept is None or len(known) == len(before) - 1:
        return False
    least = math.prod(known)
    return kept > least and kept % least == 0


def flatten(p: Passage) -> Place | None:
    place, axis, shape = p.alone, p.attrs.get("axis", 1), p.shape()
    if place is None or (axis == 1 and place.axis == 0):
        return place
    if shape is None:
        return None
    sizes = list(map(size, shape))
    cut = axis % len(shape) if axis < 0 else axis
    return _relocated(place, sizes, [product(sizes[:cut]), product(sizes[cut:])])


def squeeze(p: Passage) -> Place | None:
    place, shape = p.alone, p.shape()
    axes = axes_in(p, 1)
    if place is None or shape is None or (axes is None and p.given(1)):
        return None
    gone = {*axes} if axes else {i for i, d in enumerate(shape) if d == 1}
    if place.axis not in gone:
        return shifted(place, gone)
    kept = [size(d) for i, d in enumerate(shape) if i not in gone]
    return _relocated(place, [size(1 if i in gone else d) for i, d in enumerate(shape)], kept)


def unsqueeze(p: Passage) -> Place | None:
    place, rank, axes = p.alone, p.rank(), p.value(1)
    if place is None or rank is None or axes is None:
        return None
    new = {int(a) % (rank + axes.size) for a in axes.reshape(-1)}
    old = [axis for axis in range(rank + axes.size) if axis not in new]
    return Place(old[place.axis], place.before, place.after)


def transpose(p: Passage) -> Place | None:
    place, rank = p.alone, p.rank()
    perm = p.attrs.get("perm") or (None if rank is None else range(rank)[::-1])
    if place is None or perm is None:
        return None
    return Place(list(perm).index(place.axis), place.before, place.after)


def _volume(shape: Shape) -> int | None:
    """The number of elements; None where a dimension is open."""
    known = [d for d in shape if isinstance(d, int)]
    return math.prod(known) if len(known) == len(shape) else None
