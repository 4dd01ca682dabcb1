"""Deletion and insertion: does an attribution find the positions that the score depends on?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrograph.ir.compose.truncate import forward
from retrograph.keywords import chosen
from retrograph.model import runnable
from retrograph.runtime import Array, Session
from retrograph.sanity_checks.extra import library
from retrograph.sanity_checks.layer_randomisation import Progress
from retrograph.sanity_checks.similarity import magnitude
from retrograph.sanity_checks.subject import Subject

RANDOM = "random order"
"""The control among the methods: positions in an order that is drawn."""

Rank = Literal["magnitude", "signed"]

BLUR = 0.05
"""The standard deviation of the blur that insertion starts from, as a share of the longer side."""

_ROWS = 16


@dataclass(frozen=True)
class Faithfulness:
    """How the score changes while positions are deleted or inserted, the first ones first.

    Attributes:
        methods: their names, and last `RANDOM`.
        measure: what the curves show: "probability" (softmax over the classes) or "activation"
            (of the unit, as a share of that on the whole input).
        shares: [S + 1], 0 to 1: the share of the positions that are replaced.
        deletion, insertion: [methods, S + 1, N].
    """

    methods: tuple[str, ...]
    measure: Literal["probability", "activation"]
    shares: Array
    deletion: Array
    insertion: Array

    @property
    def deletion_area(self) -> Array:
        """[methods, N]: the area under the curve; the smaller, the better were they found."""
        return _area(self.deletion, self.shares)

    @property
    def insertion_area(self) -> Array:
        """[methods, N]: the area under the curve; the larger, the better were they found."""
        return _area(self.insertion, self.shares)


def delete_and_insert(
    subject: Subject,
    steps: int,
    baseline: float | None,
    rank: str,
    seed: int,
    progress: Progress,
) -> Faithfulness:
    """As `checks.faithfulness`."""
    chosen("rank", rank, RANKS)
    scorer = _Scorer(subject)
    shares = np.linspace(0, 1, steps + 1)
    names = (*subject.methods, RANDOM)
    deletion = np.empty((len(names), len(shares), len(subject.items)))
    insertion = np.empty_like(deletion)
    rng = np.random.default_rng(seed)
    for n, item in enumerate(subject.items):
        progress(f"deletion and insertion: input {n + 1} of {len(subject.items)}")
        plain, blurred = _plain(item, baseline, subject.channel), _blurred(item, subject.channel)
        maps = [subject.originals[method][n] for method in subject.methods]
        ranks = [RANKS[rank](found, subject.channel) for found in maps]
        ranks.append(rng.permutation(ranks[0].size).reshape(ranks[0].shape))
        for j, values in enumerate(ranks):
            places = _order(values, item, subject.channel)
            deletion[j, :, n] = scorer(n, _replaced(item, plain, places, shares))
            insertion[j, :, n] = scorer(n, _replaced(blurred, item, places, shares))
    return Faithfulness(names, scorer.measure, shares, deletion, insertion)


def _signed(attribution: Array, channel: int | None) -> Array:
    """The sum over the channels, one number a position."""
    wide = attribution.astype(np.float64)
    return wide if channel is None else wide.sum(axis=channel)


RANKS: dict[str, Callable[[Array, int | None], Array]] = {
    "magnitude": magnitude,
    "signed": _signed,
}
"""What positions are ordered by, the largest first."""


def _order(values: Array, item: Array, channel: int | None) -> Array:
    """The positions' places in the order from the largest value, in the shape of an item."""
    order = np.argsort(-values.ravel(), kind="stable")
    places = np.empty(order.size, np.int64)
    places[order] = np.arange(order.size)
    spread = places.reshape(values.shape)
    if channel is not None:
        spread = np.expand_dims(spread, channel)
    return np.broadcast_to(spread, item.shape)


def _replaced(start: Array, end: Array, places: Array, shares: Array) -> Iterator[Array]:
    """The start with the first share of the positions taken from the end, for each share."""
    count = int(places.max()) + 1
    for share in shares:
        yield np.where(places < round(float(share) * count), end, start)


def _plain(item: Array, baseline: float | None, channel: int | None) -> Array:
    """An input without content: one value, or the mean colour of the input if None."""
    if baseline is not None:
        return np.full_like(item, baseline)
    axes = tuple(axis for axis in range(item.ndim) if axis != channel)
    wide = item.astype(np.float64).mean(axis=axes, keepdims=True)
    return np.broadcast_to(wide.astype(item.dtype), item.shape)


def _blurred(item: Array, channel: int | None) -> Array:
    sides = [1 if axis == channel else size for axis, size in enumerate(item.shape)]
    width = BLUR * max(sides)
    widths = [0.0 if axis == channel else width for axis in range(item.ndim)]
    wide = library("scipy.ndimage").gaussian_filter(item.astype(np.float64), widths)
    blurred: Array = wide.astype(item.dtype)
    return blurred


def _area(curves: Array, shares: Array) -> Array:
    """By the trapezoidal rule over the shares, for curves [methods, S + 1, N]."""
    found: Array = library("scipy.integrate").trapezoid(curves, shares, axis=1)
    return found


class _Scorer:
    """The score of an item's unit on other inputs, by the forward pass alone."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        with runnable(forward(subject.model.graph.of_floats(), subject.target)) as (
            graph,
            folder,
            needed,
        ):
            self._session = Session(graph, subject.device, subject.threads, folder, needed)
        self.measure: Literal["probability", "activation"] = (
            "probability" if subject.is_classes else "activation"
        )

    def __call__(self, n: int, rows: Iterator[Array]) -> Array:
        """The scores [S] of item n's unit on inputs in the shape of an item."""
        index = tuple(self._subject.units[n])
        found = self._activations([*rows])
        if self.measure == "probability":
            flat = found.reshape(len(found), -1)
            return np.asarray(library("scipy.special").softmax(flat, axis=1)[:, index[0]])
        whole = float(self._activations([self._subject.items[n]])[0][index])
        if whole <= 0:
            return np.full(len(found), np.nan)
        return np.asarray(found[(slice(None), *index)]) / whole

    def _activations(self, rows: list[Array]) -> Array:
        """The target [S, *item] on each of the inputs."""
        size = self._subject.batch or _ROWS
        parts = [self._run(rows[i : i + size]) for i in range(0, len(rows), size)]
        return np.concatenate(parts).astype(np.float64)

    def _run(self, rows: list[Array]) -> Array:
        feeds = {self._session.inputs[0].name: self._subject.axes.feed(rows)}
        target: Array = self._session.run(feeds)[self._subject.target]
        has_rows = target.ndim > len(self._subject.item)
        return target[: len(rows)] if has_rows else target[np.newaxis]
