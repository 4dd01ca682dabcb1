"""Where the relevance of a unit went: to the input, to biases and constants, or nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from retrograph.contract import Contract
from retrograph.methods import METHODS, Method
from retrograph.methods.relevance.base import RelevanceMethod
from retrograph.results.outputs import GraphOutputs

_SMALL = 1e-3
_OTHERS = "biases, constants and other inputs"


@dataclass(frozen=True)
class Balance:
    """The relevance of one unit by one method.

    Attributes:
        method: its title.
        place: which of the explained units.
        start: the relevance of the unit.
        inputs: how much of it reached the input.
        biases: how much fell to biases, and to what else does not depend on the explained input.
        beside: what that is, in words.
        where: what is explained, in words.
    """

    method: str
    place: int
    start: float
    inputs: float
    biases: float
    beside: str = "biases and constants"
    where: str = "the input"

    @property
    def lost(self) -> float:
        """What no layer handed on."""
        return self.start - self.inputs - self.biases

    def record(self) -> dict[str, float]:
        """For a program."""
        return {"start": self.start, "inputs": self.inputs, "biases": self.biases}

    @property
    def beside_input(self) -> list[tuple[str, float]]:
        """What did not reach the input, where that is not small, each behind where it went."""
        parts = []
        if abs(self.biases) > _SMALL * abs(self.start):
            parts.append((f"in {self.beside}", self.biases))
        if abs(self.lost) > _SMALL * max(map(abs, (self.start, self.inputs, self.biases))):
            parts.append(("lost", self.lost))
        return parts

    def __str__(self) -> str:
        parts = [f"{self.inputs:.4g} of {self.start:.4g} in {self.where}"]
        parts += [f"{part:.4g} {where}" for where, part in self.beside_input]
        return f"relevance by {self.method}: {', '.join(parts)}"


def balances(
    outputs: Mapping[str, GraphOutputs],
    contracts: Mapping[str, Contract],
    row: int,
    inputs: Collection[str],
) -> tuple[Balance, ...]:
    """Those of an item, for each method of relevance and each unit.

    Args:
        outputs: by the methods' titles.
        contracts: of their graphs.
        row: of the batch.
        inputs: the names of the model's inputs, also of those that are not explained.
    """
    return tuple(
        _in_words(balance, contracts[title], inputs)
        for title, each in outputs.items()
        for balance in _of(title, METHODS.get(contracts[title].method), each, row)
    )


def _in_words(balance: Balance, contract: Contract, inputs: Collection[str]) -> Balance:
    """A balance whose parts are called rightly where not all inputs are explained."""
    if contract.inputs:
        return replace(balance, where=" and ".join(f"'{name}'" for name in contract.explained))
    return balance if {*contract.explained} >= {*inputs} else replace(balance, beside=_OTHERS)


def _of(title: str, method: Method | None, outputs: GraphOutputs, row: int) -> Iterator[Balance]:
    if outputs.bias_relevance is None or not isinstance(method, RelevanceMethod):
        return
    biases, scores = outputs.bias_relevance[row].reshape(-1), outputs.score[row].reshape(-1)
    sums = [
        a[row].reshape(len(biases), -1).sum(1, np.float64) for a in outputs.attributions.values()
    ]
    for k, (score, reached, bias) in enumerate(zip(scores, sum(sums), biases, strict=True)):
        start = method.begins_with(float(score))
        yield Balance(title, k, start, float(reached), float(bias))
