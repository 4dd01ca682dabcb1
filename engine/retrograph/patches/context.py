"""What patches are explained with: a backward graph for each layer, as the scan prepared inputs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from retrograph.inputs import input_kind
from retrograph.inputs.loader import Input, Signature
from retrograph.methods import Method
from retrograph.model import Model, Source
from retrograph.patches.attribute import Attributor
from retrograph.patches.source import explained_input, scanned_model
from retrograph.preprocess import Coding, Preprocessing, choose_sample_rate
from retrograph.results.context import ExplainContext
from retrograph.results.notes import gather_notes
from retrograph.scanning import ScannedLayer, ScanReader


@dataclass(frozen=True)
class PatchContext:
    """What is the same for all patches.

    Attributes:
        scan: the scan whose strongest units are explained.
        inputs: what was scanned.
        file: the model's name.
        attributors: the backward graphs, by the layers' aliases.
        drawing: how each layer's attributions are drawn, likewise.
        signature: the inputs that the graphs take.
    """

    scan: ScanReader
    inputs: Sequence[Input]
    file: str
    attributors: Mapping[str, Attributor]
    drawing: Mapping[str, ExplainContext]
    signature: Signature

    @classmethod
    def build(
        cls,
        scan: ScanReader,
        layers: Sequence[ScannedLayer],
        method: Method,
        *,
        model: Source | None,
        style: str | None,
        batch: int,
        device: str,
        threads: int | None,
    ) -> PatchContext:
        """Build the backward graphs of some layers.

        Args:
            scan: the scan.
            layers: some of its layers.
            method: how units are explained.
            model: the scanned model, where it is not where it was.
            style: how attributions are drawn; the method's own way if None.
            batch: how many units a run takes, where the model leaves that open.
            device, threads: as in `Explainer`.

        Raises:
            InputError, UnsupportedError: the model is not that of the scan, or cannot be explained.
        """
        inputs, source = scan.inputs, scanned_model(scan, model)
        explained = explained_input(source, [layer.tensor for layer in scan.layers])
        rows = batch if scan.run["batch"] > 1 else 1
        attributors = {
            layer.alias: Attributor(source, layer.tensor, explained, method, rows, device, threads)
            for layer in layers
        }
        specs = {spec.name: spec for each in attributors.values() for spec in each.inputs}
        rate, axes, _ = choose_sample_rate(
            scan.run.get("sample_rate"), source.properties, source.axes(explained)
        )
        alphabet = scan.run["alphabet"]
        coding = None if alphabet is None else Coding.fitted(alphabet, specs[explained].shape)
        kind = input_kind(axes, Preprocessing.from_json(scan.run["preprocessing"]), coding, rate)
        drawing = {
            alias: ExplainContext(
                contracts={method.name: each.contract},
                kind=kind,
                labels=tuple(scan.run["labels"]),
                device=each.device,
                style=style,
            )
            for alias, each in attributors.items()
        }
        signature = Signature(tuple(specs.values()), specs[explained], kind)
        return cls(scan, inputs, _file_name(scan, model), attributors, drawing, signature)

    @property
    def method(self) -> str:
        """The method's name."""
        return self._first.methods[0]

    @property
    def device(self) -> str:
        """What runs the graphs."""
        return self._first.device

    @property
    def _first(self) -> ExplainContext:
        return next(iter(self.drawing.values()))

    @cached_property
    def notes(self) -> list[str]:
        """What is to be known of the method on these layers."""
        layers_of: dict[str, list[str]] = {}
        for alias, context in self.drawing.items():
            for note in gather_notes(context.contracts):
                layers_of.setdefault(str(note), []).append(alias)
        return [
            note if len(aliases) == len(self.drawing) else f"{', '.join(aliases)}: {note}"
            for note, aliases in layers_of.items()
        ]

    @property
    def input_noun(self) -> str:
        """What was scanned, in a word: pictures, sequences, or inputs of another kind."""
        return self.signature.kind.things

    def sees(self, layer: ScannedLayer) -> str:
        """What a unit of a layer sees, in words."""
        if layer.field is None or not any(layer.field.spans):
            return "all of the input"
        extents = [self.signature.explained.shape[axis] for axis in layer.field.axes]
        sizes = zip(layer.field.size, extents, strict=True)
        large = all(n is None or (isinstance(e, int) and n >= e) for n, e in sizes)
        window = str(layer.field).partition(" / ")[0]
        return f"{window}, all of the input" if large else f"{window} of the input"


def _file_name(scan: ScanReader, model: Source | None) -> str:
    """The path of the model that is explained; "model" where it was never in a file."""
    file = os.fspath(model) if isinstance(model, (str, os.PathLike)) else None
    if isinstance(model, Model):
        file = model.file
    return file or scan.run["file"] or "model"
