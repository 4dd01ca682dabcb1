"""What is checked: a model, inputs, a unit for each, and the methods that explain it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from retrograph.errors import InputError
from retrograph.explainer import Explainer
from retrograph.ir.analysis.channel_axis import channel_axis, input_channels
from retrograph.ir.graph import Graph
from retrograph.methods import METHODS, Method, method_named
from retrograph.model import SCORES, Model, Source
from retrograph.preprocess import InputAxes
from retrograph.results.attribution import Attribution
from retrograph.runtime import Array, suited

Arrays = list[Array]
"""Attributions, each in the shape of an item of the input."""

DEFAULT_METHODS = ("gradient", "deconvnet", "guided")


@dataclass(frozen=True)
class Subject:
    """What is checked.

    Attributes:
        model: the source model.
        methods: those that are compared, by name.
        target: the tensor that is explained.
        items: the inputs, each without the batch axis.
        units: int64 [N, r], the unit that is explained of each, chosen on the model as it is.
        device, threads: as in `Explainer`.
    """

    model: Model
    methods: Mapping[str, Method]
    target: str
    items: tuple[Array, ...]
    units: Array
    device: str = "auto"
    threads: int | None = None

    @classmethod
    def of(
        cls,
        model: Source,
        x: Iterable[ArrayLike],
        methods: Sequence[str | Method],
        target: str | None,
        unit: Sequence[int] | None,
        device: str,
        threads: int | None,
    ) -> Subject:
        """The subject that the arguments of a check mean.

        Raises:
            InputError: the model has several inputs, an input does not fit, or there is no such
                method, layer or unit.
            UnsupportedError: the backward graph of a method cannot be built.
        """
        source = model if isinstance(model, Model) else Model(model)
        items = tuple(np.asarray(item) for item in x)
        chosen = {method.name: method for method in map(method_named, methods)}
        if not items or not chosen:
            raise InputError("there is nothing to check; give at least one input and one method")
        if len(source.graph.inputs) > 1:
            names = ", ".join(source.graph.input_names())
            raise InputError(
                f"the sanity checks are for models of one input, and this one has {names}; "
                "export it with the others as constants"
            )
        tensor = source.target(target)
        subject = cls(source, chosen, tensor, items, np.empty((0, 0)), device, threads)
        return replace(subject, units=subject._chosen_units(unit))

    @property
    def alias(self) -> str:
        """The short name of the target."""
        return self.model.alias(self.target)

    @cached_property
    def item(self) -> tuple[int | None, ...]:
        """The shape of one item of the target; None where a dimension is open."""
        request = self.model.request(method="gradient", layer=self.target)
        return self.model.route_facts(request).item

    @property
    def is_classes(self) -> bool:
        """Whether the target is the scores of several classes, of which one is right."""
        several = self.alias == SCORES and sum(d != 1 for d in self.item) == 1
        return several and self.model.scores.exclusive

    @property
    def axes(self) -> InputAxes:
        """What the axes of the input count."""
        return self.model.axes(self.model.inputs[0].name)

    @property
    def batch(self) -> int | None:
        """How many items a run takes; None for any number."""
        return self.axes.fixed_batch

    @cached_property
    def channel(self) -> int | None:
        """The axis of an item of the input that counts channels."""
        axis = input_channels(self.model.graph, self.model.inputs[0])
        return None if axis is None else axis - int(self.axes.batched)

    @cached_property
    def unit_channel(self) -> int:
        """The axis of an item of the target that counts channels."""
        return channel_axis(self.model.graph, self.target, len(self.item))

    @cached_property
    def originals(self) -> dict[str, Arrays]:
        """By method the attributions of the model as it is."""
        return {method: self.maps(self.explainer(method)) for method in self.methods}

    def explainer(self, method: str, graph: Graph | None = None) -> Explainer:
        """A method on the model's graph, or on another one, such as one with other weights."""
        return self._explainer(self.methods[method], "unit", graph)

    def maps(self, explainer: Explainer, units: Array | None = None) -> Arrays:
        """The attributions of all items for the chosen units, or for others [N, r]."""
        chosen = self.units if units is None else units
        pairs = zip(self.items, chosen, strict=True)
        return [self._explained(explainer, item, unit).attribution[0] for item, unit in pairs]

    def _explainer(self, method: Method, select: str, graph: Graph | None = None) -> Explainer:
        request = self.model.request(
            method=method, layer=self.target, select=select, device=suited(self.device)
        )
        if graph is not None:
            request = replace(request, graph=graph)
        built = self.model.build(request)
        return Explainer(built, device=self.device, threads=self.threads)

    def _explained(self, explainer: Explainer, item: Array, unit: Array | None) -> Attribution:
        count = self.batch or 1
        fed = self.axes.feed([item] * count)
        found = explainer.attribute(fed, unit).with_rows(self.axes)
        if len(found.score) != count:
            raise InputError(
                f"a unit of '{self.alias}' sees all of the {count} inputs of a batch; choose a "
                "layer with a batch axis"
            )
        return found

    def _chosen_units(self, unit: Sequence[int] | None) -> Array:
        """The unit of each item, int64 [N, r]."""
        partial = unit is not None and len(unit) < len(self.item)
        select = "top" if unit is None else "channel" if partial else "unit"
        explainer = self._explainer(METHODS["gradient"], select)
        index = None if unit is None else np.asarray(unit, np.int64)
        units = [self._explained(explainer, item, index).unit[0] for item in self.items]
        return np.stack(units)
