"""The numbers that a built graph gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from retrograph.preprocess import InputAxes
from retrograph.runtime import Array

T = TypeVar("T", bound="GraphOutputs")


@dataclass(frozen=True, eq=False, repr=False)
class GraphOutputs:
    """What a built graph gives for a batch of N items (with many: K units an item).

    Attributes:
        attributions: for each explained input [N, *input] ([N, K, *input]).
        score: [N] ([N, K]), the explained units' activations.
        unit: int64 [N, r] ([N, K, r]), the explained units' indices in an item of the layer.
        outputs: the model's own outputs.
        bias_relevance: [N] ([N, K]), by a method of relevance what fell to the biases, and to
            what else does not depend on the explained inputs (a number that pads a border, a token
            that is joined on, another input); attribution and this sum to the score where the
            method conserves. None by other methods.
    """

    attributions: dict[str, Array]
    score: Array
    unit: Array
    outputs: dict[str, Any]
    bias_relevance: Array | None = None

    @property
    def attribution(self) -> Array:
        """The attribution of the only, or the first, explained input."""
        return next(iter(self.attributions.values()))

    def with_rows(self: T, axes: InputAxes) -> T:
        """The same, with a row for the only item where the explained input has no batch axis."""
        rows = {name: axes.rows(values) for name, values in self.attributions.items()}
        return replace(self, attributions=rows)
