"""What is known of a layer before a graph is built, and the unit that is chosen in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from retrograph.errors import InputError, parameter
from retrograph.model import Model
from retrograph.pipeline.settings import USUAL, WITHOUT_RELU, ExplainSettings, Question
from retrograph.pipeline.units import UnitChoice, parse_unit
from retrograph.sources import inputs_of


@dataclass(frozen=True)
class LayerFacts:
    """What is known of the layer that is explained, without a graph being built.

    Attributes:
        target: the tensor.
        alias: its short name.
        shape: of one item of it; None where a dimension is open.
        channel_axis: the axis of an item that counts channels.
        sources: the inputs that are explained if none is named.
        shown: the model's input that is shown: the first explained one, or that of a tensor.
        has_relu: whether a rule for ReLUs is not refused: one lies between them and the layer, or
            elsewhere in the model and no other activation on the way.
    """

    target: str
    alias: str
    shape: tuple[int | None, ...]
    channel_axis: int
    sources: tuple[str, ...]
    shown: str
    has_relu: bool

    @property
    def usual(self) -> str:
        """The method, if none is asked for."""
        return USUAL if self.has_relu else WITHOUT_RELU


def layer_facts(model: Model, settings: ExplainSettings) -> LayerFacts:
    """What is known of the layer that is explained.

    Raises:
        InputError: there is no such layer or input.
    """
    if (c := model.contract) is not None:
        return LayerFacts(c.target, c.alias, c.shape, c.channel_axis, c.explained, c.shown, True)
    request = model.request(
        method="gradient", layer=settings.question.layer, wrt=settings.question.wrt
    )
    route = model.route_facts(request)
    alias = model.alias(request.target)
    return LayerFacts(
        target=request.target,
        alias=alias,
        shape=route.item,
        channel_axis=route.channel_axis,
        sources=request.sources,
        shown=inputs_of(model.graph, request.sources)[0],
        has_relu=bool(route.relu or (request.graph.relu_like and not route.smooth)),
    )


def choose_unit(facts: LayerFacts, question: Question, labels: Sequence[str]) -> UnitChoice:
    """How the unit that is asked for is chosen.

    Raises:
        InputError: there is no such unit.
    """
    is_class = question.aim.class_ is not None
    wanted, name = (question.aim.class_, "class_") if is_class else (question.unit, "unit")
    choice = parse_unit(wanted, facts.shape, labels, facts.alias, facts.channel_axis, name)
    if question.top > 1 and choice.select != "top":
        raise InputError(
            f"{parameter('top', 'N')} explains the N most active units; leave {parameter(name)} out"
        )
    sizes = [size for size in facts.shape if size is not None]
    if len(sizes) == len(facts.shape) and question.top > math.prod(sizes):
        raise InputError(
            f"{parameter('top', question.top)} is more than the layer's {math.prod(sizes)} units; "
            "give a smaller number"
        )
    return choice
