"""What a classifier says of pictures under each preprocessing, as far as that tells which is right.

Right preprocessing makes each picture decide its class: the same one for the picture, its mirror
image, its centre and a darker copy of it, and another one for other pictures and for blank ones.
Wrong preprocessing gives nearly the same class to everything, or one that changes with the view.
The measure is the information, in nats, that a picture gives of its class c,

    mean over views of log p(c | view) - log of the mean of p(c) over all pictures and blank ones,

where c is the class that is most probable over the views. The largest mean over the pictures wins.
Entropy alone would prefer values that are far too large, which saturate every classifier: scores
that lie further apart than those of trained networks do are implausible and come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from retrograph.errors import InputError
from retrograph.inputs.classes import scores_tensor
from retrograph.inputs.pixels import Pixels, Stack, blank_stacks, encode, views
from retrograph.ir.compose.truncate import forward
from retrograph.model import Model, runnable
from retrograph.preprocess import PRESETS, InputAxes, Preprocessing, check_whole
from retrograph.preprocess.described import recipe_name
from retrograph.preprocess.recipe import known
from retrograph.runtime import Array, Session

_SPREAD: Final = 50.0
"""How far the highest of a classifier's scores lies above their mean, at most: about twice what
trained networks give for what they are surest of."""
_SMALL: Final = 64
"""Sides of inputs, up to which the presets of small data sets are tried."""
_OF_SMALL: Final = {"cifar10": "rgb", "mnist": "gray"}
"""Those, and what their pictures are."""
_LEAST: Final = 1e-9
_FEW: Final = 6
"""So many pictures show which preprocessings are far from the best."""
_FAR: Final = 1.0
"""In nats."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What a classifier of K classes says of N pictures under one preprocessing.

    Attributes:
        name: what the preprocessing is called.
        recipe: the preprocessing.
        scores: float64 [N, V, K], of V views of each picture, the first the picture itself.
        blank_scores: float64 [B, K], of blank pictures.
    """

    name: str
    recipe: Preprocessing
    scores: Array
    blank_scores: Array

    @cached_property
    def information(self) -> Array:
        """What each picture gives of its class, in nats: float64 [N]."""
        logs = _log_softmax(self.scores)
        mean = np.exp(logs).mean(axis=1)
        classes, rows = mean.argmax(axis=-1), np.arange(len(mean))
        of_all = np.concatenate([mean, np.exp(_log_softmax(self.blank_scores))]).mean(axis=0)
        by_view = logs[rows, :, classes].mean(axis=1)
        return np.asarray(by_view - np.log(of_all[classes] + _LEAST))

    @property
    def classes(self) -> Array:
        """The most probable class of each picture: int64 [N]."""
        return np.asarray(self.scores[:, 0].argmax(axis=-1))

    @property
    def probabilities(self) -> Array:
        """The probability of that class: float64 [N]."""
        return np.asarray(np.exp(_log_softmax(self.scores[:, 0]).max(axis=-1)))

    @property
    def entropy(self) -> float:
        """The mean entropy of the distributions over the classes, in nats."""
        logs = _log_softmax(self.scores[:, 0])
        return float(-(np.exp(logs) * logs).sum(axis=-1).mean())

    @property
    def spread(self) -> float:
        """How far the highest score lies above the mean of all, in the mean over pictures."""
        own = self.scores[:, 0]
        return float((own.max(axis=-1) - own.mean(axis=-1)).mean())

    @property
    def is_plausible(self) -> bool:
        """Whether the scores are no farther apart than a trained network's."""
        return self.spread <= _SPREAD

    @property
    def worth(self) -> float:
        """The mean information; less than that of any plausible trial where it is implausible."""
        return float(self.information.mean()) if self.is_plausible else -self.spread

    @property
    def is_constant(self) -> bool:
        """Whether several pictures all get one class."""
        return len(self.classes) > 1 and len(set(self.classes.tolist())) == 1


