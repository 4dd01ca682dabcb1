"""Where the relevance of a unit went: to the input, to biases and constants, or nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from retrograph.methods import METHODS
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.results.attribution import Attribution
from retrograph.runtime import Array

_SMALL = 1e-3
_OTHERS = "biases, constants and other inputs"


@dataclass(frozen=True)
class Balance:
    """The relevance of one unit by one method.

    Attributes:
        method: its name.
        place: which of the explained units.
        start: the relevance of the unit.
        inputs: how much of it reached the input.
        biases: how much fell to biases, and to what else does not depend on the explained input.
        beside: what that is, in words.
    """

    method: str
    place: int
    start: float
    inputs: float
    biases: float
    beside: str = "biases and constants"

    @property
    def lost(self) -> float:
        """What no layer handed on."""
        return self.start - self.inputs - self.biases

    def record(self) -> dict[str, float]:
        """For a program."""
        return {"start": self.start, "inputs": self.inputs, "biases": self.biases}

    def __str__(self) -> str:
        parts = [f"{self.inputs:.4g} of {self.start:.4g} in the input"]
        if abs(self.biases) > _SMALL * abs(self.start):
            parts.append(f"{self.biases:.4g} in {self.beside}")
        if abs(self.lost) > _SMALL * max(map(abs, (self.start, self.inputs, self.biases))):
            parts.append(f"{self.lost:.4g} lost")
        return f"relevance by {self.method}: {', '.join(parts)}"


def balances(
    found: Mapping[str, Attribution], row: int, inputs: Collection[str]
) -> tuple[Balance, ...]:
    """Those of an item, for each method of relevance and each unit.

    Args:
        found: by the methods' names.
        row: of the batch.
        inputs: the model's, also those that are not explained.
    """
    return tuple(
        balance if each.attributions.keys() >= {*inputs} else replace(balance, beside=_OTHERS)
        for name, each in found.items()
        if each.bias_relevance is not None
        for balance in _of(name, each, each.bias_relevance, row)
    )


def _of(name: str, found: Attribution, biases: Array, row: int) -> Iterator[Balance]:
    method = METHODS[name]
    assert isinstance(method, RelevanceMethod)
    kept, scores = biases[row].reshape(-1), found.score[row].reshape(-1)
    inputs = [a[row].reshape(len(kept), -1).sum(1, np.float64) for a in found.attributions.values()]
    for k, (score, whole, bias) in enumerate(zip(scores, sum(inputs), kept, strict=True)):
        yield Balance(name, k, method.begins_with(float(score)), float(whole), float(bias))
