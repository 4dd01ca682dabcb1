"""What finds the numbers that are asked for, and the session that explains them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

from retrograph.errors import InputError, parameter
from retrograph.heads import Heads, MapHead, map_of_layer
from retrograph.heads.fixed_shapes import is_fixed, sized
from retrograph.heads.maps_and_classes import ClassHead
from retrograph.heads.selection import is_selecting
from retrograph.ir.graph import Graph
from retrograph.methods import METHODS
from retrograph.model import Model
from retrograph.pipeline.boxes import BoxFinder
from retrograph.pipeline.distinct_channels import ChannelFinder
from retrograph.pipeline.finder import Finder
from retrograph.pipeline.layer_facts import LayerFacts
from retrograph.pipeline.objective_session import (
    Explainers,
    ForwardPass,
    LayerExplainers,
    ObjectiveSession,
)
from retrograph.pipeline.regions import RegionFinder
from retrograph.pipeline.session import ExplainSession
from retrograph.pipeline.settings import Question, Running
from retrograph.pipeline.several_units import UnitsFinder, several_units
from retrograph.results.unit_names import has_no_positions

_PLAIN_RANK = 2
"""The axes of an output of classes."""


def finder_for(
    model: Model, question: Question, labels: tuple[str, ...], facts: LayerFacts
) -> Finder | None:
    """What finds the numbers that are asked for; None where a unit is chosen by its index.

    Args:
        model: the source model, or a graph that retrograph has built.
        question: what is asked.
        labels: the class names.
        facts: of the layer that would be explained.

    Raises:
        InputError: what is asked does not go together, or with the model.
    """
    aim = question.aim
    is_top = question.unit in (None, "top")
    if not aim.is_open:
        _check_goes_together(model, question)
    if model.contract is not None:
        return None
    heads, any_size = HeadsBySize(model, len(labels) or None), _graph_of_any_size(model)
    numbers = several_units(question.unit, facts, labels)
    if numbers is not None:
        rank = model.tensor(facts.target).rank
        top, batched = len(numbers), rank == len(facts.shape) + 1
        return UnitsFinder(labels, heads, top, facts, numbers, batched, any_size=any_size)
    if not is_top:
        return None
    if question.layer is not None:
        if aim.is_open:
            return _distinct_channels(question, heads, labels, facts, any_size)
        return RegionFinder(labels, heads.of_layer(facts.target), question.top, aim)
    if aim.is_open and not _may_have_boxes(model):
        return _distinct_channels(question, heads, labels, facts, any_size)
    return _of_outputs(question, heads, labels, facts, any_size)


def _graph_of_any_size(model: Model) -> Graph | None:
    """The graph itself where its first input of numbers has no height and width."""
    first = next((tensor.name for tensor in model.inputs if tensor.is_float), None)
    return None if first is None or sized(model.axes(first))[1] else model.graph


def _check_goes_together(model: Model, question: Question) -> None:
    """Raises InputError where outputs are asked of a built graph, or beside a unit or a layer."""
    asked = question.aim.asked
    if model.contract is not None:
        raise InputError(
            f"{asked}: what a graph explains that is built already is fixed; give its source model"
        )
    if question.unit not in (None, "top"):
        raise InputError(
            f"{asked} and {parameter('unit')} name what is explained; give one of both"
        )
    for name in ("box", "what", "head"):
        if question.layer is not None and getattr(question.aim, name) is not None:
            raise InputError(
                f"{parameter(name)} is for the model's outputs; leave {parameter('layer')} out"
            )


def _of_outputs(
    question: Question,
    heads: HeadsBySize,
    labels: tuple[str, ...],
    facts: LayerFacts,
    any_size: Graph | None,
) -> Finder | None:
    aim, found = question.aim, heads(())
    asks_boxes = aim.box is not None or aim.what is not None
    is_map = isinstance(aim.head, MapHead) or (found.boxes is None and found.map is not None)
    if aim.over is not None or (is_map and not asks_boxes and not aim.is_open):
        return RegionFinder(labels, heads, question.top, aim)
    if found.boxes is not None or asks_boxes or aim.at is not None or aim.head is not None:
        return BoxFinder(labels, heads, question.top, aim)
    if aim.class_ is not None:
        return None
    return _distinct_channels(question, heads, labels, facts, any_size)


def _distinct_channels(
    question: Question,
    heads: HeadsBySize,
    labels: tuple[str, ...],
    facts: LayerFacts,
    any_size: Graph | None,
) -> Finder | None:
    """The most active channels instead of units, where a layer has positions."""
    if question.top == 1 or has_no_positions(facts.shape, facts.channel_axis):
        return None
    channels = facts.shape[facts.channel_axis]
    if channels == 1:
        return None
    if channels is not None and question.top > channels:
        raise InputError(
            f"{parameter('top', question.top)} is more than the {channels} channels of "
            f"'{facts.alias}'; give a smaller number"
        )
    rank, axis = len(facts.shape), facts.channel_axis
    return ChannelFinder(labels, heads, question.top, facts.target, rank, axis, any_size=any_size)


def _may_have_boxes(model: Model) -> bool:
    """Whether it is worth asking what the outputs are: of fixed sizes, of many axes, selected."""
    graph = model.graph
    tensors = [graph.tensor(name) for name in graph.output_names()]
    ranks = [None if tensor is None else tensor.rank for tensor in tensors]
    return (
        is_fixed(graph)
        or any(rank is None or rank > _PLAIN_RANK for rank in ranks)
        or any(map(is_selecting, graph.nodes))
    )


class HeadsBySize:
    """The layout of a model's outputs for each size of its input.

    Args:
        model: the source model.
        labels: how many class names there are.
        layer: the one whose map is explained instead of the outputs; None for these.
    """

    def __init__(self, model: Model, labels: int | None, layer: str | None = None) -> None:
        self._model, self._labels, self._layer = model, labels, layer
        self._known: dict[tuple[int, ...], Heads] = {}

    def __call__(self, frame: Sequence[int]) -> Heads:
        """The layout for a height and width; () for the usual ones."""
        size = () if is_fixed(self._model.graph) else tuple(frame)
        if size not in self._known:
            heads = self._model.heads(size, self._labels)
            self._known[size] = heads if self._layer is None else map_of_layer(heads, self._layer)
        return self._known[size]

    def of_layer(self, layer: str) -> HeadsBySize:
        """The same of a layer."""
        return HeadsBySize(self._model, self._labels, layer)


def open_objectives(
    finder: Finder, open_layer: Callable[[str, str, bool], ExplainSession], running: Running
) -> ObjectiveSession:
    """The session that explains what a finder finds.

    Args:
        finder: of what is asked.
        open_layer: gives a session for a layer, for how its unit is chosen, and for whether many
            are explained at once.
        running: where graphs run.
    """
    layer, select = finder.usual
    base = open_layer(layer, select, False)

    def make(layer: str, select: str, many: bool) -> Explainers:
        return open_layer(layer, select, many).explainers

    layers = LayerExplainers(make)
    layers.know(layer, select, base.explainers)
    same = {field.name: getattr(base, field.name) for field in fields(ExplainSession)}
    notes = (*base.context.notes, *_difference_notes(finder, base))
    return ObjectiveSession(
        **{**same, "reference": None, "top": 1, "context": replace(base.context, notes=notes)},
        finder=finder,
        forward=ForwardPass(running.device, running.threads_each),
        layers=layers,
    )


def _difference_notes(finder: Finder, session: ExplainSession) -> list[str]:
    """A line where methods lose what speaks for the second of two units."""
    if not (isinstance(finder, UnitsFinder) and finder.has_difference):
        return []
    names = {title: c.method for title, c in session.context.contracts.items()}
    losing = [t for t, name in names.items() if name in METHODS and METHODS[name].keeps_positive]
    if not losing:
        return []
    return [
        f"{', '.join(losing)}: a ReLU passes nothing negative, so that right behind one the second "
        f"unit of a difference is lost; {parameter('method', 'gradient')} or a method of relevance "
        "takes both"
    ]


def output_notes(model: Model, question: Question, labels: Sequence[str]) -> tuple[str, ...]:
    """What is to be known of the outputs where one unit of the first is explained."""
    if model.contract is not None or question.layer is not None:
        return ()
    if len(model.graph.output_names()) == 1 and not _may_have_boxes(model):
        return ()
    heads = model.heads((), len(labels) or None)
    notes = []
    if question.unit in (None, "top") and len(heads) and isinstance(heads.heads[0], MapHead):
        notes.append(
            "one position of a map is explained; "
            f"{parameter('class_', 'NAME')} sums a class over its pixels, "
            f"{parameter('over', 'X,Y')} takes another"
        )
    if question.unit not in (None, "top") and heads.boxes is not None:
        notes.append(
            f"{parameter('unit')} names a number of the layer, not a box: {parameter('class_')} "
            f"explains the best box of a class, {parameter('box')} one by its number"
        )
    others = [head for head in heads.heads[1:] if isinstance(head, (ClassHead, MapHead))]
    if others and isinstance(heads.heads[0], (ClassHead, MapHead)):
        named = ", ".join(
            f"'{head.output}' ({head.classes} {'classes' if head.name == 'classes' else 'channels'}"
            f": {parameter('layer', _layer_of(head))})"
            for head in others
        )
        first = heads.heads[0]
        notes.append(
            f"the model has {len(heads)} heads; explained is '{first.output}', not {named}"
        )
    return tuple(notes)


def _layer_of(head: ClassHead | MapHead) -> str:
    return head.layer if isinstance(head, ClassHead) else head.table.tensor
