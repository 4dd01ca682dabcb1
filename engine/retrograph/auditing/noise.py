"""How far two correct files may be apart: what the last bit of the input moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrograph.auditing.activations import Activations, Feeds
from retrograph.auditing.axes import relative_error
from retrograph.auditing.told import quiet
from retrograph.inputs.loader import Progress
from retrograph.runtime import Array

LEAST = 3e-5
"""The least tolerance of float32: what other orders of summing move."""

_TIMES = 20.0


def moved_by_a_bit(feeds: Feeds) -> Feeds:
    """The same runs with each floating-point input at the next number above."""
    return [
        {
            name: np.nextafter(value, np.inf, dtype=value.dtype)
            if value.dtype.kind == "f"
            else value
            for name, value in run.items()
        }
        for run in feeds
    ]


def moved_by_half_a_step(feeds: Feeds, step: float) -> Feeds:
    """The same runs with each floating-point input as it might be rounded.

    Args:
        feeds: for each run.
        step: of the rounding, as a part of an input's largest value.
    """
    rng = np.random.default_rng(0)
    return [{name: _rounded(value, step, rng) for name, value in run.items()} for run in feeds]


def _rounded(value: Array, step: float, rng: np.random.Generator) -> Array:
    if value.dtype.kind != "f" or not value.size:
        return value
    half = step * float(np.abs(value).max()) / 2
    moved: Array = (value + rng.uniform(-half, half, value.shape)).astype(value.dtype)
    return moved


def tolerances(
    activations: Activations,
    names: Sequence[str],
    given: float | None,
    told: Progress = quiet,
) -> dict[str, float]:
    """By each tensor the relative error that is noise.

    Args:
        activations: of A.
        names: of its tensors.
        given: one tolerance for all; by each tensor's own effect of a last bit if None.
        told: takes how many are done, and of how many.
    """
    if given is not None:
        return dict.fromkeys(names, given)
    moved = Activations(
        activations.network, moved_by_a_bit(activations.feeds), threads=activations.threads
    )
    found: dict[str, float] = {}
    for group in activations.batches([*names]):
        before, after = activations.values(group), moved.values(group)
        for name in group:
            effect = relative_error(before[name], after[name])
            found[name] = max(LEAST, _TIMES * effect) if np.isfinite(effect) else LEAST
        told(len(found), len(names))
    return found


def least(found: Mapping[str, float], names: Sequence[str]) -> float:
    """The largest tolerance of some tensors."""
    return max((found[name] for name in names), default=LEAST)
