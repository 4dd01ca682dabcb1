"""What is the same for every explained input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retrograph.contract import Contract
from retrograph.inputs import InputKind, PreprocessingChoice
from retrograph.output import safe_name
from retrograph.receptive_field import Field
from retrograph.render import style_named
from retrograph.results.unit_names import (
    channel_names,
    describe_unit,
    has_no_positions,
    names_classes,
)
from retrograph.runtime import Array

_LONGEST_METHODS = 100
"""The letters of methods that a file's name has room for."""


@dataclass(frozen=True)
class ExplainContext:
    """What is the same for every input.

    Attributes:
        contracts: of the built graphs, by the titles of their methods, a column each.
        kind: of the input.
        labels: the class names, if known.
        device: where it runs.
        notes: what is to be known of how the question was understood, a line each.
        field: what a unit of the layer sees of the explained input; None where that is not known.
        style: as in `style_named`; None for that of each method.
        several_inputs: whether the model takes more than the explained input.
        preprocessing: how pictures become the input, and how that is known; None where nothing is
            known of it, or the input takes none.
    """

    contracts: Mapping[str, Contract]
    kind: InputKind
    labels: tuple[str, ...]
    device: str
    field: Field | None = None
    style: str | None = None
    notes: tuple[str, ...] = ()
    several_inputs: bool = False
    preprocessing: PreprocessingChoice | None = None

    @property
    def contract(self) -> Contract:
        """The first method's, for what all have in common."""
        return next(iter(self.contracts.values()))

    @property
    def methods(self) -> tuple[str, ...]:
        """The titles of the methods: their names, where no method is there twice."""
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
    def preprocessing_lines(self) -> list[str]:
        """How pictures became the input, in a line for pictures; none where it takes none."""
        return [] if self.preprocessing is None else [self.preprocessing.picture_line]

    @property
    def warnings(self) -> list[str]:
        """What looks wrong, in lines."""
        warning = "" if self.preprocessing is None else self.preprocessing.warning(self.labels)
        return [f"warning: {warning}"] if warning else []

    @property
    def preprocessing_array(self) -> dict[str, Array]:
        """`preprocessing`, the recipe as JSON in an array of a text; empty where there is none."""
        known = self.preprocessing
        return {} if known is None else {"preprocessing": np.array(known.recipe.to_json())}

    @property
    def tag(self) -> str:
        """What the names of files tell of it: layer and methods, of many the first and how many."""
        methods = "-".join(self.methods)
        if len(methods) > _LONGEST_METHODS:
            methods = f"{self.methods[0]}-and-{len(self.methods) - 1}-more"
        return safe_name(f"{self.contract.alias}.{methods}")

    def styled(self, style: str | None) -> ExplainContext:
        """The same, drawn in a style; None leaves it as it is.

        Raises:
            InputError: there is no such style.
        """
        if style is None:
            return self
        style_named(style)
        return replace(self, style=style)

    def unit(self, index: Sequence[int]) -> str:
        """A unit in words."""
        axis = self.contract.channel_axis
        if has_no_positions(self.contract.shape, axis):
            index, axis = [index[axis]], 0
        return describe_unit(index, self.channel_names, self.is_class, axis)
