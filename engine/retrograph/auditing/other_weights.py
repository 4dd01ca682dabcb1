"""Whether a file that shares no tensor with another has its layers, with weights of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from retrograph.auditing.activations import Activations
from retrograph.auditing.amounts import amount
from retrograph.auditing.axes import relative_error
from retrograph.auditing.diagnosis.difference import Side
from retrograph.auditing.diagnosis.linear import folded, linear_layers
from retrograph.auditing.network import Network
from retrograph.auditing.precision import BFLOAT16, FLOAT16, FLOAT32, Precision, precision_of
from retrograph.auditing.regions import WEIGHTED
from retrograph.runtime import Array

_TRAINED_ON = 0.5
"""Weights that are less than this off were once the other's."""

_SAME = 2e-6
_SCALED = 2e-5
"""Weights that are less off are the same but for a factor of each channel."""

_ROW = 4
"""Of so many weights a channel that a factor does not explain any others."""

_TELLS = 16
"""Of so many weights on that all can be rounded by chance no longer."""


@dataclass(frozen=True)
class LayerWeights:
    """A layer's weights in two files, each with what is folded into it.

    Attributes:
        error: the relative error of B's.
        scaled_error: the same of B's against A's with each output channel scaled as B's is.
        low, high: the least and the largest of these factors.
    """

    error: float
    scaled_error: float
    low: float
    high: float

    @property
    def is_moved(self) -> bool:
        """Whether they differ at all."""
        return self.error > _SAME


@dataclass(frozen=True)
class OtherWeights:
    """Two files of the same layers.

    Attributes:
        layers: those with weights, in forward order.
    """

    layers: Sequence[LayerWeights]

    @property
    def corresponds(self) -> bool:
        """Whether B's weights were once A's: nearly equal, or scaled by channel."""
        return float(np.median([layer.scaled_error for layer in self.layers])) < _TRAINED_ON

    @property
    def is_everywhere(self) -> bool:
        """Whether most layers have weights that were once A's and are not now."""
        moved = sum(layer.is_moved for layer in self.layers)
        return self.corresponds and 2 * moved > len(self.layers)

    @property
    def text(self) -> str:
        """What that means, as a sentence."""
        count, errors = len(self.layers), [layer.error for layer in self.layers]
        moved = [layer for layer in self.layers if layer.is_moved]
        if not self.corresponds:
            off = f"{amount(min(errors))} to {amount(max(errors))} off"
            return f"B has layers like A's {count}, with weights of its own ({off})."
        if not moved:
            return f"B has A's {count} layers with the same weights: what differs is around them."
        which = f"all {count} layers" if len(moved) == count else f"{len(moved)} of {count} layers"
        if all(layer.scaled_error <= _SCALED for layer in moved):
            low, high = min(layer.low for layer in moved), max(layer.high for layer in moved)
            return (
                f"The weights of {which} are A's scaled by channel, by {low:.4g} to {high:.4g}: "
                "another epsilon or other statistics of BatchNormalization."
            )
        return (
            f"The weights of {which} are A's, moved by at most {amount(max(errors))} in a layer: "
            "B was trained on from A, or its weights were made less precise."
        )


def weights_of(network: Network) -> list[Array]:
    """The constant weights of its layers, [outputs, inputs, *kernel] or a matrix, in order."""
    found = []
    for name in network.points:
        if network.op(name) in WEIGHTED:
            inputs = network.nodes[name].input[1::-1]
            values = [value for each in inputs if (value := network.value(each)) is not None]
            found += [np.asarray(value, np.float32) for value in values[:1] if value.ndim > 1]
    return found


def other_weights(a: Activations, b: Activations) -> OtherWeights | None:
    """How far the weights of two files are apart; None where their layers are others."""
    ours, theirs = [*_folded_weights(a)], [*_folded_weights(b)]
    if not ours or len(ours) != len(theirs):
        return None
    layers = []
    for first, second in zip(ours, theirs, strict=True):
        ways = [way for way in (second, second.T) if way.shape == first.shape]
        if not ways:
            return None
        layers.append(min((_apart(first, way) for way in ways), key=lambda each: each.error))
    return OtherWeights(layers)


def _folded_weights(run: Activations) -> Iterator[Array]:
    """The weights [outputs, inputs, *kernel] of each layer, with what scales it right behind."""
    network = run.network
    for name in network.points:
        if network.op(name) in WEIGHTED:
            side = Side(run, (name, *_line_behind(network, name)), ())
            yield from (folded(side, layer).weight for layer in linear_layers(side)[:1])


def _line_behind(network: Network, name: str) -> Iterator[str]:
    """The tensors behind one, as long as each is read by one node that has no weights."""
    while name not in network.outputs and len(network.children.get(name, ())) == 1:
        (name,) = network.children[name]
        if network.op(name) in WEIGHTED:
            return
        yield name


def _apart(a: Array, b: Array) -> LayerWeights:
    error = relative_error(a, b)
    rows_a, rows_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    if rows_a.shape[1] < _ROW:
        return LayerWeights(error, error, 1.0, 1.0)
    squares = (rows_a * rows_a).sum(1)
    factor = np.maximum((rows_a * rows_b).sum(1), 0) / np.maximum(squares, 1e-30)
    scaled = relative_error(rows_a * factor[:, None], rows_b)
    alive = factor[squares > 0]
    low, high = (float(alive.min()), float(alive.max())) if len(alive) else (1.0, 1.0)
    return LayerWeights(error, min(error, scaled), low, high)


def lesser_precision(a: Network, b: Network) -> Precision:
    """What the less precise of two files computes in; float32 where both compute in the same.

    A file of float32 whose weights were all rounded, where A's are not, counts as what they were
    rounded to.
    """
    ours, theirs = precision_of(a), precision_of(b)
    if ours != theirs:
        return max(ours, theirs, key=lambda precision: precision.tolerance)
    is_rounded = ours is FLOAT32 and rounded_to(a) is FLOAT32
    return rounded_to(b) if is_rounded else FLOAT32


def rounded_to(network: Network) -> Precision:
    """The least precision that holds all weights of a file exactly."""
    weights = [value for value in weights_of(network) if value.size >= _TELLS]
    kinds = ((BFLOAT16, ml_dtypes.bfloat16), (FLOAT16, np.float16))
    for precision, kind in kinds if len(weights) > 1 else ():
        if all(_holds(kind, value) for value in weights):
            return precision
    return FLOAT32


def _holds(kind: type[np.generic], values: Array) -> bool:
    with np.errstate(over="ignore"):
        return bool((values.astype(kind).astype(np.float32) == values).all())
