"""Model parameter randomisation: does an attribution depend on the weights?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from retrograph.errors import InputError
from retrograph.ir.compose.randomise_weights import Weights, redrawn, weights_on, with_weights
from retrograph.ir.graph import Graph
from retrograph.ir.path import path
from retrograph.keywords import chosen
from retrograph.runtime import Array
from retrograph.sanity_checks.similarity import Comparison
from retrograph.sanity_checks.subject import Subject
from retrograph.vjp.engine.walk import blocked

Order = Literal["cascading", "independent"]
ORDERS: tuple[Order, ...] = get_args(Order)

Progress = Callable[[str], None]
"""Told in words what is being done."""


@dataclass(frozen=True)
class Randomisation:
    """How alike attributions stay when weights are drawn anew.

    Attributes:
        methods: their names.
        order: cascading, each stage on top of those before it; or independent, each alone.
        stages: the layers that are drawn anew at each stage, by alias, from the target down.
        comparison: [methods, stages, N] with the attributions of the model as it is.
        notes: what stayed as it is.
    """

    methods: tuple[str, ...]
    order: Order
    stages: tuple[tuple[str, ...], ...]
    comparison: Comparison
    notes: tuple[str, ...]

    @property
    def similarity(self) -> dict[str, Array]:
        """By measure (`similarity.MEASURES`) [methods, stages, N]."""
        return self.comparison.similarity


def randomise(
    subject: Subject, order: Order, stages: int, seed: int, progress: Progress
) -> Randomisation:
    """As `checks.randomisation`."""
    chosen("order", order, ORDERS)
    weights = _weights(subject)
    groups = _stages(len(weights.layers), stages)
    progress("attributions of the model as it is")
    originals = subject.originals
    found = Comparison.empty(len(subject.methods), len(groups), len(subject.items))
    for i, graph in enumerate(_graphs(subject, weights, groups, order, seed)):
        for j, method in enumerate(subject.methods):
            progress(f"randomisation: stage {i + 1} of {len(groups)}, {method}")
            for n, new in enumerate(subject.maps(subject.explainer(method, graph))):
                found.put((j, i, n), originals[method][n], new, subject.channel)
    aliases = {layer.tensor.name: layer.alias for layer in subject.model.layers()}
    names = [aliases.get(layer.tensor, layer.tensor) for layer in weights.layers]
    return Randomisation(
        methods=tuple(subject.methods),
        order=order,
        stages=tuple(tuple(names[i] for i in group) for group in groups),
        comparison=found,
        notes=tuple(f"not drawn anew: {reason}" for reason in weights.kept),
    )


def _weights(subject: Subject) -> Weights:
    graph = subject.model.graph
    sources = [subject.model.inputs[0].name]
    weights = weights_on(graph, path(graph, sources, [subject.target], blocked(graph).keys()))
    if not weights.layers:
        raise InputError(
            f"no layer with weights lies between '{subject.alias}' and the input, so there is "
            "nothing to draw anew; leave the check randomisation out"
        )
    return weights


def _stages(layers: int, stages: int) -> list[Sequence[int]]:
    """The layers' numbers in so many groups of neighbours at most, as even as can be."""
    return [part.tolist() for part in np.array_split(np.arange(layers), min(stages, layers))]


def _graphs(
    subject: Subject, weights: Weights, groups: list[Sequence[int]], order: Order, seed: int
) -> list[Graph]:
    """The graph of each stage. A layer's weights are the same in every stage and order."""
    original = graph = subject.model.graph
    graphs = []
    for group in groups:
        graph = graph if order == "cascading" else original
        for i in group:
            rng = np.random.default_rng([seed, i])
            graph = with_weights(graph, redrawn(original, weights.layers[i], rng))
        graphs.append(graph)
    return graphs
