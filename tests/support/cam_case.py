"""Class activation maps by their formulas in NumPy."""

from __future__ import annotations

import numpy as np

from support.graphs import Array


def linear(a: Array, sizes: tuple[int, ...]) -> Array:
    """Enlarged between the centres of the places, held at the border."""
    for axis, size in enumerate(sizes, 2):
        at = np.clip((np.arange(size) + 0.5) * a.shape[axis] / size - 0.5, 0, a.shape[axis] - 1)
        low = np.minimum(at.astype(int), max(a.shape[axis] - 2, 0))
        high = np.minimum(low + 1, a.shape[axis] - 1)
        share = (at - low).reshape(-1, *[1] * (a.ndim - 1 - axis))
        a = (1 - share) * a.take(low, axis) + share * a.take(high, axis)
    return a


def class_activation_map(method: str, a: Array, g: Array) -> Array:
    """A class activation map by its formula."""
    if method == "grad-cam":
        weights = g.mean((2, 3), keepdims=True)
    elif method == "layer-cam":
        weights = np.maximum(g, 0)
    else:
        below = 2 * g**2 + g**3 * a.sum((2, 3), keepdims=True) + 1e-6
        weights = (g**2 / below * np.maximum(g, 0)).sum((2, 3), keepdims=True)
    return np.maximum((weights * a).sum(1, keepdims=True), 0)
