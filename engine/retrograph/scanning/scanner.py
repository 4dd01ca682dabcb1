"""The pass over a data set."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from retrograph._version import __version__
from retrograph.errors import InputError, parameter
from retrograph.inputs import InputKind, choose_kind, choose_preprocessing
from retrograph.inputs.loader import (
    Batch,
    Input,
    Signature,
    as_list,
    batch_items,
    count_all,
    load_batches,
)
from retrograph.inputs.portion import portion_of
from retrograph.inputs.share import Share
from retrograph.keywords import check_counts
from retrograph.prefetch import prefetch_map
from retrograph.preprocess import BadInput, Item
from retrograph.scanning.fingerprint import fingerprints, on_any_machine, on_this_machine
from retrograph.scanning.gathering import gather
from retrograph.scanning.parts import ScanPart, part_file, part_record
from retrograph.scanning.probe_session import BATCH, ProbeSession
from retrograph.scanning.reader import ScanReader
from retrograph.scanning.state import Answer, State, none_good, write_state
from retrograph.scanning.store import FILE, VERSION, ScannedLayer
from retrograph.scanning.taking_up import take_up
from retrograph.scanning.unfinished import Unfinished

SECONDS = 2.0
"""How much work an interruption may cost at most, about; more where saving takes long."""

_SAVING = 10
"""So many times the interval passes between two savings that take a second each."""

_AHEAD = 8
"""So many inputs wait for their run, about, so that runs go on while others are counted."""

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
        batch: int = BATCH,
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
        return self._run_values(fingerprints(self.inputs, self._kind.file_suffixes))

    def _run_values(self, inputs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        coding, rate = self._kind.coding, self._kind.sample_rate
        return {
            "version": VERSION,
            "retrograph": __version__,
            "file": self._file,
            "model": self.session.model.sha256,
            "device": self.session.device,
            "inputs": [*map(on_this_machine, inputs)],
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

    @property
    def signature(self) -> Signature:
        """What a run takes."""
        session = self.session
        return Signature(session.inputs, session.input, self._kind, wanted=self.batch)

    def batches(self, start: int) -> Iterator[Batch]:
        """The batches of `inputs`, from the input of that number on."""
        return load_batches(self.inputs, self.signature, start=start, workers=self._workers)

    def count_items(self, items: Iterable[Item | BadInput]) -> State:
        """The state of some inputs, of which the first one's number is a multiple of the batch."""
        state = State.empty(self.layers, self._k)
        batches = batch_items(items, self.signature)
        for inputs, answer in gather((batch, self._run(batch)) for batch in batches):
            state.add(inputs, answer)
        return state

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
            on_batch: is called for every batch, of one input for several of them, and first for
                those of an earlier run together.
            seconds: how often the state is saved, so that no more work is lost.

        Raises:
            InputError: the folder holds another scan, no input is good, or nothing can be written.
        """
        target = Path(folder, FILE)
        work = take_up(target, self.run_values(), lambda path: ScanReader(path).run, force=force)
        if work is not None:
            try:
                state = self._pass(work, self.batches, on_batch, seconds)
                self._finish(work, state)
            finally:
                work.close()
        return ScanReader(folder)

    def run_part(
        self,
        share: Share,
        folder: str | os.PathLike[str],
        *,
        force: bool = False,
        on_batch: OnBatch | None = None,
        seconds: float = SECONDS,
    ) -> ScanPart:
        """Scan one part of the inputs, for `merge_parts`; else as `run`.

        Raises:
            InputError: as in `run`, or there are fewer inputs than were counted.
        """
        portion = portion_of(self.inputs, self.signature, share)
        first, end = portion.first, portion.end
        known = fingerprints(self.inputs, self._kind.file_suffixes)
        record = part_record(share, first, end, self.layers, [*map(on_any_machine, known)])
        run = self._run_values(known) | record
        target = Path(folder, part_file(share))
        work = take_up(target, run, lambda path: ScanPart(path).run, force=force)
        if work is not None:
            try:
                state = self._pass(
                    work,
                    lambda done: portion.batches(self.signature, done, self._workers),
                    on_batch,
                    seconds,
                )
                if state.done < end - first:
                    raise InputError(
                        f"{share} has {state.done} inputs where {end - first} were counted: files "
                        "went away or an archive is cut off; mend that, and run the part again"
                    )
                work.keep()
            finally:
                work.close()
        return ScanPart(target)

    def _pass(
        self,
        work: Unfinished,
        batches: Callable[[int], Iterator[Batch]],
        on_batch: OnBatch | None,
        seconds: float,
    ) -> State:
        """The state after all batches, those from a number of an input on."""
        saved = work.state()
        state = (
            State.empty(self.layers, self._k)
            if saved is None
            else State.restored(self.layers, saved)
        )
        tell = on_batch or _ignore
        due = time.monotonic() + seconds
        tell(state.done, [])
        is_whole = True
        try:
            for inputs, answer in gather(self._answered(batches(state.done))):
                is_whole = False
                checked = state.add(inputs, answer)
                is_whole = True
                tell(state.done, checked)
                if time.monotonic() >= due:
                    is_whole = False
                    due = _save(state, work, seconds)
                    is_whole = True
        except KeyboardInterrupt:
            if is_whole:
                state.save(work)
            raise
        state.save(work)
        return state

    def _answered(self, source: Iterable[Batch]) -> Iterator[tuple[Batch, Answer]]:
        """Each batch with its statistics, which runs while the next are read and others counted."""
        runs = self.session.runs
        ahead = runs + _AHEAD // self.batch
        return prefetch_map(source, lambda each: (each, self._run(each)), workers=runs, ahead=ahead)

    def _run(self, batch: Batch) -> Answer:
        if not batch.feeds:
            return []
        try:
            return self.session.run(batch.feeds)
        except InputError as error:
            return error

    def _finish(self, work: Unfinished, state: State) -> None:
        """Make the store of a state."""
        run = work.run
        assert run is not None
        if not state.good:
            problem = work.first_problem() if state.done else "there are no inputs; give some"
            work.drop()
            raise none_good(state.done, self._nonfinite_weights() or problem)
        with work.finished() as path:
            write_state(path, run, state, work.pictures())

    def _nonfinite_weights(self) -> str:
        """Which weights of the scanned layers are no numbers, in words; "" for none."""
        of_layers = (self.session.model.nonfinite_weights(each.tensor) for each in self.layers)
        return next(filter(None, of_layers), "")


def _usual_kind(session: ProbeSession) -> InputKind:
    """The kind of the input as the model's file says it."""
    model, name = session.model, session.input.name
    return choose_kind(model, name, choose_preprocessing(model, name))[0]


def _save(state: State, work: Unfinished, seconds: float) -> float:
    """Save a state; returns when to save it next, so that saving takes a twentieth of the time."""
    begun = time.monotonic()
    state.save(work)
    now = time.monotonic()
    return now + seconds * max(1.0, _SAVING * (now - begun))


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
