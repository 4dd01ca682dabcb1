"""What `import retrograph` offers: build a graph, list layers, explain."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retrograph.contract import Contract
from retrograph.errors import InputError
from retrograph.layers import Layer
from retrograph.model import Model
from retrograph.preprocess import PRESETS, Preprocessing
from retrograph.runtime import Array, Session, Spec

if TYPE_CHECKING:
    from onnx import ModelProto


def build(
    model: str | os.PathLike[str] | ModelProto | Model,
    *,
    method: str = "guided",
    target: str | None = None,
    select: str = "top",
    many: bool = False,
    wrt: str | Sequence[str] | None = None,
    preprocessing: Preprocessing | str | None = None,
) -> ModelProto:
    """The forward pass and an explicit backward pass to the input, as one ONNX model.

    Args:
        model: a path to an .onnx file, or a model in memory.
        method: gradient, deconvnet or guided.
        target: the tensor to explain, by name or alias; the class scores before a final Softmax
            if None.
        select: which unit of the target: top (the most active one), channel, unit (chosen at run
            time by the input `select`) or cotangent (any weighting, by the input `cotangent`).
        many: explain K units of each item at once, sharing the forward pass.
        wrt: the inputs to explain; every floating-point input that the target depends on if None.
        preprocessing: how a picture becomes the input, stored in the metadata: a preset's name or
            a `Preprocessing`.

    Returns:
        A model with the source's inputs and outputs and, N items a batch, K units an item:
        `attribution` [N, *input] ([N, K, *input]; `attribution.<input>` where several are
        explained), `score` [N] ([N, K]), `unit` int64 [N, r] ([N, K, r]).

    Raises:
        InputError: what was given is wrong: the file, the layer, the method.
        UnsupportedError: nodes between target and input cannot be treated; it lists all of them.
    """
    source = model if isinstance(model, Model) else Model(model)
    request = source.request(method=method, target=target, select=select, many=many, wrt=wrt)
    return source.build(request, _as_json(preprocessing))


def layers(model: str | os.PathLike[str] | ModelProto | Model) -> list[Layer]:
    """Every explainable tensor of a model, in order, with its alias and receptive field.

    Raises:
        InputError: the model cannot be read.
    """
    return (model if isinstance(model, Model) else Model(model)).layers()


@dataclass(frozen=True)
class Attribution:
    """What a built graph gives for a batch of N items (with many: K units an item).

    Attributes:
        attributions: for each explained input [N, *input] ([N, K, *input]).
        score: [N] ([N, K]), the explained units' activations.
        unit: int64 [N, r] ([N, K, r]), the explained units' indices in an item of the target.
        outputs: the model's own outputs.
    """

    attributions: dict[str, Array]
    score: Array
    unit: Array
    outputs: dict[str, Any]

    @property
    def attribution(self) -> Array:
        """The attribution of the only, or the first, explained input."""
        return next(iter(self.attributions.values()))


class Explainer:
    """A built graph, ready to run.

    Args:
        model: a source model, from which the graph is built, or a graph that retrograph has
            built; the latter brings its own method, target, select and preprocessing.
        device: auto, cpu, cuda, or the name of an execution provider.
        threads: how many threads an operator may use.
        method, target, select, many, wrt, preprocessing: as in `build`.

    Raises:
        InputError: what was given is wrong.
        DeviceError: ONNX Runtime or the device is not there.
        UnsupportedError: the graph cannot be built.

    Example:
        >>> explainer = Explainer("net.onnx", method="guided", target="relu3", select="unit")
        >>> found = explainer.attribute(x, select=(12, 3, 4))   # channel 12 at row 3, column 4
        >>> found.attribution.shape == x.shape
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | ModelProto | Model,
        *,
        method: str | None = None,
        target: str | None = None,
        select: str | None = None,
        many: bool = False,
        wrt: str | Sequence[str] | None = None,
        preprocessing: Preprocessing | str | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        source = model if isinstance(model, Model) else Model(model)
        chosen = {"method": method, "target": target, "select": select, "wrt": wrt}
        if source.contract is not None:
            _check_unchanged(source.contract, chosen)
            proto = source.proto
        else:
            proto = build(
                source,
                method=method or "guided",
                target=target,
                select=select or "top",
                many=many,
                wrt=wrt,
                preprocessing=preprocessing,
            )
        self._session = Session(proto.SerializeToString(), device, threads)
        contract = Contract.from_properties(self._session.metadata)
        assert contract is not None
        self.contract = contract

    @property
    def inputs(self) -> tuple[Spec, ...]:
        """The model's own inputs."""
        return tuple(i for i in self._session.inputs if i.name not in ("select", "cotangent"))

    @property
    def device(self) -> str:
        """The device that runs the graph."""
        return self._session.device

    def attribute(
        self, x: Array | Mapping[str, Array], select: int | Sequence[int] | Array | None = None
    ) -> Attribution:
        """Explain a batch.

        Args:
            x: the input [N, ...], or a mapping from names to arrays where there are several.
            select: for `channel` and `unit` the index, one for all items ([r]) or one for each
                ([N, r]; with many [K, r] or [N, K, r]); for `cotangent` the weighting [N, *target];
                for `top` with many the number K.

        Raises:
            InputError: an input has a wrong shape, or a unit is out of range.
        """
        feeds = dict(x) if isinstance(x, Mapping) else {self.inputs[0].name: np.asarray(x)}
        count = len(next(iter(feeds.values())))
        chosen = self._selection(select, count)
        outputs = self._session.run({**feeds, **chosen})
        score, unit = outputs.pop("score"), outputs.pop("unit")
        if self.contract.select in ("channel", "unit") and (unit < 0).any():
            raise InputError(
                f"unit {_plain(select)} is out of range: an item of '{self.contract.alias}' has the "
                f"shape {_shape_text(self.contract.shape)}"
            )
        keys = [k for k in outputs if k == "attribution" or k.startswith("attribution.")]
        names = self.contract.explained
        found = dict(zip(names, (outputs.pop(k) for k in keys), strict=True))
        return Attribution(found, score, unit, outputs)

    def _selection(
        self, select: int | Sequence[int] | Array | None, count: int
    ) -> dict[str, Array]:
        kind, many = self.contract.select, self.contract.many
        if kind == "top" and not many:
            if select is not None:
                raise InputError("this graph explains the most active unit: give no `select`")
            return {}
        if select is None:
            raise InputError(f"this graph explains a chosen {kind}: give `select`")
        if kind == "cotangent":
            return {"cotangent": np.asarray(select)}
        index = np.asarray(select)
        if not np.issubdtype(index.dtype, np.integer):
            raise InputError(f"`select` takes whole numbers, not {index.dtype}")
        if kind == "top":
            return {"select": index.reshape(1).astype(np.int64)}
        length = 1 if kind == "channel" else len(self.contract.shape)
        rank = 3 if many else 2
        index = index.reshape(-1) if index.ndim == 0 else index
        if index.shape[-1] != length:
            raise InputError(
                f"a {kind} of '{self.contract.alias}' (shape {_shape_text(self.contract.shape)}) "
                f"is chosen by {length} numbers, not {index.shape[-1]}"
            )
        while index.ndim < rank:
            index = index[None]
        rows = count if index.shape[0] == 1 else index.shape[0]
        return {"select": np.broadcast_to(index, (rows, *index.shape[1:])).astype(np.int64)}


def _check_unchanged(contract: Contract, chosen: Mapping[str, object]) -> None:
    """Refuse to ask a built graph for something else than what it was built for."""
    own = {
        "method": (contract.method,),
        "target": (contract.target, contract.alias),
        "select": (contract.select,),
        "wrt": (contract.explained,),
    }
    for key, value in chosen.items():
        if value is not None and value not in own[key]:
            raise InputError(
                f"the graph was built for {key} '{own[key][0]}', not '{value}'; "
                "build another from the source model"
            )


def _as_json(preprocessing: Preprocessing | str | None) -> str:
    if preprocessing is None:
        return ""
    if isinstance(preprocessing, Preprocessing):
        return preprocessing.to_json()
    if preprocessing not in PRESETS:
        raise InputError(
            f"unknown preprocessing '{preprocessing}'; choose one of: {', '.join(PRESETS)}"
        )
    return PRESETS[preprocessing].to_json()


def _shape_text(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("?" if d is None else str(d) for d in shape) + "]"


def _plain(select: Any) -> Any:
    return select.tolist() if isinstance(select, np.ndarray) else select
