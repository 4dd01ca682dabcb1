"""What a built graph says of itself, in its metadata, so that a host in any language needs no more.

Every key starts with "retrograph."; values are text, lists and shapes JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from retrograph.errors import InputError
from retrograph.names import BIAS_RELEVANCE, PREFIX, SCORE, UNIT, attribution_names

Places: TypeAlias = Sequence[Sequence[float] | None]
"""Where a tensor lies in an input: [axis, stride, centre] for every axis of an item of it."""

CONTRACT = 1
"""The number of the rules by which graphs are built: docs/CONTRACT.md."""

STRICT = {"straight_through": "no"}
"""Among the parameters of a graph in which rounding passes nothing."""


@dataclass(frozen=True)
class Contract:
    """The metadata of a built graph.

    docs/CONTRACT.md says the same to those who write hosts, contract.schema.json to their programs.

    Attributes:
        version: of retrograph.
        method: the attribution method's name.
        parameters: the method's parameters.
        target: the explained tensor.
        alias: its short name, such as relu3.
        shape: of one item of the target, as its units are counted: (1,) where that is a single
            number, a target of rank 0 included; null where a dimension is open.
        select: how the unit is chosen: top, channel, unit or cotangent.
        many: whether K units of each item are explained at once.
        explained: the explained inputs, or inner tensors.
        source_sha256: of the source model's file.
        preprocessing: how a picture becomes the input (see `Preprocessing.to_json`), or "".
        labels: class names, if the source model carries them.
        notes: what a user should know of the result.
        precision: what is computed in; with float32, as in files that say nothing of it, the source
            model's own types.
        names: what the inputs and outputs that were added are called, by the names that they have
            where the model has no such itself (attribution, score, unit, select, ...); files that
            say nothing of it have those.
        channel_axis: the axis of an item of the target that counts channels; 0 in files that say
            nothing of it.
        onnxruntime: the lowest release of ONNX Runtime that has what the graph is made of, such as
            1.21; "" in files that say nothing of it.
        source_batch: how many items the source model takes, where its fixed batch was opened; else
            0, and not among the properties.
        inputs: where inner tensors are explained, the model's input that each is computed from.
        places: where inner tensors are explained, where each lies in its input: for every axis of
            an item of the input [axis, stride, centre] (position q along that axis of the
            tensor, counted from the back, sees the input around stride * q + centre), or null
            where no single axis follows it.
        contract: the number of these rules; it grows where a host that knows only the older ones
            would go wrong. 1 in files that say nothing of it.
        axes: what the axes of each explained input count, a letter each (see `InputAxes.letters`),
            such as NCHW; of the inputs behind explained inner tensors the same. Empty in files that
            say nothing of it.
    """

    version: str
    method: str
    parameters: dict[str, Any]
    target: str
    alias: str
    shape: tuple[int | None, ...]
    select: str
    many: bool
    explained: tuple[str, ...]
    source_sha256: str
    preprocessing: str
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    precision: str = "float32"
    channel_axis: int = 0
    names: Mapping[str, str] = field(default_factory=dict)
    onnxruntime: str = ""
    source_batch: int = 0
    inputs: tuple[str, ...] = ()
    places: tuple[Places, ...] = ()
    contract: int = CONTRACT
    axes: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The model's input that is shown beside an attribution: the first explained one."""
        return (self.inputs or self.explained)[0]

    @property
    def layer(self) -> str:
        """The layer in words: its short name, and the tensor's where that is another."""
        return self.alias if self.alias == self.target else f"{self.alias} ('{self.target}')"

    def called(self, name: str) -> str:
        """What an input or output that was added is called here."""
        return self.names.get(name, name)

    @property
    def straight_through(self) -> bool:
        """Whether the cotangent passes rounding straight through."""
        return not STRICT.items() <= self.parameters.items()

    @property
    def attributions(self) -> tuple[str, ...]:
        """The names of the outputs that hold the attributions, in the order of `explained`."""
        return tuple(map(self.called, attribution_names(self.explained)))

    @property
    def bias_relevance(self) -> str | None:
        """The name of the output with what fell to biases; None where there is surely none."""
        return self.names.get(BIAS_RELEVANCE) if self.names else BIAS_RELEVANCE

    @property
    def added(self) -> tuple[str, ...]:
        """The names of the outputs that every built graph adds."""
        return (*self.attributions, self.called(SCORE), self.called(UNIT))

    @property
    def chooser(self) -> str | None:
        """The name of the input by which units are chosen; None where there is none."""
        if self.select == "top" and not self.many:
            return None
        return self.called("cotangent" if self.select == "cotangent" else "select")

    def to_properties(self) -> dict[str, str]:
        """As metadata properties."""
        left_out = (set() if self.inputs else _OF_INNER) | (set() if self.source_batch else _OPENED)
        names = [f.name for f in fields(self) if f.name not in left_out]
        texts = {name: _text(getattr(self, name)) for name in names}
        return {PREFIX + name: text for name, text in texts.items()}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> Contract | None:
        """From metadata properties; None if the model was not built by retrograph.

        Raises:
            InputError: the properties are incomplete, or of a contract that is not known here.
        """
        if PREFIX + "version" not in properties:
            return None
        try:
            given = {PREFIX + name: text for name, text in _LATER.items()} | dict(properties)
            texts = {f.name: given[PREFIX + f.name] for f in fields(cls)}
            parsed: dict[str, Any] = {
                name: text if name in _PLAIN else json.loads(text) for name, text in texts.items()
            }
            for name, kind in _KINDS.items():
                if not isinstance(parsed[name], kind):
                    raise TypeError(f"{name} is '{texts[name]}'")
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"the built graph's metadata are damaged ({error}); build it again"
            ) from None
        if parsed["contract"] > CONTRACT:
            raise InputError(
                f"the graph was built by a newer retrograph (contract {parsed['contract']}, and "
                f"{CONTRACT} is known here); update retrograph, or build it again"
            )
        for name in ("shape", "explained", "labels", "notes", "inputs", "places"):
            parsed[name] = tuple(parsed[name])
        return cls(**parsed)


_OF_INNER, _OPENED = {"inputs", "places"}, {"source_batch"}
_PLAIN = {"version", "method", "target", "alias", "select", "source_sha256", "preprocessing"}
_PLAIN |= {"precision", "onnxruntime"}
_KINDS = {"parameters": dict, "names": dict, "shape": list, "many": bool, "explained": list}
_KINDS |= {"labels": list, "notes": list, "channel_axis": int, "inputs": list, "places": list}
_KINDS |= {"contract": int, "axes": dict, "source_batch": int}
_LATER = {"precision": "float32", "names": "{}", "channel_axis": "0", "onnxruntime": ""}
_LATER |= {"contract": "1", "axes": "{}", "source_batch": "0"}
_LATER |= dict.fromkeys(_OF_INNER, "[]")
"""What files of earlier versions do not have, and what is so of them."""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
