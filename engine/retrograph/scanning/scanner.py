"""The pass over a data set."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from retrograph._version import __version__
from retrograph.errors import InputError, parameter
from retrograph.inputs import InputKind, choose_kind, choose_preprocessing
from retrograph.inputs.loader import Batch, Input, Signature, as_list, count_all, load_batches
from retrograph.keywords import check_counts
from retrograph.output import make_folder
from retrograph.prefetch import prefetch_map
from retrograph.preprocess import BadInput, Item
from retrograph.scanning.fingerprint import fingerprints
from retrograph.scanning.probe_session import ProbeSession
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.state import Answer, State
from retrograph.scanning.store import FILE, VERSION, ScannedLayer, write
from retrograph.scanning.unfinished import Unfinished

SECONDS = 2.0
"""How much work an interruption may cost at most, about."""

OnBatch = Callable[[int, Sequence[Item | BadInput]], None]
"""Is called with how many inputs are done, and with the new ones; one that is bad is a BadInput."""


class Scanner:
    """A scan that is ready to run.

    Args:
        session: the model up to the layers.
        inputs: files and folders, see `inputs.iter_inputs`, pictures and arrays in memory.
        channels: the channels to look at; all if None.
        k: how many units are kept of each channel.
        kind: what the input is; as the model's file says if None.
        batch: how many inputs a run takes, where the file leaves that open.
        workers: how many threads decode; as many as there are processors, 8 at most, if None.
        labels: the classes that the model tells apart, kept for readers.
        file: the model's path, kept for readers.

    Attributes:
        layers: what is scanned.
        batch: how many inputs a run takes.

    Raises:
        InputError: there is no such channel, or the preprocessing does not fit.
    """

    def __init__(
        self,
        session: ProbeSession,
        inputs: Input | Iterable[Input],
        *,
        channels: Sequence[int] | None = None,
        k: int = 9,
        kind: InputKind | None = None,
        batch: int = 32,
        workers: int | None = None,
        labels: Sequence[str] = (),
        file: str | None = None,
    ) -> None:
        check_counts(k=k, batch=batch)
        self.session, self.inputs = session, as_list(inputs)
        self.layers = _layers(session, channels)
        self.batch = session.batch(batch)
        self._kind = kind or _usual_kind(session)
        self._channels, self._k = channels, k
        self._labels, self._file = list(labels), file
        self._workers = workers

    def run_values(self) -> dict[str, Any]:
        """What is scanned and how: the table `run` of the store, which identifies a scan."""
        coding, rate = self._kind.coding, self._kind.sample_rate
        return {
            "version": VERSION,
            "retrograph": __version__,
            "file": self._file,
            "model": self.session.model.sha256,
            "device": self.session.device,
            "inputs": fingerprints(self.inputs, self._kind.file_suffixes),
            "preprocessing": self._kind.preprocessing.to_json(),
            "alphabet": None if coding is None else coding.alphabet,
            **({} if rate is None else {"sample_rate": rate}),
            "layers": [layer.alias for layer in self.layers],
            "channels": None if self._channels is None else list(self._channels),
            "k": self._k,
            "batch": self.batch,
            "labels": self._labels,
        }

    def count(self) -> int | None:
        """How many inputs there are; None where only reading them all tells."""
        if len(self.session.inputs) > 1:
            return None
        return count_all(self.inputs, self._kind)

    def batches(self, start: int) -> Iterator[Batch]:
        """The batches of `inputs`, from the input of that number on."""
        session = self.session
        signature = Signature(session.inputs, session.input, self._kind, wanted=self.batch)
        return load_batches(self.inputs, signature, start=start, workers=self._workers)

    def run(
        self,
        folder: str | os.PathLike[str],
        *,
        force: bool = False,
        on_batch: OnBatch | None = None,
        seconds: float = SECONDS,
    ) -> ScanReader:
        """Scan into a folder, or go on with what was begun there; a finished scan is left as it is.

        Args:
            folder: where the store is made; it is made, too.
            force: start anew whatever is there; the old store stays until the new one is whole.
            on_batch: is called for every batch, and first for those of an earlier run together.
            seconds: how often the state is saved, so that no more work is lost.

        Raises:
            InputError: the folder holds another scan, no input is good, or nothing can be written.
        """
        work = _open(Path(folder), self.run_values(), force=force)
        if isinstance(work, ScanReader):
            return work
        try:
            state = State.load(work, self.layers, self._k)
            self._pass(work, state, on_batch or _ignore, seconds)
            return self._finished(work, state, Path(folder))
        finally:
            work.close()

    def _pass(self, work: Unfinished, state: State, on_batch: OnBatch, seconds: float) -> None:
        saved = time.monotonic()
        on_batch(state.done, [])
        for batch, answer in self._answered(self.batches(state.done)):
            inputs = state.add(batch.inputs, answer)
            on_batch(state.done, inputs)
            if time.monotonic() - saved >= seconds:
                state.save(work)
                saved = time.monotonic()
        state.save(work)

    def _answered(self, source: Iterable[Batch]) -> Iterator[tuple[Batch, Answer]]:
        """Each batch with its statistics, which runs while the next is read."""
        return prefetch_map(source, lambda each: (each, self._run(each)), workers=1, ahead=1)

    def _run(self, batch: Batch) -> Answer:
        if not batch.feeds:
            return []
        try:
            return self.session.run(batch.feeds)
        except InputError as error:
            return error

    def _finished(self, work: Unfinished, state: State, folder: Path) -> ScanReader:
        run = work.run
        assert run is not None
        if not state.good:
            problem = work.first_problem() if state.done else "there are no inputs; give some"
            work.drop()
            many = f"none of {state.done} inputs can be scanned; the first, " * (state.done > 1)
            raise InputError(f"{many}{self._nonfinite_weights() or problem}")
        run["pictures"] = {"good": state.good, "bad": state.done - state.good}
        with work.finished() as path:
            tallies = list(zip(self.layers, state.tallies, strict=True))
            write(path, run, state.classes, work.pictures(), tallies)
        return ScanReader(folder)

    def _nonfinite_weights(self) -> str:
        """Which weights of the scanned layers are no numbers, in words; "" for none."""
        of_layers = (self.session.model.nonfinite_weights(each.tensor) for each in self.layers)
        return next(filter(None, of_layers), "")


def _usual_kind(session: ProbeSession) -> InputKind:
    """The kind of the input as the model's file says it."""
    model, name = session.model, session.input.name
    return choose_kind(model, name, choose_preprocessing(model, name))[0]


