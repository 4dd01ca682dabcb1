"""What patches are explained with: a backward graph for each layer, as the scan prepared inputs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from retrograph.cli.patch_finding import Finder
from retrograph.cli.terminal import visible
from retrograph.methods import Method
from retrograph.patches import Attributor, explained_input, scanned_model
from retrograph.pipeline.loader import Signature
from retrograph.preprocess import Coding, Preprocessing, default_workers
from retrograph.results.context import ExplainContext
from retrograph.results.notes import gather_notes
from retrograph.scanning import ScannedLayer, ScanReader


@dataclass(frozen=True)
class Graphs:
    """What is the same for all patches.

    Attributes:
        scan: whose units.
        file: the model's.
        method: the method's name.
        attributors: by the layers' aliases.
        scenes: how each layer's attributions are drawn, likewise.
        signature: what the layers take.
    """

    scan: ScanReader
    file: str
    method: str
    attributors: dict[str, Attributor]
    scenes: dict[str, ExplainContext]
    signature: Signature

    @classmethod
    def of(
        cls,
        args: argparse.Namespace,
        scan: ScanReader,
        layers: Sequence[ScannedLayer],
        name: str,
        method: Method,
    ) -> Graphs:
        """The graphs of some layers.

        Raises:
            InputError, UnsupportedError: the model is not that of the scan, or cannot be explained.
        """
        model = scanned_model(scan, args.model)
        explained = explained_input(model, [layer.tensor for layer in scan.layers])
        batch = args.batch if scan.run["batch"] > 1 else 1
        attributors = {
            layer.alias: Attributor(
                model, layer.tensor, explained, method, batch, args.device, args.threads
            )
            for layer in layers
        }
        specs = {spec.name: spec for each in attributors.values() for spec in each.inputs}
        axes = model.axes(explained)
        signature = Signature(tuple(specs.values()), specs[explained], axes)
        alphabet = scan.run["alphabet"]
        coding = None if alphabet is None else Coding.fitted(alphabet, specs[explained].shape)
        scenes = {
            alias: ExplainContext(
                axes=axes,
                contracts={name: each.contract},
                preprocessing=Preprocessing.from_json(scan.run["preprocessing"]),
                labels=tuple(scan.run["labels"]),
                device=each.device,
                style=args.style,
                coding=coding,
            )
            for alias, each in attributors.items()
        }
        file = args.model or scan.run["file"]
        return cls(scan, file, name, attributors, scenes, signature)

    @property
    def device(self) -> str:
        """What runs them."""
        return next(iter(self.attributors.values())).device

    @property
    def notes(self) -> list[str]:
        """What is to be known of the method on these layers."""
        found: dict[str, list[str]] = {}
        for alias, scene in self.scenes.items():
            for note in gather_notes(scene.contracts):
                found.setdefault(str(note), []).append(alias)
        everywhere = len(self.scenes)
        return [
            note if len(aliases) == everywhere else f"{', '.join(aliases)}: {note}"
            for note, aliases in found.items()
        ]

    @property
    def things(self) -> str:
        """What was scanned: pictures, sequences, or inputs of another kind."""
        scene = next(iter(self.scenes.values()))
        if scene.coding is not None:
            return "sequences"
        return "pictures" if self.signature.axes.takes_pictures else "inputs"

    def sees(self, layer: ScannedLayer) -> str:
        """What a unit of a layer sees, in words."""
        if layer.field is None or not any(layer.field.spans):
            return "all of the input"
        extents = [self.signature.explained.shape[axis] for axis in layer.field.axes]
        sizes = zip(layer.field.size, extents, strict=True)
        large = all(n is None or (isinstance(e, int) and n >= e) for n, e in sizes)
        window = str(layer.field).partition(" / ")[0]
        return f"{window}, all of the input" if large else f"{window} of the input"

    def announce(self, out: Console) -> None:
        """Say what is going to be made, and what should be known of it."""
        layers = visible(", ".join(self.attributors))
        head = Text.assemble((self.method, "bold"), " from ", (layers, "bold"))
        head.append(visible(f" to '{self.signature.explained.name}' on {self.device}"))
        out.print(head, soft_wrap=True)
        for note in self.notes:
            out.print(f"note: {visible(note)}", soft_wrap=True)

    def finder(self) -> Finder:
        """What reads the pictures again."""
        scene = next(iter(self.scenes.values()))
        return Finder(
            self.scan,
            self.attributors,
            self.signature,
            scene.preprocessing,
            scene.coding,
            default_workers(),
        )
