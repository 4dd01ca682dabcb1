"""A graph built by one call, and an `Explainer` that runs it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from PIL.Image import Image

from retrograph.backward import Request
from retrograph.built import check_parameters, check_unchanged
from retrograph.contract import Contract
from retrograph.errors import InputError, parameter
from retrograph.inputs import fitted_preprocessing, input_kind
from retrograph.inputs.choice import usual_preprocessing
from retrograph.keywords import checked_keywords
from retrograph.methods import Method
from retrograph.model import Model, Source, opened, runnable
from retrograph.preprocess import (
    InputAxes,
    Preprocessing,
    choose_coding,
    choose_sample_rate,
    named_preprocessing,
)
from retrograph.receptive_field import Field
from retrograph.results.attribution import Attribution
from retrograph.results.context import ExplainContext
from retrograph.results.seen import seen_field
from retrograph.results.unit_names import with_other_axes
from retrograph.runtime import TF32, Array, Session, Spec, suited, with_tf32
from retrograph.sources import inputs_of

if TYPE_CHECKING:
    from onnx import ModelProto


@checked_keywords
def build(
    model: Source,
    *,
    method: str | Method = "guided",
    layer: str | None = None,
    select: str = "top",
    many: bool = False,
    wrt: str | Sequence[str] | None = None,
    preprocessing: Preprocessing | str | None = None,
    device: str = "cpu",
    outputs: bool = True,
    precision: str = "float32",
    straight_through: bool = True,
    open_batch: bool = False,
) -> ModelProto:
    """The forward pass and an explicit backward pass to the input, as one ONNX model.

    Args:
        method: a name of `retrograph methods`, or a method with parameters of its own.
        select: which unit of the layer: top (the most active one), channel, unit (chosen at run
            time by the input `select`) or cotangent (any weighting, by the input `cotangent`).
        many: explain K units of each item at once, sharing the forward pass.
        wrt: inputs, or inner tensors by alias or name, such as embeddings, whose shape the
            attribution has; every floating-point input that the layer depends on if None.
        preprocessing: how a picture becomes the input, stored in the metadata: a preset's name or
            a `Preprocessing`, fitted to the input's axes. It also bounds the input, for methods.
        device: cpu, cuda or web, what the operators of the backward pass suit best (cuda also for
            other accelerators, web for WebGPU in browsers); the file runs on any.
        precision: float32 (the model's own types), or float16 for a float32 model: forward and
            backward pass in float16, inputs and outputs still float32.
        open_batch: whether a model that was exported for a fixed number of items takes any number
            once it is built; each gives what it gives alone. One that is open stays as it is.
        model, layer, outputs, straight_through: in `SHARED`.

    Returns:
        A model with the source's inputs, its outputs if they are kept, and, N items a batch, K
        units an item: `attribution` [N, *input] ([N, K, *input]; `attribution.<input>` where
        several are explained), `score` [N] ([N, K]), `unit` int64 [N, r] ([N, K, r]); by a method
        of relevance `bias_relevance` [N] ([N, K]), what fell to biases and constants.

    Raises:
        InputError: what was given is wrong: the file, the layer, the method; or float16 cannot
            hold the weights.
        UnsupportedError: nodes between layer and input cannot be treated, or keep the batch at its
            size; it lists all of them.
    """
    source = opened(model)
    request = source.request(
        method=method,
        layer=layer,
        select=select,
        many=many,
        wrt=wrt,
        device=device,
        outputs=outputs,
        precision=precision,
        straight_through=straight_through,
        open_batch=open_batch,
    )
    return _with_preprocessing(source, request, preprocessing)


def _with_preprocessing(
    source: Model, request: Request, preprocessing: Preprocessing | str | None
) -> ModelProto:
    """The built graph, which tells how a picture becomes its input, where that is known."""
    inputs = inputs_of(source.graph, request.sources)
    axes = source.axes(inputs[0]) if inputs else None
    recipe = _recipe(preprocessing, source, inputs, axes)
    if recipe is None:
        return source.build(request)
    if inputs == request.sources:
        limits = recipe.limits() if axes is None or axes.frame is None else axes.limits(recipe)
        request = replace(request, method=request.method.within(*limits))
    return source.build(request, recipe.to_json())


class Explainer:
    """A built graph, ready to run, by many threads at once if need be.

    Args:
        model: a source model, from which the graph is built, or a graph that retrograph has
            built; the latter brings its own method, layer, select, many, wrt and precision, and
            is refused where others are given.
        method, layer, select, many, wrt, preprocessing: as in `build`.
        device: auto (CUDA if there, else the CPU), cpu, cuda, openvino, tensorrt, coreml,
            directml, or the name of an execution provider that the installed ONNX Runtime has;
            behind it options of the provider, as in "cuda,device_id=1".
        threads: how many threads an operator may use.
        outputs: as in `build`; a unit of a middle layer then takes no more than its window. A built
            graph gives what it has.
        precision: as in `build`, or tf32: a float32 graph whose products CUDA may round.
        straight_through: as in `build`.

    Attributes:
        contract: what the graph explains, and how.

    Raises:
        InputError: what was given is wrong.
        DeviceError: ONNX Runtime or the device is not there.
        UnsupportedError: the graph cannot be built.

    Example:
        >>> explainer = Explainer("net.onnx", method="guided", layer="relu3", select="unit")
        >>> found = explainer.attribute(x, unit=(12, 3, 4))   # channel 12 at row 3, column 4
        >>> found.attribution.shape == x.shape
    """

    @checked_keywords
    def __init__(
        self,
        model: Source,
        *,
        method: str | Method | None = None,
        layer: str | None = None,
        select: str | None = None,
        many: bool | None = None,
        wrt: str | Sequence[str] | None = None,
        preprocessing: Preprocessing | str | None = None,
        device: str = "auto",
        threads: int | None = None,
        outputs: bool = True,
        precision: str | None = None,
        straight_through: bool | None = None,
    ) -> None:
        source = opened(model)
        if precision == TF32:
            device, precision = with_tf32(device), "float32"
        if source.contract is not None:
            name = method.name if isinstance(method, Method) else method
            chosen: dict[str, object] = {"method": name, "layer": layer, "select": select}
            chosen |= {"many": many, "wrt": (wrt,) if isinstance(wrt, str) else wrt and tuple(wrt)}
            chosen |= {"precision": precision, "straight_through": straight_through}
            check_unchanged(source.contract, chosen)
            if isinstance(method, Method):
                check_parameters(source.contract, method)
            proto = source.proto
        else:
            proto = build(
                source,
                method=method or "guided",
                layer=layer,
                select=select or "top",
                many=bool(many),
                wrt=wrt,
                preprocessing=preprocessing,
                device=suited(device),
                outputs=outputs,
                precision=precision or "float32",
                straight_through=straight_through is not False,
            )
        with runnable(proto) as (graph, folder, needed):
            self._session = Session(graph, device, threads, folder, needed)
        contract = Contract.from_properties(self._session.metadata)
        assert contract is not None
        self.contract = contract
        self._find_axes, self._find_field = _finders(model, source, contract)
        lacking = {*contract.added} - {*self._session.outputs}
        if lacking:
            raise InputError(
                f"the built graph lacks the outputs {', '.join(sorted(lacking))}; build it again"
            )

    @cached_property
    def context(self) -> ExplainContext:
        """What is the same for all that it explains, as far as the graph's metadata say it."""
        contract, axes = self.contract, self._find_axes()
        recipe = usual_preprocessing(axes)
        if contract.preprocessing:
            recipe = Preprocessing.from_json(contract.preprocessing)
        metadata = self._session.metadata
        coding, _ = choose_coding(None, metadata.get("alphabet"), axes.shape)
        rate, axes, _ = choose_sample_rate(None, metadata, axes)
        return ExplainContext(
            contracts={contract.method: contract},
            kind=input_kind(axes, recipe, coding, rate),
            labels=contract.labels,
            device=self.device,
            field=self._find_field(),
            several_inputs=len(self.inputs) > 1,
        )

    def __repr__(self) -> str:
        return f"<Explainer {self.contract.method} of {self.contract.layer} on {self.device}>"

    @property
    def inputs(self) -> tuple[Spec, ...]:
        """The model's own inputs."""
        return tuple(i for i in self._session.inputs if i.name != self.contract.chooser)

    @property
    def device(self) -> str:
        """The device that runs the graph."""
        return self._session.device

    def attribute(
        self, x: Array | Mapping[str, Array], unit: ArrayLike | None = None
    ) -> Attribution:
        """Explain a batch.

        Args:
            x: the explained input [N, ...], or an array for each input by its name where the
                model has several.
            unit: for `channel` and `unit` the index, one for all items ([r]) or one for each
                ([N, r]; with many [K, r] or [N, K, r]), a class by its number alone also where
                the layer is [1000, 1, 1]; for `cotangent` the weighting [N, *layer]; for `top`
                with many the number K.

        Raises:
            InputError: an input has a wrong shape, or a unit is out of range.
        """
        if isinstance(x, (str, os.PathLike, Image)):
            raise InputError("attribute() takes arrays; give files and pictures to explain()")
        name = self.contract.shown
        feeds = dict(x) if isinstance(x, Mapping) else {name: np.asarray(x)}
        shape = np.shape(feeds.get(name, ()))
        chosen = self._selection(unit, shape[0] if shape else 1)
        outputs = self._session.run({**feeds, **chosen})
        *attributions, score, taken = (outputs.pop(key) for key in self.contract.added)
        if self.contract.select in ("channel", "unit") and (taken < 0).any():
            raise InputError(
                f"unit {_plain(unit)} is out of range: an item of '{self.contract.alias}' has "
                f"the shape {_shape_text(self.contract.shape)}"
            )
        by_input = dict(zip(self.contract.explained, attributions, strict=True))
        bias_relevance = outputs.pop(self.contract.bias_relevance or "", None)
        return Attribution(
            by_input,
            score,
            taken,
            outputs,
            bias_relevance,
            feeds=feeds,
            make_context=lambda: self.context,
        )

    def _selection(self, unit: ArrayLike | None, count: int) -> dict[str, Array]:
        kind, many = self.contract.select, self.contract.many
        if kind == "top" and not many:
            if unit is not None:
                raise InputError("this graph explains the most active unit: give no `unit`")
            return {}
        if unit is None:
            raise InputError(f"this graph explains a chosen {kind}: give `unit`")
        chooser = self.contract.chooser
        assert chooser is not None
        if kind == "cotangent":
            return {chooser: np.asarray(unit)}
        index = np.asarray(unit)
        if not np.issubdtype(index.dtype, np.integer):
            raise InputError(
                f"`unit` takes whole numbers, not {unit!r:.60}; explain() takes classes by name"
            )
        if kind == "top":
            return {chooser: self._unit_count(index)}
        return {chooser: self._indices(index, count)}

    def _unit_count(self, given: Array) -> Array:
        """How many of the most active units, int64 [1]."""
        shape = self.contract.shape
        most = None if None in shape else math.prod(int(d or 0) for d in shape)
        if given.size != 1 or given.item() < 1 or (most is not None and given.item() > most):
            raise InputError(
                f"{_plain(given)} most active units cannot be taken: `unit` is one number from 1 "
                f"to the {most or 'number of'} units of '{self.contract.alias}'"
            )
        return given.reshape(1).astype(np.int64)

    def _indices(self, given: Array, count: int) -> Array:
        """The units' indices for each of so many items."""
        kind, many = self.contract.select, self.contract.many
        length = 1 if kind == "channel" else len(self.contract.shape)
        rank = 3 if many else 2
        index = given.reshape(-1) if given.ndim == 0 else given
        if kind == "unit":
            index = with_other_axes(index, self.contract.shape, self.contract.channel_axis)
        if index.shape[-1] != length or index.ndim > rank:
            what = f"an array {list(given.shape)}" if given.shape else "one"
            raise InputError(
                f"a {kind} of '{self.contract.alias}' (shape {_shape_text(self.contract.shape)}) "
                f"is chosen by {length} numbers, not by {what}"
            )
        index = index.reshape((1,) * (rank - index.ndim) + index.shape)
        chooser = self.contract.chooser
        lead = next(i.shape[0] for i in self._session.inputs if i.name == chooser)
        rows = lead if isinstance(lead, int) else count
        if index.shape[0] not in (1, rows):
            raise InputError(
                f"`unit` has {index.shape[0]} rows for {rows} items; give one for each, or one "
                "for all"
            )
        return np.broadcast_to(index, (rows, *index.shape[1:])).astype(np.int64)


def _finders(
    model: Source, source: Model, contract: Contract
) -> tuple[Callable[[], InputAxes], Callable[[], Field | None]]:
    """What finds the axes of the explained input, and what of it a unit sees.

    Of a built graph, which is not analysed, they do so when they are asked. The weights of an
    opened file do not stay in memory.
    """
    name = contract.shown
    if source.contract is not None:
        return lambda: opened(model).axes(name), lambda: seen_field(opened(model), contract)
    axes, field = source.axes(name), seen_field(source, contract)
    return lambda: axes, lambda: field


def _recipe(
    preprocessing: Preprocessing | str | None,
    model: Model,
    explained: Sequence[str],
    axes: InputAxes | None,
) -> Preprocessing | None:
    """How a picture becomes the first explained input; None where that is not known."""
    recipe = named_preprocessing(preprocessing)
    if axes is None:
        return recipe
    if axes.frame is None:
        shape = model.tensor(explained[0]).shape
        if recipe is None or shape is None:
            return recipe
        return _for_no_picture(recipe, explained[0], shape)
    return fitted_preprocessing(model, explained[0], recipe)


def _for_no_picture(
    recipe: Preprocessing, name: str, shape: Sequence[int | str | None]
) -> Preprocessing:
    """A recipe for an input that no axes of a picture are known of.

    Raises:
        InputError: it is no batch of pictures.
    """
    try:
        return recipe.for_shape(shape)
    except InputError:
        sizes = [d if isinstance(d, int) else None for d in shape]
        raise InputError(
            f"input '{name}' {_shape_text(sizes)} takes no pictures; leave "
            f"{parameter('preprocessing')} out"
        ) from None


def _shape_text(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"


def _plain(unit: Any) -> Any:
    return unit.tolist() if isinstance(unit, np.ndarray) else unit
