"""What treats the places along an axis together, and so keeps items apart along another."""

from __future__ import annotations

import numpy as np

from retrograph.ir.analysis.batch_axis.passage import (
    LEADING,
    Passage,
    Place,
    Rule,
    axes_in,
    shifted,
)
from retrograph.ir.analysis.ranks import dft_axis
from retrograph.ir.analysis.symbolic_sizes import ZERO, size
from retrograph.ir.graph import Dim


def along(default: int) -> Rule:
    """Operators along the attribute `axis`, which is this by default."""

    def rule(p: Passage) -> Place | None:
        place, axis = p.alone, p.axis(default)
        return None if place is None or axis in (None, place.axis) else place

    return rule


def arg(p: Passage) -> Place | None:
    """ArgMax, ArgMin: the axis goes where it is not kept."""
    place, axis = along(0)(p), p.axis(0)
    if place is None or axis is None or p.attrs.get("keepdims", 1):
        return place
    return shifted(place, [axis])


def concat(p: Passage) -> Place | None:
    """What has no items is a constant in every row, such as a class token."""
    rank = p.rank()
    apart = p.common is not None and rank and p.common.axis != p.attrs["axis"] % rank
    return p.common if apart else None


def gather(p: Passage) -> Place | None:
    axis, indices, data = p.axis(0), p.rank(1), p.placed.get(0)
    if len(p.placed) != 1 or axis is None or indices is None:
        return None
    if data is None:
        chosen = p.placed[1]
        return Place(axis + chosen.axis, chosen.before, chosen.after)
    if data.axis == axis:
        found = _chosen(p, data)
        return None if found is None else Place(axis + found.axis, found.before, found.after)
    moved = data.axis if data.axis < axis else data.axis - 1 + indices
    return Place(moved, data.before, data.after)


def _chosen(p: Passage, place: Place) -> Place | None:
    """Where the items lie among constant indices along their axis."""
    chosen, shape = p.value(1), p.shape()
    rows = None if shape is None else shape[place.axis]
    if chosen is None or not isinstance(rows, int) or not chosen.size:
        return None
    items = rows // (place.before * place.after)
    owner = chosen % rows // place.after % items
    for axis, length in enumerate(chosen.shape):
        for after in range(1, length // items + 1):
            if length % (items * after) == 0:
                wanted = np.arange(length) // after % items
                turned = wanted.reshape([-1 if i == axis else 1 for i in range(chosen.ndim)])
                if (owner == turned).all():
                    return Place(axis, length // (items * after), after)
    return None


def gather_elements(p: Passage) -> Place | None:
    apart = len(p.placed) == 2 and p.common is not None and p.common.axis != p.axis(0)
    return p.common if apart else None


def scatter_elements(p: Passage) -> Place | None:
    """Each update stays in the place that it has along the axis of the items."""
    apart = p.common is not None and p.common.axis != p.axis(0)
    return p.common if apart else None


def scatter_nd(p: Passage) -> Place | None:
    """What has no items is put into each of them; updates with items, each into its own row."""
    data, index = p.placed.get(0), p.value(1)
    if 1 in p.placed:
        return None
    if 2 not in p.placed:
        return data
    if p.common != LEADING or index is None or index.ndim < 2:
        return None
    rows = np.arange(len(index)).reshape([-1] + [1] * (index.ndim - 2))
    return LEADING if (index[..., 0] == rows).all() else None


def reduce(p: Passage) -> Place | None:
    place, axes = p.alone, axes_in(p, 1)
    if place is None or p.rank() is None:
        return None
    if not axes:
        named = axes is None and p.given(1)
        return place if not named and p.attrs.get("noop_with_empty_axes", 0) else None
    if place.axis in axes:
        return None
    return place if p.attrs.get("keepdims", 1) else shifted(place, {*axes})


def pad(p: Passage) -> Place | None:
    place, rank, axes = p.alone, p.rank(), axes_in(p, 3)
    if place is None or rank is None or (axes is None and p.given(3)):
        return None
    where = list(range(rank)) if axes is None else axes
    if place.axis not in where:
        return place
    pads, i = p.sizes.of(p.node.input[1]), where.index(place.axis)
    whole = pads is not None and pads[i] == pads[i + len(where)] == ZERO
    return place if whole else None


def slice(p: Passage) -> Place | None:
    place, shape, axes = p.alone, p.shape(), axes_in(p, 3)
    if place is None or shape is None or (axes is None and p.given(3)):
        return None
    where = range(len(shape)) if axes is None else axes
    cuts = [i for i, axis in enumerate(where) if axis == place.axis]
    return place if all(_takes_all(p, i, shape[place.axis]) for i in cuts) else None


def _takes_all(p: Passage, i: int, rows: Dim) -> bool:
    """Whether the i-th cut of a Slice takes all of an axis, in order."""
    bounds = [p.sizes.of(p.node.input[k]) if p.given(k) else None for k in (1, 2, 4)]
    start, end, step = (None if b is None or i >= len(b) else b[i] for b in bounds)
    if start != ZERO or end is None or (p.given(4) and step != size(1)):
        return False
    beyond = rows if isinstance(rows, int) else 10**9
    return end == size(rows) or (end.number is not None and end.number >= beyond)


def tile(p: Passage) -> Place | None:
    place, repeats = p.alone, p.value(1)
    if place is None or repeats is None:
        return None
    return Place(place.axis, place.before * int(repeats[place.axis]), place.after)


def compress(p: Passage) -> Place | None:
    return along(0)(p) if "axis" in p.attrs else None


def cumulative(p: Passage) -> Place | None:
    """CumSum, CumProd: their axis is an input."""
    axes = axes_in(p, 1)
    return None if p.alone is None or axes is None or p.alone.axis in axes else p.alone


def matrices(p: Passage) -> Place | None:
    """Trilu, Det: the last two axes are those of a matrix."""
    rank = p.rank()
    return None if p.alone is None or rank is None or p.alone.axis >= rank - 2 else p.alone


def one_hot(p: Passage) -> Place | None:
    place, result = p.alone, p.result
    if place is None or result is None:
        return None
    new = p.attrs.get("axis", -1) % len(result)
    return Place(place.axis + (new <= place.axis), place.before, place.after)


def mean_variance(p: Passage) -> Place | None:
    place, rank = p.alone, p.rank()
    if place is None or rank is None:
        return None
    return None if place.axis in [a % rank for a in p.attrs.get("axes", [0, 2, 3])] else place


def dft(p: Passage) -> Place | None:
    place, rank, axis = p.alone, p.rank(), dft_axis(p.graph, p.node)
    if place is None or rank is None or axis is None:
        return None
    return None if axis % rank == place.axis else place
