"""A source model, loaded once: its layers, and the graphs that are built from it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TypeAlias

from onnx import ModelProto, helper

from retrograph._version import __version__
from retrograph.backward import Request, build_backward, check_support, route_facts
from retrograph.contract import STRICT, Contract
from retrograph.errors import InputError
from retrograph.heads import Heads, find_heads
from retrograph.heads.fixed_shapes import fixed_graph, is_fixed, sized
from retrograph.ir.analysis.batch_axis import follow_batch, keeps_rows_apart
from retrograph.ir.analysis.nonfinite_weights import nonfinite_weights
from retrograph.ir.analysis.shape_inference import declared_shape
from retrograph.ir.analysis.untyped_outputs import guess_types
from retrograph.ir.analysis.zipped_labels import zipped_labels
from retrograph.ir.builder import DEVICES
from retrograph.ir.graph import DType, Graph, Shape, Tensor
from retrograph.ir.io.load import load
from retrograph.ir.io.runtime_releases import need
from retrograph.ir.io.store import new_files, runnable, save
from retrograph.ir.io.validate import blaming_damage
from retrograph.ir.passes import to_float16
from retrograph.ir.passes.batch_opening.opened import with_open_batch
from retrograph.ir.passes.canonicalize import canonicalize
from retrograph.ir.patterns.straight_through import without_straight_through
from retrograph.keywords import chosen
from retrograph.labels import labels_in_metadata
from retrograph.layers import Layers, find_layer, layers
from retrograph.methods import Method, method_named
from retrograph.preprocess import (
    InputAxes,
    Preprocessing,
    axes_by_size,
    input_axes,
    of_bytes,
    recipe_in_metadata,
)
from retrograph.report import Report, RouteFacts
from retrograph.scores import Scores, find_scores, flat_notes
from retrograph.selector import KINDS, target_of
from retrograph.sources import (
    axis_letters,
    check_items_lead,
    inner_facts,
    inner_notes,
    inputs_of,
    origins,
    sources_of,
)

SCORES = "scores"
"""The alias of the class scores, whatever operator makes them."""

_OPENED = "the source model's batch is fixed at {}; any number of items can be run here"


class Model:
    """A source model in canonical form.

    Args:
        model: a path to an .onnx file, or a model in memory.

    Attributes:
        file: the path as it was given; None for a model in memory.
        proto: the model as ONNX has it.
        properties: its metadata.
        lock: held by a thread that makes something of a model which others use at the same time:
            what is found out about it is remembered.

    Raises:
        InputError: it cannot be read.
    """

    def __init__(self, model: str | os.PathLike[str] | ModelProto) -> None:
        if not isinstance(model, (str, os.PathLike, ModelProto)):
            raise InputError(
                f"a model is the path of an .onnx file or an onnx.ModelProto, not {model!r:.60}"
            )
        self.file = None if isinstance(model, ModelProto) else os.fspath(model)
        self.proto, self._digest = load(model if isinstance(model, ModelProto) else Path(model))
        self.name = Path(self.file).name if self.file else self.proto.graph.name or "model"
        self.properties = {p.key: p.value for p in self.proto.metadata_props}
        self._axes: dict[str, InputAxes] = {}
        self.lock = RLock()

    def __repr__(self) -> str:
        return f"<Model {self.name}>"

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file, and of the files that hold its weights."""
        return self._digest()

    @cached_property
    def graph(self) -> Graph:
        """The canonical graph.

        Raises:
            InputError: the graph is damaged.
            UnsupportedError: it has operators in forms that cannot be brought to a modern one.
        """
        with blaming_damage(self.proto):
            graph = canonicalize(self.proto)
            guess_types(graph)
            return graph

    @property
    def contract(self) -> Contract | None:
        """What the graph says of itself, if retrograph has built it."""
        return Contract.from_properties(self.properties)

    @property
    def inputs(self) -> list[Tensor]:
        """The floating-point inputs, and those of whole numbers that floating point stands for."""
        found = [self.graph.tensor(v.name) for v in self.graph.inputs]
        return [t for t in found if t is not None and t.is_float]

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names that the file carries: in its metadata, or in a ZipMap."""
        return labels_in_metadata(self.properties) or zipped_labels(self.proto)

    def preprocessing(self, name: str) -> Preprocessing | None:
        """How pictures become an input, as far as the file says so; None where it does not.

        Args:
            name: of the input; one of bytes takes pictures as they are.
        """
        if self.contract is not None:
            text = self.contract.preprocessing
            return Preprocessing.from_json(text) if text else None
        return recipe_in_metadata(self.properties) or of_bytes(self.taken(name))

    @property
    def stores_preprocessing(self) -> bool:
        """Whether the file's metadata say how pictures become the input."""
        return self.contract is not None or recipe_in_metadata(self.properties) is not None

    def layers(self) -> Layers:
        """Every explainable tensor, in order, with its alias."""
        with blaming_damage(self.proto):
            return layers(self.graph, self._origins)

    def target(self, name: str | None) -> str:
        """The tensor to explain, by alias or name; the class scores for None or "scores".

        Raises:
            InputError: there is no such layer, or no layer depends on an input.
        """
        if not self._origins:
            raise InputError(
                "the model has no floating-point input, nor whole numbers that it casts to "
                "floating point itself, so there is no gradient; export it with the picture as "
                "floating point"
            )
        if name is None or (name == SCORES and self.graph.tensor(name) is None):
            return self.scores.target
        return find_layer(self.graph, self._origins, name)

    def taken(self, name: str) -> DType:
        """The element type that the file takes for an input."""
        entry = self.graph.entries.get(name)
        return self.tensor(name).dtype if entry is None else entry.dtype

    def axes(self, name: str) -> InputAxes:
        """What the axes of an input count.

        Of [N, C, H, W] and [N, H, W, C] the number of channels tells, 1 or 3; else the graph.
        """
        if name not in self._axes:
            by_size = axes_by_size(declared_shape(self.proto, name))
            is_sure = by_size.takes_pictures and len(by_size.shape) == 4
            self._axes[name] = by_size if is_sure else self._axes_in_graph(name)
        return self._axes[name]

    def _axes_in_graph(self, name: str) -> InputAxes:
        with suppress(InputError), blaming_damage(self.proto):
            target = self.contract.target if self.contract else self.target(None)
            return input_axes(self.graph, name, target)
        with blaming_damage(self.proto):
            return input_axes(self.graph, name, None)

    @cached_property
    def scores(self) -> Scores:
        """What is explained if no layer is named.

        Raises:
            InputError: no output depends on an input, or nodes that cannot be treated cut them off.
        """
        with blaming_damage(self.proto):
            return find_scores(self.graph, self._origins)

    def heads(self, size: Sequence[int] = (), labels: int | None = None) -> Heads:
        """What the outputs are: boxes, maps or classes, and the logits behind them.

        Args:
            size: height and width of the first input, where the file leaves them open.
            labels: how many class names there are; as many as the file carries if None.

        Raises:
            InputError: the graph is damaged or a built one, or has no floating-point input.
        """
        self._check_source()
        names = self._origins or [self.target(None)]  # raises: nothing can be explained
        count = len(self.labels) if labels is None else labels
        shape, frame = sized(self.axes(names[0]), size)
        with blaming_damage(self.proto):
            is_open = not is_fixed(self.graph)
            graph = fixed_graph(self.proto, {names[0]: shape}) if is_open else self.graph
            return find_heads(graph, names, frame, self._scores_or_none, count or None)

    def _check_source(self) -> None:
        if self.contract is not None:
            raise InputError(
                "the model is a graph that retrograph has built; give its source model"
            )

    @property
    def _scores_or_none(self) -> Scores | None:
        with suppress(InputError):
            return self.scores
        return None

    def tensor(self, name: str) -> Tensor:
        """A tensor of the graph."""
        tensor = self.graph.tensor(name)
        assert tensor is not None
        return tensor

    def item(self, name: str) -> Shape:
        """The shape of one item of a tensor; () where its rank is not known."""
        found = target_of(self.graph, follow_batch(self.graph), name, self._origins[0])
        return () if found is None else found.item

    def request(
        self,
        *,
        method: str | Method = "guided",
        layer: str | None = None,
        select: str = "top",
        many: bool = False,
        wrt: str | Sequence[str] | None = None,
        device: str = "cpu",
        outputs: bool = True,
        precision: str = "float32",
        straight_through: bool = True,
        open_batch: bool = False,
    ) -> Request:
        """What is to be built, names resolved.

        Raises:
            InputError: an unknown method, layer, input, kind of choice, device or precision, or
                the model cannot be computed in that precision.
            UnsupportedError: nodes keep the batch, which is to be opened, at its size.
        """
        self._check_source()
        kind = chosen("select", select, KINDS)
        suited = chosen("device", device, DEVICES)
        computed = chosen("precision", precision, to_float16.PRECISIONS)
        tensor = self.target(layer)
        sources = sources_of(self.graph, tensor, wrt)
        graph = self.graph if straight_through else without_straight_through(self.graph)
        source_batch = 0
        if open_batch:
            ends = graph.output_names() if outputs else ()
            with blaming_damage(self.proto):
                graph, source_batch = with_open_batch(graph, tensor, ends)
            check_items_lead(graph, sources)
        return Request(
            graph=to_float16.halved(graph, tensor) if computed == "float16" else graph,
            sources=sources,
            target=tensor,
            method=method_named(method).resolved(self.target),
            select=kind,
            many=many,
            device=suited,
            outputs=outputs,
            precision=computed,
            straight_through=straight_through,
            source_batch=source_batch,
            notes=(
                *self._notes(tensor),
                *inner_notes(self.graph, sources),
                *([_OPENED.format(source_batch)] if source_batch else []),
            ),
        )

    def route_facts(self, request: Request) -> RouteFacts:
        """What lies between layer and inputs, whatever the method: quicker than a report."""
        with blaming_damage(self.proto):
            return route_facts(request)

    def report(self, request: Request) -> Report:
        """What stands in the way of a request, and what a user should know of it."""
        with blaming_damage(self.proto):
            return check_support(request)

    def nonfinite_weights(self, target: str) -> str:
        """Which weights that a tensor is computed of are no numbers, in words; "" for none."""
        return nonfinite_weights(self.graph, target)

    def keeps_rows_apart(self, target: str) -> bool:
        """Whether what an item gives is surely the same whatever the others of its batch are."""
        contract = self.contract
        added = (*contract.added, contract.bias_relevance) if contract else ()
        with blaming_damage(self.proto):
            own = [name for name in self.graph.output_names() if name not in added]
            return keeps_rows_apart(self.graph, target, own)

    def build(self, request: Request, preprocessing: str = "") -> ModelProto:
        """The built graph, with its metadata.

        Raises:
            UnsupportedError: nodes on the path cannot be treated.
            InputError: the target does not depend on the inputs.
        """
        with blaming_damage(self.proto):
            model, report = build_backward(request)
        contract = Contract(
            version=__version__,
            method=request.method.name,
            parameters={**report.parameters, **({} if request.straight_through else STRICT)},
            target=request.target,
            alias=self.alias(request.target),
            shape=report.item,
            channel_axis=report.channel_axis,
            select=request.select,
            many=request.many,
            explained=request.sources,
            source_sha256=self.sha256,
            preprocessing=preprocessing,
            labels=self.labels,
            notes=(*report.notes, *([to_float16.NOTE] if request.precision == "float16" else [])),
            precision=request.precision,
            names=report.names,
            onnxruntime=need(model).text,
            axes={
                name: axis_letters(self.graph, self.axes(name), request.target)
                for name in inputs_of(self.graph, request.sources)
            },
            source_batch=request.source_batch,
            **inner_facts(self.graph, request.sources, self.axes),
        )
        kept = {k: v for k, v in self.properties.items() if not k.startswith("retrograph.")}
        helper.set_model_props(model, kept | contract.to_properties())
        model.producer_name, model.producer_version = "retrograph", __version__
        return model

    def alias(self, tensor: str) -> str:
        """The short name of a tensor: "scores" for the class scores, its own if it has none."""
        if self._is_scores(tensor):
            return SCORES
        aliases = (layer.alias for layer in self.layers() if layer.tensor.name == tensor)
        return next(aliases, tensor)

    def _notes(self, target: str) -> tuple[str, ...]:
        """What is to be known of a target, whatever the method."""
        of_scores = self._is_scores(target)
        return self.scores.notes if of_scores else flat_notes(self.graph, self._origins, target)

    def _is_scores(self, tensor: str) -> bool:
        scores = self._scores_or_none
        return scores is not None and tensor == scores.target

    @cached_property
    def _origins(self) -> list[str]:
        return origins(self.graph)


Source: TypeAlias = str | os.PathLike[str] | ModelProto | Model
"""What a model is taken from: a path to an .onnx file, or a model in memory."""


def opened(model: Source) -> Model:
    """The model of a source, read if it is not yet.

    Raises:
        InputError: it cannot be read.
    """
    return model if isinstance(model, Model) else Model(model)


__all__ = ["SCORES", "Model", "Source", "new_files", "opened", "runnable", "save"]
