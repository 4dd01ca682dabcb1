"""Random logit: does an attribution depend on the class that it explains?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrograph.errors import InputError
from retrograph.runtime import Array
from retrograph.sanity_checks.layer_randomisation import Progress
from retrograph.sanity_checks.similarity import Comparison
from retrograph.sanity_checks.subject import Subject


@dataclass(frozen=True)
class RandomLogit:
    """How alike the attributions of two classes of one input are.

    Attributes:
        methods: their names.
        others: int64 [draws, N, r], the units that the explained ones are compared with.
        comparison: [methods, draws, N] with the attributions of the explained units.
    """

    methods: tuple[str, ...]
    others: Array
    comparison: Comparison

    @property
    def similarity(self) -> dict[str, Array]:
        """By measure (`similarity.MEASURES`) [methods, draws, N]."""
        return self.comparison.similarity


def other_classes(subject: Subject, draws: int, seed: int, progress: Progress) -> RandomLogit:
    """As `checks.random_logit`."""
    others = _others(subject, draws, seed)
    found = Comparison.empty(len(subject.methods), len(others), len(subject.items))
    for j, method in enumerate(subject.methods):
        progress(f"random logit: {method}")
        explainer, originals = subject.explainer(method), subject.originals[method]
        for i, units in enumerate(others):
            for n, new in enumerate(subject.maps(explainer, units)):
                found.put((j, i, n), originals[n], new, subject.channel)
    return RandomLogit(tuple(subject.methods), others, found)


def _others(subject: Subject, draws: int, seed: int) -> Array:
    """Different units for each item, at the explained one's position in other channels."""
    axis = subject.unit_channel
    count = subject.item[axis]
    if count is None or count < 2:
        raise InputError(
            f"'{subject.alias}' has no other class to compare with; choose a layer with several "
            "channels, or leave the check logit out"
        )
    rng = np.random.default_rng(seed)
    drawn = min(draws, count - 1)
    others = np.repeat(subject.units[np.newaxis], drawn, axis=0)
    for n, unit in enumerate(subject.units):
        steps = 1 + rng.choice(count - 1, size=drawn, replace=False)
        others[:, n, axis] = (unit[axis] + steps) % count
    return others
