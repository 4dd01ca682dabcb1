"""Whether B wants its inputs prepared in another way than A: simple changes of B's input, tried.

A file that was trained for BGR, for 0-255 or for other means computes something else everywhere,
which is no fault of any of its nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrograph.auditing.activations import Activations, Feeds
from retrograph.auditing.comparison import Comparison
from retrograph.auditing.outputs import OutputPair, pair_outputs, worst
from retrograph.preprocess import InputAxes
from retrograph.runtime import Array

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
_CAFFE_MEAN = np.array([103.939, 116.779, 123.68], np.float32)
_AGREES = 1e-3
_FEW = 2


@dataclass(frozen=True)
class Axes:
    """The axes of an input [N, *item] that tell."""

    channel: int | None
    spatial: tuple[int, ...]

    def by_channel(self, values: Array, rank: int) -> Array:
        """Numbers, one for each channel, to be broadcast to an input of that rank."""
        shape = [1] * rank
        assert self.channel is not None
        shape[self.channel] = len(values)
        return values.reshape(shape)


@dataclass(frozen=True)
class Change:
    """A way to prepare an input otherwise.

    Attributes:
        name: what B gets with it, where A gets its inputs as they are.
        apply: the inputs [N, *item] as B would want them.
        colours: whether it is for inputs of three channels alone.
        spatial: whether it needs a height and a width.
    """

    name: str
    apply: Callable[[Array, Axes], Array]
    colours: bool = False
    spatial: bool = False

    def fed(self, feeds: Feeds, name: str, axes: Axes) -> Feeds:
        """The runs with the input of this name changed."""
        return [
            {name: np.ascontiguousarray(self.apply(run[name], axes)).astype(run[name].dtype)}
            for run in feeds
        ]


def _colours(x: Array, axes: Axes, values: Array) -> Array:
    return axes.by_channel(values, x.ndim)


def _reversed(x: Array, axes: Axes) -> Array:
    assert axes.channel is not None
    return np.flip(x, axes.channel)


CHANGES: Sequence[Change] = (
    Change("its channels in the other order (RGB against BGR)", _reversed, colours=True),
    Change("values 255 times as large", lambda x, _: x * 255),
    Change("values 255 times as small", lambda x, _: x / 255),
    Change(
        "no ImageNet mean and deviation taken off",
        lambda x, a: x * _colours(x, a, _IMAGENET_STD) + _colours(x, a, _IMAGENET_MEAN),
        colours=True,
    ),
    Change(
        "the ImageNet mean and deviation taken off",
        lambda x, a: (x - _colours(x, a, _IMAGENET_MEAN)) / _colours(x, a, _IMAGENET_STD),
        colours=True,
    ),
    Change("values from 0 to 1 for those from -1 to 1", lambda x, _: (x + 1) / 2),
    Change("values from -1 to 1 for those from 0 to 1", lambda x, _: 2 * x - 1),
    Change("values from -1 to 1 for those from 0 to 255", lambda x, _: x / 127.5 - 1),
    Change(
        "BGR from 0 to 255 less Caffe's mean for RGB from 0 to 1",
        lambda x, a: _reversed(x * 255, a) - _colours(x, a, _CAFFE_MEAN),
        colours=True,
    ),
    Change("height and width swapped", lambda x, a: x.swapaxes(*a.spatial), spatial=True),
    Change("its inputs mirrored", lambda x, a: np.flip(x, a.spatial[1]), spatial=True),
    Change("its inputs upside down", lambda x, a: np.flip(x, a.spatial[0]), spatial=True),
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
    errors = [_error(a, b, outputs, first, change.fed(few, name, told)) for change in changes]
    if not errors or min(errors) > _AGREES:
        return None
    best = changes[int(np.argmin(errors))]
    feeds, before = best.fed(b.feeds, name, told), worst(outputs)
    error = _error(a, b, outputs, ours, feeds)
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


def _error(
    a: Activations,
    b: Activations,
    outputs: Sequence[OutputPair],
    ours: Mapping[str, Array],
    feeds: Feeds,
) -> float:
    """The largest relative error of B's outputs on these inputs."""
    theirs = Activations(b.network, feeds, threads=b.threads).run([pair.b for pair in outputs])
    return worst(pair_outputs(a.network, b.network, ours, theirs))


def _told(axes: InputAxes) -> Axes:
    lead = int(axes.batched)
    channel = None if axes.channel is None else axes.channel + lead
    return Axes(channel, tuple(axis + lead for axis in axes.spatial))


def _fitting(value: Array, axes: Axes) -> list[Change]:
    """The changes that go with the input."""
    has_colours = axes.channel is not None and value.shape[axes.channel] == 3
    is_square = len(axes.spatial) == 2 and len({value.shape[axis] for axis in axes.spatial}) == 1
    return [
        change
        for change in (CHANGES if value.dtype.kind == "f" else ())
        if (has_colours or not change.colours) and (is_square or not change.spatial)
    ]
