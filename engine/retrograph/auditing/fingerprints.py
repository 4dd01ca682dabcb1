"""What is remembered of a tensor's values to tell which others may be the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.axes import Order, axis_orders, item_shape, ordered
from retrograph.auditing.told import quiet
from retrograph.inputs.loader import Progress
from retrograph.runtime import Array

_SAMPLED = 4096


@dataclass(frozen=True)
class Fingerprint:
    """A tensor in few numbers.

    Attributes:
        shape: of its values, [N, *item].
        norm: of all values; no number where one of them is none.
        varies: whether its values are not all equal.
        samples: values at positions drawn once for each item shape, by that shape and the order in
            which the tensor's axes come to it.
    """

    shape: tuple[int, ...]
    norm: float
    varies: bool
    samples: dict[tuple[tuple[int, ...], Order], Array]

    @property
    def item(self) -> tuple[int, ...]:
        """The sizes of its axes that tell."""
        return item_shape(self.shape)


def positions(rows: int, item: tuple[int, ...]) -> tuple[Array, ...]:
    """The positions at which tensors of this shape are sampled, an index for each axis."""
    size = rows * int(np.prod(item, dtype=np.int64))
    if size <= _SAMPLED:
        flat = np.arange(size)
    else:
        flat = np.random.default_rng(size).integers(0, size, _SAMPLED)
    return np.unravel_index(flat, (rows, *item))


def fingerprint(values: Array, items: Iterable[tuple[int, ...]] = ()) -> Fingerprint:
    """The fingerprint of a tensor's values.

    Args:
        values: [N, *item].
        items: the item shapes of the tensors that it may be compared with; its own if none.
    """
    own = item_shape(values.shape)
    samples = {}
    for item in [*items] or [own]:
        for order in axis_orders(item, own):
            inverse = tuple(int(axis) for axis in np.argsort(order))
            samples[item, order] = ordered(values, inverse)[positions(len(values), item)]
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(values.ravel()))
        varies = bool(values.size) and bool(np.ptp(values) > 0)
    return Fingerprint(values.shape, norm, varies, samples)


def fingerprints(
    activations: Activations,
    names: Sequence[str],
    items: Iterable[tuple[int, ...]] = (),
    told: Progress = quiet,
) -> dict[str, Fingerprint]:
    """The fingerprints of a network's tensors, computed in groups.

    Args:
        activations: of the network.
        names: of the tensors.
        items: as in `fingerprint`.
        told: takes how many are done, and of how many.
    """
    shapes = tuple(dict.fromkeys(items))
    found: dict[str, Fingerprint] = {}
    for group in activations.batches(names):
        for name, values in activations.values(group).items():
            found[name] = fingerprint(values, shapes)
        told(len(found), len(names))
    return found


def sample(a: Fingerprint) -> Array:
    """The samples of a tensor at the positions of its own shape."""
    return a.samples[a.item, tuple(range(len(a.item)))]


def sampled_orders(a: Fingerprint, b: Fingerprint) -> list[tuple[Order, Array]]:
    """By each order that brings A's axes to B's the samples of B at A's positions."""
    if a.shape[:1] != b.shape[:1]:
        return []
    orders = axis_orders(a.item, b.item)
    return [(order, b.samples[a.item, order]) for order in orders if (a.item, order) in b.samples]