def _ignore(done: int, inputs: Sequence[Item | BadInput]) -> None:
    """Do nothing."""


def _layers(session: ProbeSession, channels: Sequence[int] | None) -> tuple[ScannedLayer, ...]:
    if channels is not None and not len(channels):
        raise InputError(f"no channel is named; leave {parameter('channels')} out for all of them")
    model = session.model
    fields = {layer.tensor.name: layer.field for layer in model.layers()}
    layers = []
    for probe in session.probes:
        alias = model.alias(probe.tensor)
        for channel in channels or ():
            if not 0 <= channel < probe.channels:
                raise InputError(
                    f"channel {channel} is out of range: '{alias}' has {probe.channels} channels; "
                    "count from 0"
                )
        shape = tuple(d if isinstance(d, int) else None for d in probe.item)
        chosen = range(probe.channels) if channels is None else sorted(set(channels))
        field = fields.get(probe.tensor)
        layers.append(
            ScannedLayer(alias, probe.tensor, shape, probe.channel_axis, tuple(chosen), field)
        )
    return tuple(layers)


def _open(folder: Path, run: dict[str, Any], *, force: bool) -> Unfinished | ScanReader:
    """The scan that was begun in a folder, a new one, or a finished one.

    Raises:
        InputError: what is there is of another scan.
    """
    make_folder(folder)
    begun = (folder / f"{FILE}.part").exists()
    finished = (folder / FILE).exists()
    if finished and not begun and not force:
        scan = ScanReader(folder)
        _check_same(folder, "a finished scan", scan.run, run)
        return scan
    if force:
        Unfinished.discard(folder)
    work = Unfinished(folder)
    there = work.run
    if there is None:
        work.begin(run)
        return work
    try:
        _check_same(folder, "an unfinished scan", there, run)
    except InputError:
        work.close()
        raise
    return work


def _check_same(folder: Path, what: str, there: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises InputError where the scan that is there is of something else; names the first."""
    for key in wanted:
        if key != "file" and there.get(key) != wanted[key]:
            raise InputError(
                f"{folder} holds {what} with {_difference(key, there.get(key), wanted[key])}; "
                f"choose another folder, or give {parameter('force', True)} to start anew"
            )


def _difference(key: str, there: Any, wanted: Any) -> str:
    texts = [str(value) for value in (there, wanted)]
    other = f"other {key}" if key.endswith("s") else f"another {key}"
    if key in ("inputs", "model", "labels") or max(map(len, texts)) > 60:
        return other
    return f"{other} ({texts[0]}, not {texts[1]})"
