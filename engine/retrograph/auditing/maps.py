"""Whether two files look at the same: the attributions of one unit by both, for each input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import Order, axis_orders, item_shape
from retrograph.auditing.layouts import in_layout
from retrograph.auditing.outputs import OutputPair
from retrograph.auditing.pairing import Pair
from retrograph.errors import InputError
from retrograph.explainer import Explainer
from retrograph.render.colour import scale_of
from retrograph.runtime import Array


@dataclass(frozen=True)
class MapPair:
    """The attributions of one input by both files.

    Attributes:
        name: of the input.
        unit: the index of the explained unit in an item of A's layer.
        item: the sizes of that item.
        a, b: the attributions [*input], in A's layout.
        cosine: of the angle between them; 1 where both are 0 everywhere.
        rank: Spearman's rank correlation of their values.
    """

    name: str
    unit: tuple[int, ...]
    item: tuple[int, ...]
    a: Array = field(repr=False)
    b: Array = field(repr=False)
    cosine: float
    rank: float

    @property
    def scale(self) -> float:
        """The magnitude at which the colours of both maps end."""
        return max(scale_of(self.a), scale_of(self.b))

    @property
    def strength(self) -> float:
        """How many times as strong as A's map B's is, by their norms; infinite where A's is 0."""
        norms = float(np.linalg.norm(self.a)), float(np.linalg.norm(self.b))
        return norms[1] / norms[0] if norms[0] else float("inf") if norms[1] else 1.0


def target_pair(
    a: Activations, b: Activations, pairs: Sequence[Pair], outputs: Sequence[OutputPair]
) -> tuple[str, str, Order]:
    """What is explained in both: A's default layer, and what it is in B by its values.

    Where nothing of B equals A's layer, its own default layer of the same shape, else the first
    output.
    """
    target = a.network.model.target(None)
    equal = [(pair.a, pair.b, pair.order) for pair in pairs]
    for each in [*equal, *((pair.a, pair.b, pair.order) for pair in outputs)]:
        if each[0] == target:
            return each
    theirs = b.network.model.target(None)
    shapes = a[target].shape, b[theirs].shape
    orders = axis_orders(item_shape(shapes[0]), item_shape(shapes[1]))
    if orders and shapes[0][0] == shapes[1][0]:
        return target, theirs, orders[0]
    first = outputs[0]
    return first.a, first.b, first.order


def map_pairs(
    a: Activations,
    b: Activations,
    target: tuple[str, str, Order],
    method: str,
    names: Sequence[str],
    count: int,
) -> list[MapPair]:
    """The attributions of the unit that is most active in A, by both files.

    Args:
        a, b: what both compute.
        target: the layer of A, that of B, and the order of axes.
        method: of attribution.
        names: of the inputs, one a row.
        count: so many rows are compared; further ones repeat the last.

    Raises:
        InputError: the layer has no batch axis, or there is no such method.
        UnsupportedError: the backward graph cannot be built.
    """
    layer_a, layer_b, order = target
    values, others = a[layer_a], b[layer_b]
    if len(values) != len(names):
        raise InputError(f"'{layer_a}' has {len(values)} rows for {len(names)} inputs")
    flat = values.reshape(len(values), -1).argmax(1)
    units = np.stack(np.unravel_index(flat, values.shape[1:]), 1)
    theirs = np.stack([_moved(unit, values.shape, others.shape, order) for unit in units])
    ours = _attributions(a, layer_a, method, units)
    maps = _attributions(b, layer_b, method, theirs)
    found = []
    for row, name in enumerate(names[:count]):
        there = in_layout(maps[row], ours[row].shape)
        if there is None:
            sizes = f"{[*ours[row].shape]} and {[*maps[row].shape]}"
            raise InputError(f"maps {sizes} are not comparable")
        likeness = cosine(ours[row], there), rank(ours[row], there)
        unit = tuple(int(i) for i in units[row])
        found.append(MapPair(name, unit, values.shape[1:], ours[row], there, *likeness))
    return found


def _moved(unit: Array, a: Sequence[int], b: Sequence[int], order: Order) -> Array:
    """The index in an item of B of a unit of A."""
    told = [int(i) for i, size in zip(unit, a[1:], strict=True) if size != 1]
    moved = iter([told[axis] for axis in order])
    return np.array([0 if size == 1 else next(moved) for size in b[1:]], np.int64)


def _attributions(activations: Activations, layer: str, method: str, units: Array) -> Array:
    """The attributions of each row [N, *input] for a unit each."""
    network = activations.network
    explainer = Explainer(
        network.model,
        method=method,
        layer=layer,
        select="unit",
        wrt=network.inputs[:1],
        outputs=False,
        device="cpu",
        threads=activations.threads,
    )
    rows = len(units) // len(activations.feeds)
    maps = [
        explainer.attribute(dict(feeds), units[i * rows : (i + 1) * rows]).attribution
        for i, feeds in enumerate(activations.feeds)
    ]
    return np.concatenate(maps).astype(np.float32)


def cosine(a: Array, b: Array) -> float:
    """The cosine of the angle between two maps; 1 where both are 0 everywhere, 0 where one is."""
    x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    norms = float(np.linalg.norm(x)), float(np.linalg.norm(y))
    if not all(norms):
        return float(norms[0] == norms[1])
    return float(x @ y / (norms[0] * norms[1]))


def rank(a: Array, b: Array) -> float:
    """Spearman's rank correlation, ties at their mean rank."""
    return cosine(_ranks(a), _ranks(b))


def _ranks(values: Array) -> Array:
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    centred: Array = ranks[inverse] - (values.size + 1) / 2
    return centred
