"""How the values of pictures are scaled for two files: every way of one against every other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from retrograph.preprocess import PRESETS, Preprocessing
from retrograph.runtime import Array

_DIGITS = 5
"""Two rescalings whose numbers agree in so many decimal places are one."""


@dataclass(frozen=True)
class Scaling:
    """What pictures become.

    Attributes:
        name: of the values, in words.
        recipe: their scale, means and deviations, in the order of its channels.
    """

    name: str
    recipe: Preprocessing

    @property
    def of_colours(self) -> bool:
        """Whether each colour has its own mean."""
        return len(self.recipe.mean) > 1

    def numbers(self, order: str) -> tuple[Array, Array]:
        """The mean and the deviation of pictures from 0 to 1, of each channel in an order."""
        white = 255 * self.recipe.scale
        ends = (np.array(each) / white for each in (self.recipe.mean, self.recipe.std))
        step = 1 if order == self.recipe.order else -1
        mean, std = (each[::step] for each in ends)
        return mean, std


_KERAS = Preprocessing(scale=1.0, mean=(103.939, 116.779, 123.68), order="bgr")

SCALINGS = (
    Scaling("values from 0 to 1", PRESETS["0-1"]),
    Scaling("values from 0 to 255", PRESETS["0-255"]),
    Scaling("values from -1 to 1", PRESETS["-1-1"]),
    Scaling("values normalised by ImageNet's mean and deviation", PRESETS["imagenet"]),
    Scaling("values normalised by CIFAR-10's mean and deviation", PRESETS["cifar10"]),
    Scaling("values from 0 to 255 less Caffe's mean", PRESETS["caffe-bgr"]),
    Scaling("values from 0 to 255 less Caffe's mean as Keras has it", _KERAS),
    Scaling("values normalised by MNIST's mean and deviation", PRESETS["mnist"]),
)

_PLAIN = {
    (0, 1): "values 255 times as large",
    (1, 0): "values 255 times as small",
}
"""By the places of two scalings what a change is called for values of any range."""


@dataclass(frozen=True)
class Rescaling:
    """A change from one file's values to another's: turned if it says so, then x * gain + offset.

    Attributes:
        name: what the other file gets.
        gain, offset: one number for all channels, or one for each.
        is_turned: whether its channels are in the other order.
    """

    name: str
    gain: Array
    offset: Array
    is_turned: bool

    @property
    def key(self) -> tuple[object, ...]:
        """What two that are the same arithmetic have in common."""
        gain, offset = (np.broadcast_to(each, 3) for each in (self.gain, self.offset))
        rounded = (*np.log(gain).round(_DIGITS), *offset.round(_DIGITS))
        return (self.is_turned, *(float(each) + 0.0 for each in rounded))


def rescalings(*, has_colours: bool) -> list[Rescaling]:
    """Every change from one way to scale pictures to another, each arithmetic once.

    Args:
        has_colours: whether the input has three channels, RGB or BGR.
    """
    changes: dict[tuple[object, ...], Rescaling] = {}
    same = Rescaling("", np.ones(1), np.zeros(1), is_turned=False).key
    for change in _all(has_colours=has_colours):
        changes.setdefault(change.key, change)
    return [change for key, change in changes.items() if key != same]


def _all(*, has_colours: bool) -> Iterator[Rescaling]:
    orders = ("rgb", "bgr") if has_colours else ("rgb",)
    for ordered in product(orders, orders):
        for i, j in product(range(len(SCALINGS)), repeat=2):
            pair = SCALINGS[i], SCALINGS[j]
            if has_colours or not any(each.of_colours for each in pair):
                yield _between(i, j, ordered)


def _between(i: int, j: int, ordered: tuple[str, str]) -> Rescaling:
    """From one scaling in an order of channels to another."""
    is_turned = ordered[0] != ordered[1]
    step = -1 if is_turned else 1
    mean, std = (each[::step] for each in SCALINGS[i].numbers(ordered[0]))
    wanted_mean, wanted_std = SCALINGS[j].numbers(ordered[1])
    gain, offset = np.broadcast_arrays(std / wanted_std, (mean - wanted_mean) / wanted_std)
    return Rescaling(_name(i, j, ordered), gain, offset, is_turned)


def _name(i: int, j: int, ordered: tuple[str, str]) -> str:
    ours, theirs = ordered
    if i == j and ours != theirs:
        return "its channels in the other order (RGB against BGR)"
    if ours == theirs and (i, j) in _PLAIN:
        return _PLAIN[i, j]
    words = SCALINGS[j].name, SCALINGS[i].name
    if ordered != ("rgb", "rgb"):
        words = f"{theirs.upper()} {words[0]}", f"{ours.upper()} {words[1]}"
    return f"{words[0]} where A is given {words[1]}"
