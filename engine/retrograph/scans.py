"""A data set scanned: which of its pictures make a layer's channels fire, where, and what they see.

>>> scan = retrograph.scan("net.onnx", "photos/", layers=["relu5"], out="run/")
>>> scan.top("relu5", 17)[0].name                   # the picture that channel 17 fires for most
>>> scan.patches(channels=[17]).save("patches/")    # what its strongest units see
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.inputs import PreprocessingChoice, choose_kind, choose_preprocessing
from retrograph.inputs.assumed_alphabet import ASSUMED_NOTE, assumed_alphabet
from retrograph.inputs.loader import Input, Signature, as_list
from retrograph.inputs.share import share_of
from retrograph.keywords import checked_keywords
from retrograph.methods import Method
from retrograph.model import Model, Source
from retrograph.patches import Patches, plan_patches
from retrograph.pipeline.labels import Labels, label_note, model_labels
from retrograph.preprocess import BadInput, Item, Preprocessing
from retrograph.results import Result
from retrograph.runtime import Array
from retrograph.scanning import ProbeSession, Scanner, ScanReader
from retrograph.scanning.arrays import scan_arrays
from retrograph.scanning.overview import overview
from retrograph.scanning.parts import ScanPart
from retrograph.scanning.summary import count_text, scan_record

Progress = Callable[[int, int | None], None]
OnBatch = Callable[[int, Sequence[Item | BadInput]], None]


class Scan(ScanReader, Result):
    """A finished scan: the strongest units and the statistics of every channel.

    Args:
        path: its folder, or the file in it.
        model: the scanned model, where it is not in the file that the store names.
        inputs: what was scanned, where it was in memory.

    Attributes:
        path: the store, an SQLite file (SCAN.md).
        run: what was scanned and how: the table `run`.
        layers, classes, problems: what was scanned, and which inputs could not be.

    Raises:
        InputError: there is no scan that can be read.

    Example:
        >>> scan = retrograph.open_scan("run/")
        >>> best = scan.top("relu5", channel=17)[0]
        >>> best.name, best.index, best.activation
    """

    made_by = "scan() or open_scan()"

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Source | None = None,
        inputs: Input | Iterable[Input] | None = None,
    ) -> None:
        super().__init__(path, inputs)
        self._model = model

    def patches(
        self,
        layers: str | Sequence[str] | None = None,
        channels: int | Sequence[int] | None = None,
        *,
        k: int | None = None,
        method: str | Method = "guided",
        style: str | None = None,
        model: Source | None = None,
        batch: int = 32,
        device: str = "auto",
        threads: int | None = None,
        out: str | os.PathLike[str] | None = None,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Patches:
        """What the strongest units see: their pictures cut to their windows, and explained.

        Files are read again from where they were when they were scanned.

        Args:
            layers: aliases or tensors of those scanned; all if None.
            channels: their numbers, or one; all if None. Of several layers, each has those that it
                has.
            k: patches of a channel; as many as were scanned if None.
            method: how a unit is explained.
            style: how attributions are drawn, a name of `retrograph.render.STYLES`; the method's
                own way if None.
            model: the scanned model, or where it is now; where it was if None.
            batch: how many units a run takes, where the model leaves that open.
            device, threads: as in `Explainer`.
            out: a folder that sheets and a page for browsers are written to, which is checked
                before any work; nothing is written if None.
            force: whether files that are there are replaced.
            progress: is called with how many patches are made, and of how many.

        Raises:
            InputError: there is no such layer, channel, method or style; the model is not that of
                the scan; no picture is there any more; the model takes volumes or videos; or the
                folder holds patches already.
            UnsupportedError: the method cannot treat the model.
        """
        plan = plan_patches(
            self,
            layers=layers,
            channels=channels,
            k=k,
            method=method,
            style=style,
            model=model or self._model,
            batch=batch,
            device=device,
            threads=threads,
            out=out,
            force=force,
        )
        return plan.run(progress)

    def image(self, style: str | None = None) -> Image.Image:
        """For each layer how often its channels fire, and its most selective channels as bars.

        Args:
            style: leave it out; a scan draws no attributions.

        Raises:
            InputError: a style is given.
        """
        if style is not None:
            raise InputError(
                f"a scan draws no attributions; give {parameter('style', style)} to patches()"
            )
        return overview(self)

    def to_dict(self) -> dict[str, Any]:
        """What was found, as plain values: what `retrograph scan --json` prints.

        Returns:
            store, pictures {good, bad}, problems [{name, problem}], classes {name: count}, layers
            [{alias, tensor, shape, receptive_field, channels, dead, driven_by_most, selective
            [{channel, class, strength, mean_peak, fires, classes}]}].
        """
        return scan_record(self)

    def summary(self) -> str:
        """How much was scanned, of which layers, and where the store is."""
        layers = ", ".join(layer.alias for layer in self.layers)
        return f"{layers}, {count_text(self)}: {self.path}"

    def arrays(self) -> dict[str, Array]:
        """The numbers of each layer's C channels and their k strongest units.

        Returns:
            By layer, as in "relu5/mean_peak": `channel` int64 [C]; `mean_peak`, `mean`, `share`,
            `fires`, float64 [C] (see `ChannelStats`); `activation` float64 [C, k], NaN where there
            are fewer units; `picture` int64 [C, k] and `unit` int64 [C, k, r], -1 there.
        """
        return scan_arrays(self)


@checked_keywords
def open_scan(
    path: str | os.PathLike[str],
    model: Source | None = None,
    inputs: Input | Iterable[Input] | None = None,
) -> Scan:
    """Open a finished scan.

    Args:
        path: its folder, or the file in it.
        model: the scanned model, where it is not in the file that the store names.
        inputs: what was scanned, where it was in memory.

    Raises:
        InputError: there is no scan that can be read.
    """
    return Scan(path, model, inputs)


@checked_keywords
def scan(
    model: Source,
    inputs: Input | Iterable[Input],
    *,
    layers: str | Sequence[str],
    out: str | os.PathLike[str],
    channels: Sequence[int] | None = None,
    k: int = 9,
    batch: int = 32,
    labels: Labels | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    preprocessing: Preprocessing | str | None = None,
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Scan:
    """Find which inputs make the channels of some layers fire, and where: one pass over them.

    A scan that was interrupted goes on where it stopped; a finished one is opened.

    Args:
        model: a path to an .onnx file, or a model in memory.
        inputs: what `explain` takes, of any sizes that the model takes.
        layers: aliases or tensors.
        out: the folder of the store; it is made.
        channels: the channels to look at; all if None.
        k: how many units are kept of each channel, one a picture.
        labels, alphabet, sample_rate, preprocessing, batch, device, threads: in `SHARED`.
        workers: how many threads decode; as many as there are processors, 8 at most, if None.
        force: whether what is in the folder is replaced.
        progress: is called with how many inputs are done, and of how many (None if not known).

    Raises:
        InputError: an argument is wrong, no input can be read, or the folder holds another scan.
        DeviceError: ONNX Runtime or the device is not there.
    """
    plan = plan_scan(
        model,
        inputs,
        layers=layers,
        channels=channels,
        k=k,
        batch=batch,
        labels=labels,
        alphabet=alphabet,
        sample_rate=sample_rate,
        preprocessing=preprocessing,
        device=device,
        threads=threads,
        workers=workers,
    )
    on_batch = None if progress is None else plan.counting(progress)
    return plan.run(out, force=force, on_batch=on_batch)


@dataclass(frozen=True)
class ScanPlan:
    """A scan that is ready to run.

    Attributes:
        scanner: the layers, the device and the inputs of it.
        notes: what is to be known of how inputs are read.
        preprocessing: how pictures become the input; None where it takes none.
        labels: the class names, if known.
    """

    scanner: Scanner
    notes: Sequence[str]
    preprocessing: PreprocessingChoice | None
    labels: tuple[str, ...]

    def count(self) -> int | None:
        """How many inputs there are; None where only reading them all tells."""
        return self.scanner.count()

    def counting(self, progress: Progress) -> OnBatch:
        """What `run` calls to keep `progress` informed."""
        total = self.count()
        return lambda done, _: progress(done, total)

    def run(
        self, out: str | os.PathLike[str], *, force: bool = False, on_batch: OnBatch | None = None
    ) -> Scan:
        """Scan into a folder, or go on with what was begun there; a finished scan is opened.

        Args:
            out: the folder of the store; it is made.
            force: whether what is in the folder is replaced.
            on_batch: is called with how many inputs are done, and with the new ones; one that is
                bad is a `BadInput`.

        Raises:
            InputError: the folder holds another scan, no input is good, or nothing can be written.
        """
        finished = self.scanner.run(out, force=force, on_batch=on_batch)
        return Scan(finished.path, self.scanner.session.model, self.scanner.inputs)

    def run_part(
        self,
        part: tuple[int, int],
        out: str | os.PathLike[str],
        *,
        force: bool = False,
        on_batch: OnBatch | None = None,
    ) -> ScanPart:
        """Scan one part, such as (3, 8), into a folder: see `scan_part`, and `run` for the rest."""
        return self.scanner.run_part(share_of(part), out, force=force, on_batch=on_batch)


def plan_scan(
    model: Source,
    inputs: Input | Iterable[Input],
    *,
    layers: str | Sequence[str],
    channels: Sequence[int] | None = None,
    k: int = 9,
    batch: int = 32,
    labels: Labels | None = None,
    alphabet: str | None = None,
    sample_rate: int | None = None,
    preprocessing: Preprocessing | str | None = None,
    device: str = "auto",
    threads: int | None = None,
    workers: int | None = None,
) -> ScanPlan:
    """Make a scan ready: the arguments are those of `scan`.

    Raises:
        InputError, DeviceError: as in `scan`, but for what only reading and writing tells.
    """
    source = model if isinstance(model, Model) else Model(model)
    names = model_labels(source, labels)
    session = ProbeSession(source, [layers] if isinstance(layers, str) else layers, device, threads)
    name, values = session.input.name, as_list(inputs)
    assumed = assumed_alphabet(source, name, alphabet, values)
    alphabet = alphabet or assumed
    known = choose_preprocessing(
        source, name, preprocessing, values, alphabet=alphabet, device=device, threads=threads
    )
    kind, notes = choose_kind(source, name, known, alphabet, sample_rate)
    notes = notes if assumed is None else (*notes, ASSUMED_NOTE)
    signature = Signature(session.inputs, session.input, kind)
    scanner = Scanner(
        session,
        values,
        channels=channels,
        k=k,
        kind=kind,
        batch=batch,
        workers=workers,
        labels=names,
        file=source.file,
    )
    told = [*notes, signature.note, label_note(source, labels, names)]
    return ScanPlan(scanner, tuple(filter(None, told)), known, names)
