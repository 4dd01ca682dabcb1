"""Whether a file that shares no tensor with another has its layers, with weights of its own."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from retrograph.auditing.amounts import amount
from retrograph.auditing.axes import relative_error
from retrograph.auditing.network import Network
from retrograph.auditing.precision import BFLOAT16, FLOAT16, FLOAT32, Precision, precision_of
from retrograph.auditing.regions import WEIGHTED
from retrograph.runtime import Array

_TRAINED_ON = 0.5
"""Weights that are less than this off were once the other's."""

_TELLS = 16
"""Of so many weights on that all can be rounded by chance no longer."""


@dataclass(frozen=True)
class OtherWeights:
    """Two files of the same layers.

    Attributes:
        count: of the layers with weights.
        least, most: the relative errors of their weights.
    """

    count: int
    least: float
    most: float

    @property
    def text(self) -> str:
        """What that means, as a sentence."""
        off = f"{amount(self.least)} to {amount(self.most)} off"
        if self.least > _TRAINED_ON:
            return f"B has layers like A's {self.count}, with weights of its own ({off})."
        return (
            f"B has A's {self.count} layers with other weights, {off}: it was trained on from A, "
            "or its weights were made less precise."
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


def other_weights(a: Network, b: Network) -> OtherWeights | None:
    """How far the weights of two files are apart; None where their layers are others."""
    ours, theirs = weights_of(a), weights_of(b)
    if not ours or len(ours) != len(theirs):
        return None
    errors = []
    for first, second in zip(ours, theirs, strict=True):
        ways = [way for way in (second, second.T) if way.shape == first.shape]
        if not ways:
            return None
        errors.append(min(relative_error(first, way) for way in ways))
    return OtherWeights(len(errors), min(errors), max(errors))


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
