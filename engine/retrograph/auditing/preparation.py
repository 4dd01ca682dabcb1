"""Whether B wants its inputs prepared in another way than A: simple changes of B's input, tried.

A file that was trained for BGR, for 0-255 or for other means computes something else everywhere,
which is no fault of any of its nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from retrograph.auditing.activations import Activations, Feeds, floats
from retrograph.auditing.comparison import Comparison
from retrograph.auditing.outputs import OutputPair, pair_outputs, worst
from retrograph.auditing.scalings import Rescaling, rescalings
from retrograph.ir.compose.cut import cut_model
from retrograph.preprocess import InputAxes
from retrograph.runtime import Array

_AGREES = 1e-3
_EXACT = 3e-5
"""Where outputs are as near nothing better is sought."""
_FEW = 2


@dataclass(frozen=True)
class Axes:
    """The axes of an input [N, *item] that tell."""

    channel: int | None
    spatial: tuple[int, ...]


@dataclass(frozen=True)
class Change:
    """A way to prepare an input otherwise.

    Attributes:
        name: what B gets with it, where A gets its inputs as they are.
        apply: the inputs [N, *item] as B would want them.
    """

    name: str
    apply: Callable[[Array, Axes], Array]

    def fed(self, feeds: Feeds, name: str, axes: Axes) -> Feeds:
        """The runs with the input of this name changed."""
        return [
            {name: np.ascontiguousarray(self.apply(run[name], axes)).astype(run[name].dtype)}
            for run in feeds
        ]


def _rescaled(x: Array, axes: Axes, rescaling: Rescaling) -> Array:
    shape = [1] * x.ndim
    if axes.channel is not None and len(rescaling.gain) > 1:
        shape[axes.channel] = len(rescaling.gain)
    turned = np.flip(x, axes.channel) if rescaling.is_turned else x
    numbers = rescaling.gain.reshape(shape), rescaling.offset.reshape(shape)
    gain, offset = (each.astype(np.float32) for each in numbers)
    return turned * gain + offset


_OF_SPACE: Sequence[Change] = (
    Change("height and width swapped", lambda x, a: x.swapaxes(*a.spatial)),
    Change("its inputs mirrored", lambda x, a: np.flip(x, a.spatial[1])),
    Change("its inputs upside down", lambda x, a: np.flip(x, a.spatial[0])),
)


@dataclass(frozen=True)
class Prepared:
    """B's inputs prepared so that it agrees with A.

    Attributes:
        name: what was done.
        feeds: the runs of B with it.
        error: the largest relative error of an output then.
        before: that without it.
    """

    name: str
    feeds: Feeds
    error: float
    before: float


def other_preparation(
    a: Activations, b: Activations, outputs: Sequence[OutputPair], axes: InputAxes
) -> Prepared | None:
    """The change of B's input with which all outputs agree; None where there is none.

    Each is tried on few inputs, and the best of them on all.

    Args:
        a, b: what both compute.
        outputs: those that are the same.
        axes: of B's input.
    """
    names = {name for run in b.feeds for name in run}
    if len(names) != 1 or not outputs:
        return None
    (name,) = names
    told = _told(axes)
    ours = a.values([pair.a for pair in outputs])
    changes = _fitting(b.feeds[0][name], told)
    few, first = _first_rows(b.feeds, name, ours, axes)
    trials = _Trials(a, b, outputs)
    best, least = None, _AGREES
    for change in changes:
        error = trials.error(first, change.fed(few, name, told))
        if error < least:
            best, least = change, error
        if error <= _EXACT:
            break
    if best is None:
        return None
    feeds, before = best.fed(b.feeds, name, told), worst(outputs)
    error = trials.error(ours, feeds)
    return Prepared(best.name, feeds, error, before) if error <= min(_AGREES, before / 10) else None


def _first_rows(
    feeds: Feeds, name: str, ours: Mapping[str, Array], axes: InputAxes
) -> tuple[Feeds, Mapping[str, Array]]:
    """Few rows of B's input and of A's outputs; all where rows cannot be told apart."""
    total = sum(len(run[name]) for run in feeds)
    if not axes.batched or axes.fixed_batch or any(len(each) != total for each in ours.values()):
        return feeds, ours
    few = feeds[0][name][:_FEW]
    return [{name: few}], {output: values[: len(few)] for output, values in ours.items()}


def parts_at_inputs(comparison: Comparison) -> bool:
    """Whether B parts from A right where its inputs come in."""
    b = comparison.b.network
    starts = comparison.settled_b.starts
    first = [*starts, *b.moves_before(starts)]
    return any(parent in b.inputs for name in first for parent in b.parents[name])


class _Trials:
    """What B computes on inputs that are prepared in one way after the other.

    Args:
        a, b: what both compute.
        outputs: those that are the same.
    """

    def __init__(self, a: Activations, b: Activations, outputs: Sequence[OutputPair]) -> None:
        self._networks = a.network, b.network
        self._names = [pair.b for pair in outputs]
        self._session = b.way.session(cut_model(b.network.graph, self._names, {}), b.threads)

    def error(self, ours: Mapping[str, Array], feeds: Feeds) -> float:
        """The largest relative error of B's outputs on these inputs against A's."""
        runs = [self._session.run(dict(run)) for run in feeds]
        theirs = {name: np.concatenate([floats(run[name]) for run in runs]) for name in self._names}
        return worst(pair_outputs(*self._networks, ours, theirs))


def _told(axes: InputAxes) -> Axes:
    lead = int(axes.batched)
    channel = None if axes.channel is None else axes.channel + lead
    return Axes(channel, tuple(axis + lead for axis in axes.spatial))


def _fitting(value: Array, axes: Axes) -> list[Change]:
    """The changes that go with the input, the plainest first."""
    if value.dtype.kind != "f":
        return []
    has_colours = axes.channel is not None and value.shape[axes.channel] == 3
    is_square = len(axes.spatial) == 2 and len({value.shape[axis] for axis in axes.spatial}) == 1
    scaled = [
        Change(each.name, partial(_rescaled, rescaling=each))
        for each in rescalings(has_colours=has_colours)
    ]
    return [*(_OF_SPACE if is_square else ()), *scaled]
