"""From a finished scan to patches: which units, with which graphs, and where to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from retrograph.errors import InputError, facts, parameter
from retrograph.keywords import check_counts
from retrograph.methods import Method, method_named
from retrograph.model import Source
from retrograph.patches.context import PatchContext
from retrograph.patches.folder import PatchFolder
from retrograph.patches.layer_patches import layer_patches
from retrograph.patches.patch_image import PatchImage, draw_patch
from retrograph.patches.patch_reader import ChannelUnit, Key, PatchReader
from retrograph.patches.result import Patches
from retrograph.render import style_named
from retrograph.scanning import ScannedLayer, ScanReader

Progress = Callable[[int, int | None], None]
"""Is told how many patches are made, and of how many."""


@dataclass(frozen=True)
class PatchPlan:
    """Patches that are ready to be made: their backward graphs are built.

    Attributes:
        context: the graphs, and what is the same for all patches.
        channels: the channels of each layer, by the layers' aliases.
        k: the patches of a channel at most.
        folder: where they are written to; None for nowhere.
        notes: what is to be known of the method, and of what the scan lacks.
    """

    context: PatchContext
    channels: Mapping[str, Sequence[int]]
    k: int
    folder: PatchFolder | None
    notes: Sequence[str]

    def run(self, progress: Progress | None = None) -> Patches:
        """Read the pictures again, explain their units and draw the patches.

        Args:
            progress: is called with how many patches are made, and of how many.

        Raises:
            InputError: no picture is there, the model takes volumes or videos, or a file cannot
                be written.
        """
        context, reader = self.context, PatchReader(self.context)
        images = self._draw(reader, list(self._units()), progress)
        patches = Patches(
            scan=context.scan,
            file=context.file,
            method=context.method,
            device=context.device,
            notes=[facts(note) for note in self.notes],
            input_noun=context.input_noun,
            layers=[
                layer_patches(
                    context.scan, layer, context.sees(layer), self.channels[alias], self.k, images
                )
                for alias, layer in self._layers()
            ],
            missing=reader.missing,
            changed=reader.changed,
        )
        return patches if self.folder is None else patches.written(self.folder)

    def _layers(self) -> Iterator[tuple[str, ScannedLayer]]:
        return ((alias, self.context.scan.layer(alias)) for alias in self.channels)

    def _units(self) -> Iterator[ChannelUnit]:
        """The units of patches; those at exactly 0 have nothing to show."""
        for alias, layer in self._layers():
            for channel in self.channels[alias]:
                for unit in self.context.scan.top(alias, channel)[: self.k]:
                    if unit.activation != 0:
                        yield ChannelUnit(layer, channel, unit)

    def _draw(
        self, reader: PatchReader, units: Sequence[ChannelUnit], progress: Progress | None
    ) -> dict[Key, PatchImage]:
        images = {}
        for explained in reader.read(units):
            unit = explained.source
            images[unit.key] = draw_patch(explained, self.context.drawing[unit.layer.alias])
            if progress is not None:
                progress(len(images), len(units))
        return images


def plan_patches(
    scan: ScanReader,
    *,
    layers: str | Sequence[str] | None = None,
    channels: int | Sequence[int] | None = None,
    k: int | None = None,
    method: str | Method = "guided",
    style: str | None = None,
    model: Source | None = None,
    batch: int = 32,
    device: str = "auto",
    threads: int | None = None,
    out: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> PatchPlan:
    """Make ready the patches of a scan's strongest units; everything is checked before any work.

    Args:
        scan: a finished scan.
        layers: aliases or tensors of those scanned; all if None.
        channels: their numbers; all if None. Of several layers, each has those that it has.
        k: patches of a channel; as many as were scanned if None.
        method: how a unit is explained.
        style: how attributions are drawn, a name of `retrograph.render.STYLES`; the method's own
            way if None.
        model: the scanned model, or where it is now; where it was if None.
        batch: how many units a run takes, where the model leaves that open.
        device, threads: as in `Explainer`.
        out: a folder that the patches are written to; nothing is written if None.
        force: whether files that are there are replaced.

    Raises:
        InputError: there is no such layer, channel, method or style, the model is not that of the
            scan, or the folder holds patches already.
        UnsupportedError: the method cannot treat the model.
    """
    chosen = _chosen_layers(scan, layers)
    numbers = {layer.alias: _chosen_channels(layer, channels, len(chosen)) for layer in chosen}
    if style is not None:
        style_named(style, has_picture=True)
    check_counts(k=k, batch=batch)
    by = method_named(method)
    folder = None if out is None else PatchFolder(out, force=force)
    context = PatchContext.build(
        scan, chosen, by, model=model, style=style, batch=batch, device=device, threads=threads
    )
    kept: int = scan.run["k"]
    notes = [*context.notes, *([_few(kept, k)] if k is not None and k > kept else [])]
    return PatchPlan(context, numbers, min(k or kept, kept), folder, notes)


def _few(kept: int, wanted: int) -> str:
    return f"the scan kept {kept} inputs a channel; for more scan with {parameter('k', wanted)}"


def _chosen_layers(scan: ScanReader, names: str | Sequence[str] | None) -> list[ScannedLayer]:
    if names is None:
        return list(scan.layers)
    listed = [names] if isinstance(names, str) else names
    layers = [scan.layer(name) for name in listed]
    if not layers:
        raise InputError(f"no layer is named; leave {parameter('layers')} out for all of them")
    return list({layer.alias: layer for layer in layers}.values())


def _chosen_channels(
    layer: ScannedLayer, channels: int | Sequence[int] | None, layers: int
) -> tuple[int, ...]:
    """The wanted channels of a layer; of several layers those that each has.

    Raises:
        InputError: it lacks one; of several layers, it has none.
    """
    if channels is None:
        return layer.channels
    wanted = sorted({channels} if isinstance(channels, int) else set(channels))
    if not wanted:
        raise InputError(f"no channel is named; leave {parameter('channels')} out for all of them")
    lacking = [channel for channel in wanted if channel not in layer.channels]
    if len(lacking) == len(wanted) or (lacking and layers == 1):
        raise InputError(layer.refusal(lacking[0]))
    return tuple(channel for channel in wanted if channel not in lacking)
