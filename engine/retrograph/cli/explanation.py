"""What is known of an explained input, and what is the same for all inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from retrograph.cli.balance import Balance
from retrograph.cli.units import channel_names, describe_unit, names_classes
from retrograph.contract import Contract
from retrograph.output import safe_name
from retrograph.preprocess import Coding, Preprocessing
from retrograph.runtime import Array


@dataclass(frozen=True)
class Scene:
    """What is the same for every input.

    Attributes:
        contracts: of the built graphs, by the methods' names, a column each.
        preprocessing: how a picture becomes the input.
        labels: the class names, if known.
        device: where it runs.
        style: signed, heat or overlay; None for that of each method.
        coding: which channels of the input are which letters, if it is a sequence of letters.
    """

    contracts: Mapping[str, Contract]
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    device: str
    style: str | None
    coding: Coding | None = None

    @property
    def contract(self) -> Contract:
        """The first method's, for what all have in common."""
        return next(iter(self.contracts.values()))

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the methods."""
        return tuple(self.contracts)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The parameters of the methods that have some."""
        return {name: c.parameters for name, c in self.contracts.items() if c.parameters}

    @property
    def is_class(self) -> bool:
        """Whether the units of the layer are the classes."""
        return names_classes(self.labels, self.contract.shape, self.contract.channel_axis)

    @property
    def channel_names(self) -> Sequence[str]:
        """The classes that the channels of the layer score, if they do."""
        contract = self.contract
        return channel_names(self.labels, contract.shape, contract.alias, contract.channel_axis)

    @property
    def tag(self) -> str:
        """What the names of files tell of it: layer and methods."""
        return safe_name(f"{self.contract.alias}.{'-'.join(self.methods)}")

    def unit(self, index: Sequence[int]) -> str:
        """A unit in words."""
        return describe_unit(index, self.channel_names, self.is_class, self.contract.channel_axis)


@dataclass(frozen=True)
class Blank:
    """An attribution that is 0 everywhere.

    Attributes:
        method: by which it was made.
        place: the number of its unit among those that are explained.
        reason: why, and what to do; "" where that is not known.
    """

    method: str
    place: int
    reason: str


@dataclass(frozen=True)
class Explanation:
    """One input and its attributions for K units.

    Attributes:
        name: where it came from.
        shown: the picture that the model sees; None where the input is no picture.
        array: the input.
        attributions: for each method [K, *input].
        scores: [K].
        units: int64 [K, r].
        classes: the model's class scores, if it has any.
        file: what it was written to.
        note: what is to be known of how it was read; "" where there is nothing.
        balances: where relevance went, for each method of relevance and each unit.
        blanks: the attributions that are 0 everywhere.
        rows_joined: whether the array and the attributions are those of a whole batch.
    """

    name: str
    shown: Image.Image | None
    array: Array
    attributions: dict[str, Array]
    scores: Array
    units: Array
    classes: Array | None
    file: str | None = None
    note: str = ""
    balances: tuple[Balance, ...] = ()
    blanks: tuple[Blank, ...] = ()
    rows_joined: bool = False

    def without_arrays(self) -> Explanation:
        """What is printed of it; the arrays of many inputs would fill the memory."""
        return replace(self, attributions={}, array=np.empty(0), shown=None)

    def by_unit(self) -> list[Explanation]:
        """An explanation for each of its units."""
        return [
            replace(
                self,
                attributions={m: a[k : k + 1] for m, a in self.attributions.items()},
                balances=tuple(replace(b, place=0) for b in self.balances if b.place == k),
                blanks=tuple(replace(b, place=0) for b in self.blanks if b.place == k),
                scores=self.scores[k : k + 1],
                units=self.units[k : k + 1],
            )
            for k in range(len(self.units))
        ]
