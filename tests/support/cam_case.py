"""Class activation maps by their formulas in NumPy, and nets whose maps are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


UNIT = 1


HEAD = """
    p = GlobalAveragePool (r)
    f = Flatten (p)
    y = MatMul (f, v)
"""
CONV = "float[4, 3, 3, 3] w, float[4] b, float[4, 5] v"
GREY = "float[4, 1, 3, 3] w, float[4] b, float[4, 5] v"


def net(
    inputs: str, weights: str, body: str, outputs: str = "float[N, 5] y", constants: str = ""
) -> str:
    own = f"{weights}, {constants}" if constants else weights
    return (
        f'<ir_version: 8, opset_import: ["" : 17]>\nnet ({inputs}) => ({outputs})\n<{own}>\n'
        f"{{{body}}}"
    )


def ints(name: str, *values: int) -> str:
    return f"int64[{len(values)}] {name} = {{{', '.join(map(str, values))}}}"


@dataclass(frozen=True)
class Case:
    """A net, and what its map is.

    Attributes:
        text: the net; its unit is that of class UNIT.
        x: the shape of the input.
        layer: the layer to be chosen.
        order: its axes as [N, C, *S].
        sizes: those of the pictures that the map is enlarged to.
        laid: from [N, 1, *sizes] to the attribution.
    """

    text: str
    x: tuple[int, ...]
    layer: str
    order: tuple[int, ...]
    sizes: tuple[int, ...]
    laid: Callable[[Array], Array]


def as_it_is(a: Array) -> Array:
    return a
