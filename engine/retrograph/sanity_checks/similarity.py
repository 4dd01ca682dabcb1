"""How alike two attributions are: 1 for the same, near 0 for maps that have nothing in common.

The measures of Adebayo et al. (Sanity Checks for Saliency Maps, 2018), with the cosine, as Quantus
computes them of the same arrays. Spearman and the cosine compare all numbers of two attributions,
channels included. SSIM compares the maps of their magnitudes: the sum over the channels of the
absolute values, divided by its largest; with windows of 7 positions along each axis and the range
of both maps as the range of the data. (Within its RandomLogit and MPRT Quantus flattens maps
before SSIM; here they keep their shape.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retrograph.runtime import Array
from retrograph.sanity_checks.extra import library

_WINDOW = 7
_NARROWEST = 3

UNDEFINED = float("nan")
"""The similarity to a map whose numbers are all equal, such as one that is 0 everywhere."""


def magnitude(attribution: Array, channel: int | None) -> Array:
    """The sum over the channels of the absolute values, one number a position.

    Args:
        attribution: of one item.
        channel: its axis that counts channels; None if there is none.
    """
    size = np.abs(attribution.astype(np.float64))
    return size if channel is None else size.sum(axis=channel)


def spearman(a: Array, b: Array) -> float:
    """Spearman's rank correlation of all numbers, ties at their mean rank."""
    stats = library("scipy.stats")
    return float(stats.spearmanr(a.ravel(), b.ravel()).statistic)


def spearman_abs(a: Array, b: Array) -> float:
    """Spearman's rank correlation of the absolute values."""
    return spearman(np.abs(a), np.abs(b))


def cosine(a: Array, b: Array) -> float:
    """The cosine of the angle between two attributions as vectors."""
    x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def ssim(a: Array, b: Array) -> float:
    """The structural similarity (Wang et al. 2004) of two maps [*S] of magnitudes.

    NaN where an axis is shorter than 3.
    """
    window = min(_WINDOW, *a.shape)
    window -= 1 - window % 2
    if window < _NARROWEST:
        return UNDEFINED
    x, y = a / a.max(), b / b.max()
    span = float(max(x.max(), y.max()) - min(x.min(), y.min()))
    measure = library("skimage.metrics").structural_similarity
    return float(measure(x, y, win_size=window, data_range=span))


_OF_NUMBERS: dict[str, Callable[[Array, Array], float]] = {
    "spearman-abs": spearman_abs,
    "spearman": spearman,
    "cosine": cosine,
}

MEASURES: dict[str, str] = {
    "spearman-abs": "Spearman of |a|",
    "spearman": "Spearman",
    "ssim": "SSIM of |a|",
    "cosine": "cosine",
}
"""The measures, each with its name for people."""


def similarities(a: Array, b: Array, channel: int | None) -> dict[str, float]:
    """Every measure of two attributions of one item; NaN where one is constant or not finite."""
    if not (_varies(a) and _varies(b)):
        return dict.fromkeys(MEASURES, UNDEFINED)
    found = {name: measure(a, b) for name, measure in _OF_NUMBERS.items()}
    found["ssim"] = ssim(magnitude(a, channel), magnitude(b, channel))
    return {name: found[name] for name in MEASURES}


@dataclass(frozen=True)
class Comparison:
    """Attributions compared with the original ones, [methods, stages or draws, N] each.

    Attributes:
        similarity: by measure (`MEASURES`); NaN where one of the two is constant or not finite.
        blank: bool, where the new attribution is 0 everywhere.
        dark: bool, where the original one is.
        silent: the share of the positions that are 0 in both, such as those that a unit does not
            see; all measures but the cosine count them as alike.
    """

    similarity: dict[str, Array]
    blank: Array
    dark: Array
    silent: Array

    @classmethod
    def empty(cls, *shape: int) -> Comparison:
        """To be filled by `put`."""
        similarity = {name: np.full(shape, UNDEFINED) for name in MEASURES}
        blank, dark = np.zeros((2, *shape), np.bool_)
        return cls(similarity, blank, dark, np.zeros(shape))

    def put(
        self, place: tuple[int, int, int], original: Array, new: Array, channel: int | None
    ) -> None:
        """Compare two attributions of one item."""
        for name, value in similarities(original, new, channel).items():
            self.similarity[name][place] = value
        self.blank[place], self.dark[place] = not new.any(), not original.any()
        both = magnitude(original, channel) + magnitude(new, channel)
        self.silent[place] = np.mean(both == 0)


def _varies(a: Array) -> bool:
    size = np.abs(a)
    return bool(np.isfinite(a).all() and size.min() < size.max())
