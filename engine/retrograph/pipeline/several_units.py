"""Several units that are named together, and differences of two: "cat,dog,12", "cat-dog"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.pipeline.finder import Finder
from retrograph.pipeline.layer_facts import LayerFacts
from retrograph.pipeline.units import Unit, UnitChoice, parse_unit
from retrograph.results.objective import Found, Objective
from retrograph.results.unit_names import (
    channel_names,
    describe_channel,
    describe_unit,
    has_no_positions,
    names_classes,
)
from retrograph.runtime import Array


@dataclass(frozen=True)
class NamedNumber:
    """A unit, or the difference of two.

    Attributes:
        plus: the unit.
        minus: the one that is subtracted; None where none is.
    """

    plus: UnitChoice
    minus: UnitChoice | None = None


def several_units(
    unit: Unit | None, facts: LayerFacts, labels: Sequence[str]
) -> tuple[NamedNumber, ...] | None:
    """The units and differences that are named; None where it is one unit, or top.

    Args:
        unit: names and numbers with commas, or indices with semicolons; a difference with a hyphen.
        facts: of the layer.
        labels: the class names.

    Raises:
        InputError: one of them is no unit.
    """
    if unit is None or unit == "top":
        return None
    if isinstance(unit, (list, tuple)) and any(isinstance(part, str) for part in unit):
        return _numbers([str(part) for part in unit], facts, labels)
    try:
        _parse(unit, facts, labels)
    except InputError as error:
        parts = _parts(unit)
        if _may_be_an_index(unit, parts, facts):
            if len(parts) in (1, len(facts.shape)):
                raise
            raise InputError(
                f"{error.message}; for several channels put semicolons between them"
            ) from None
        if len(parts) > 1:
            return _numbers(parts, facts, labels)
        difference = _difference(str(unit), facts, labels)
        if difference is None:
            raise _neither(error, str(unit), facts, labels) from None
        return (difference,)
    return None


def _may_be_an_index(unit: Unit, parts: Sequence[str], facts: LayerFacts) -> bool:
    """Whether numbers look like the index of one unit that lacks some, or has some too many."""
    if isinstance(unit, str) and ";" in unit:
        return False
    is_numbers = all(part.lstrip("-").isdecimal() for part in parts)
    return is_numbers and not has_no_positions(facts.shape, facts.channel_axis)


def _parse(unit: Unit, facts: LayerFacts, labels: Sequence[str]) -> UnitChoice:
    return parse_unit(unit, facts.shape, labels, facts.alias, facts.channel_axis)


def _parts(unit: Unit) -> list[str]:
    """What is named, one by one."""
    if isinstance(unit, str):
        return [part.strip() for part in unit.split(";" if ";" in unit else ",") if part.strip()]
    return [str(part) for part in unit] if isinstance(unit, Sequence) else [str(unit)]


def _numbers(
    parts: Sequence[str], facts: LayerFacts, labels: Sequence[str]
) -> tuple[NamedNumber, ...]:
    """Those that are named, each once."""
    found = tuple(_number(part, facts, labels) for part in parts)
    twice = next((part for part, n in zip(parts, found, strict=True) if found.count(n) > 1), None)
    if twice is not None:
        raise InputError(f"{parameter('unit')} names '{twice}' twice; give each unit once")
    return found


def _number(part: str, facts: LayerFacts, labels: Sequence[str]) -> NamedNumber:
    """One that is named.

    Raises:
        InputError: it is no unit, and no difference of two.
    """
    try:
        choice = _parse(part, facts, labels)
    except InputError as error:
        difference = _difference(part, facts, labels)
        if difference is None:
            raise _neither(error, part, facts, labels) from None
        return difference
    if choice.select == "top":
        raise InputError(f"{parameter('unit')} names top among others; give numbers or names")
    return NamedNumber(choice)


def _difference(text: str, facts: LayerFacts, labels: Sequence[str]) -> NamedNumber | None:
    """The difference that a text names; None where it names none, or several."""
    found = []
    for place in (i for i, letter in enumerate(text) if letter == "-" and i):
        try:
            left, right = (
                _parse(part.strip(), facts, labels) for part in (text[:place], text[place + 1 :])
            )
        except InputError:
            continue
        found.append(NamedNumber(left, right))
    if len(found) != 1:
        return None
    (difference,) = found
    if difference.plus == difference.minus:
        raise InputError(
            f"'{text}' is the difference of a unit and itself, which is 0; name two units"
        )
    return difference


def _neither(error: InputError, text: str, facts: LayerFacts, labels: Sequence[str]) -> InputError:
    """Why a text names no unit, and what of it names none where it looks like a difference."""
    parts = [part.strip() for part in text.split("-")]
    if len(parts) != 2 or not all(parts):
        return error
    for part in parts:
        try:
            _parse(part, facts, labels)
        except InputError as reason:
            return InputError(
                f"'{text}' is no unit; as a difference of two: {reason.message}", about="unit"
            )
    return error


@dataclass(frozen=True)
class UnitsFinder(Finder):
    """Gives the units and differences that are named.

    Attributes:
        facts: of the layer.
        numbers: what is named.
        batched: whether the layer has a batch axis.
    """

    facts: LayerFacts | None = None
    numbers: tuple[NamedNumber, ...] = ()
    batched: bool = True

    @property
    def layer(self) -> LayerFacts:
        """What is known of the layer."""
        assert self.facts is not None
        return self.facts

    def tensors(self, frame: Sequence[int]) -> tuple[str, ...]:
        """The layer, where a channel is to be taken where it is most active."""
        choices = [c for n in self.numbers for c in (n.plus, n.minus) if c is not None]
        is_plain = all(choice.select == "unit" for choice in choices)
        return () if is_plain and None not in self.layer.shape else (self.layer.target,)

    @property
    def usual(self) -> tuple[str, str]:
        """The layer, unit by unit; weighted where a difference is among them."""
        return self.layer.target, "cotangent" if self.has_difference else "unit"

    @property
    def question(self) -> str:
        """The layer, and what is named of it."""
        return f"{self.layer.alias} · {', '.join(map(self._words, self.numbers))}"

    @property
    def has_difference(self) -> bool:
        """Whether a difference is among them."""
        return any(number.minus is not None for number in self.numbers)

    @property
    def notes(self) -> tuple[str, ...]:
        """None: they are named."""
        return ()

    def find(self, values: Mapping[str, Array], frame: Sequence[int]) -> Found:
        """The units of an input."""
        value = values.get(self.layer.target)
        sizes = [size or 0 for size in self.layer.shape]
        item = sizes if value is None else [*value.shape[value.ndim - len(sizes) :]]
        shape = (1, *item) if self.batched else tuple(item)
        activations = None if value is None else value.reshape(item)
        return Found(tuple(self._objective(n, shape, item, activations) for n in self.numbers))

    def _objective(
        self,
        number: NamedNumber,
        shape: tuple[int, ...],
        item: Sequence[int],
        activations: Array | None,
    ) -> Objective:
        place = self._place(number.plus, item, activations)
        plain = Objective("", self.layer.target, shape, place=place)
        if self.usual[1] == "unit":
            return plain
        weights = np.zeros(int(np.prod(shape)))
        weights[place] = 1
        weighted = replace(plain, place=None, weights=weights.reshape(shape))
        if number.minus is None:
            return weighted
        subtracted = self._place(number.minus, item, activations)
        weights[subtracted] -= 1
        names = [self._words_of(choice) for choice in (number.plus, number.minus)]
        indices = [[int(i) for i in np.unravel_index(p, item)] for p in (place, subtracted)]
        return replace(
            weighted,
            name=self._words(number),
            where=f"difference of two units of {self.layer.alias}",
            units=tuple((n, tuple(index)) for n, index in zip(names, indices, strict=True)),
            values=() if activations is None else _read(activations, (place, subtracted)),
            record={"difference": names},
        )

    def _place(self, choice: UnitChoice, item: Sequence[int], activations: Array | None) -> int:
        """The unit's place in an item; of a channel where it is most active."""
        assert choice.index is not None
        if choice.select == "unit":
            return int(np.ravel_multi_index(choice.index, item))
        assert activations is not None
        places = np.moveaxis(np.arange(activations.size).reshape(item), self.layer.channel_axis, 0)
        inside = places[choice.index[0]].reshape(-1)
        return int(inside[activations.reshape(-1)[inside].argmax()])

    def _words(self, number: NamedNumber) -> str:
        """A unit or a difference in words."""
        second = "" if number.minus is None else f" minus {self._words_of(number.minus)}"
        return self._words_of(number.plus) + second

    def _words_of(self, choice: UnitChoice) -> str:
        facts = self.layer
        assert choice.index is not None
        names = channel_names(self.labels, facts.shape, facts.alias, facts.channel_axis)
        if choice.select == "channel":
            return describe_channel(choice.index[0], names)
        is_class = names_classes(self.labels, facts.shape, facts.channel_axis)
        return describe_unit(choice.index, names, is_class, facts.channel_axis)


def _read(activations: Array, places: Sequence[int]) -> tuple[float, ...]:
    """The activations at places in row-major order."""
    return tuple(float(activations.reshape(-1)[place]) for place in places)