class TrialSession:
    """A classifier that is run on pictures under several preprocessings.

    Args:
        model: a source model or a built graph.
        name: of the input.
        device, threads: as in `Explainer`.

    Raises:
        InputError: its scores are not computed of that input alone.
        DeviceError: ONNX Runtime or the device is not there.
    """

    def __init__(
        self, model: Model, name: str, tensor: str, device: str = "auto", threads: int | None = None
    ) -> None:
        self._model, self._name, self._axes = model, name, model.axes(name)
        with runnable(forward(model.graph, tensor)) as (graph, folder, needed):
            self._session = Session(graph, device, threads, folder, needed)
        if [spec.name for spec in self._session.inputs] != [name]:
            raise InputError("the scores depend on other inputs, too")

    def trials(self, pixels: Sequence[Pixels], recipes: Mapping[str, Preprocessing]) -> list[Trial]:
        """What the model says under each preprocessing, the most informative first.

        The first pictures show which are far from the best; the others are run on all pictures.
        Those under which the model gives numbers that are not finite, or cannot be run, are left
        out.
        """
        few, rest = pixels[:_FEW], pixels[_FEW:]
        tried = _by_worth(self._first(few, recipes))
        if not rest:
            return tried
        near = [each for each in tried if tried[0].worth - each.worth < _FAR]
        if len(near) == 1 and len(few) == _FEW:
            return tried
        longer = [self._with_more(each, rest) for each in near]
        return [*_by_worth(longer), *(each for each in tried if each not in near)]

    def trial(self, recipe: Preprocessing, pixels: Sequence[Pixels]) -> Trial | None:
        """What the model says under one preprocessing; None where it gives no finite numbers."""
        tried = self._first(pixels[:_FEW], {recipe_name(recipe): recipe})
        return tried[0] if tried else None

    def _first(self, pixels: Sequence[Pixels], recipes: Mapping[str, Preprocessing]) -> list[Trial]:
        tried = []
        for name, recipe in recipes.items():
            blank = blank_stacks(pixels[0].stack, is_gray=recipe.order == "gray")
            try:
                scores = np.stack([self._scores(views(each.stack), recipe) for each in pixels])
                tried.append(Trial(name, recipe, scores, self._scores(blank, recipe)))
            except InputError:
                continue
        return tried

    def _with_more(self, trial: Trial, pixels: Sequence[Pixels]) -> Trial:
        """The same with more pictures."""
        more = [self._scores(views(each.stack), trial.recipe) for each in pixels]
        return replace(trial, scores=np.concatenate([trial.scores, np.stack(more)]))

    def _scores(self, stacks: Sequence[Stack], recipe: Preprocessing) -> Array:
        """The scores [len(stacks), K]; raises InputError where they are not finite."""
        size = self._axes.fixed_batch or 1
        rows = []
        for start in range(0, len(stacks), size):
            items = [encode(s, recipe, self._axes) for s in stacks[start : start + size]]
            (output,) = self._session.run({self._name: self._axes.feed(items)}).values()
            values = np.asarray(output, np.float64)
            rows.append(values.reshape(size, -1)[: len(items)])
        scores = np.concatenate(rows)
        if not np.isfinite(scores).all():
            raise InputError("the scores are not finite")
        return scores


def candidates(model: Model, name: str) -> dict[str, Preprocessing]:
    """The presets that go with an input, by name, fitted to it."""
    axes = model.axes(name)
    assert axes.frame is not None
    fitting = {}
    for preset, recipe in PRESETS.items():
        try:
            fitted = recipe.for_shape(axes.frame)
            check_whole(fitted, model.taken(name))
        except InputError:
            continue
        if preset in _OF_SMALL and not (_is_small(axes) and fitted.order == _OF_SMALL[preset]):
            continue
        fitting[preset] = fitted
    return fitting


def trial_session(
    model: Model, name: str, device: str = "auto", threads: int | None = None
) -> TrialSession | str:
    """What tries preprocessings out; or, where nothing can be learnt so, why not."""
    if model.axes(name).frame is None:
        return "the model takes no pictures"
    tensor = scores_tensor(model)
    if tensor is None:
        return "the model's output is no row of class scores"
    try:
        return TrialSession(model, name, tensor, device, threads)
    except InputError as error:
        return error.message


def _is_small(axes: InputAxes) -> bool:
    sides = [known(axes.item[axis]) for axis in axes.spatial]
    return all(side is not None and side <= _SMALL for side in sides)


def _log_softmax(scores: Array) -> Array:
    lowered = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(lowered - np.log(np.exp(lowered).sum(axis=-1, keepdims=True)))


def _by_worth(trials: Iterable[Trial]) -> list[Trial]:
    return sorted(trials, key=lambda trial: -trial.worth)
