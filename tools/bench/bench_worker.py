"""One case of the benchmark in a process of its own; `bench.py` starts it.

    python tools/bench/bench_worker.py times SPEC OUT       all contestants in turns
    python tools/bench/bench_worker.py memory SPEC OUT NAME one contestant alone, for its memory

SPEC is JSON. The first writes what all need (graphs, inputs) beside OUT, the second reads it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench_ask import TOLERANCE, Array, Ask, Run, Spec, differences, joined
from bench_ort import graph_run, selection
from bench_suite import SUITE, Network, model_file
from retrograph.benchmarks import Case, Entry, Subject, alternate, load, matrix_rate, peak_memory
from retrograph.benchmarks.record import Role
from retrograph.methods import METHODS, Method
from retrograph.methods.parameters import configured
from retrograph.model import Model, save

FORWARD, OURS, ONE_CLASS = "ONNX Runtime forward", "retrograph", "retrograph, one class"
_MEMORY_RUNS = 3
_BATCHES, _ITEMS = 6, 20
_NUDGES = 3


class Worker:
    """The contestants of a case, made ready from the files in a folder."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        self.spec, self.folder = spec, folder
        self.network: Network = SUITE[spec.model]
        self.left_out = 0

    def write(self) -> tuple[Subject, Ask]:
        """Write the graphs and the question."""
        source = Model(self._source())
        layer = self.network.layer
        asked_layer = layer.alias if layer and self.spec.question == "layer" else None
        subject = Subject(source, asked_layer)
        save(subject.forward(), self._file("forward"), force=True)
        many = self.spec.question == "classes"
        guided = configured(METHODS["guided"], {"activations": self.network.activations})
        self._build(subject, "guided", guided, many)
        self._build(subject, "gradient", METHODS["gradient"], many)
        if many:
            self._build(subject, "one", guided, False)
        ask = self._sifted() if self.spec.peers else self._drawn(0)
        ask.save(self._file("ask").with_suffix(".npz"))
        return subject, ask

    def _sifted(self) -> Ask:
        """Inputs that a float32 engine can be held to: no ReLU is within rounding of its kink.

        Where one is, two engines may take different sides, and both be right. Of inputs that are
        drawn, those are kept on which the first peer agrees with us; where all tries do not give
        enough, the last are taken as they come.
        """
        try:
            self.peer(self.spec.peers[0], self._drawn(0))
        except Exception:  # it will say why when its turn comes
            return self._drawn(0)
        parts: list[tuple[Ask, Array]] = []
        for seed in range(max(_BATCHES, _ITEMS // self.spec.batch)):
            ask = self._drawn(seed, parts[0][0].unit if parts else None)
            peer = self.peer(self.spec.peers[0], ask)
            apart = differences(peer.values(peer.call()), self.expected(peer.answer, ask))
            parts.append((ask, np.flatnonzero(apart < self.limit(peer.answer, ask))))
            usable = sum(len(rows) for _, rows in parts)
            self.left_out = len(parts) * self.spec.batch - usable
            if usable >= self.spec.batch:
                return joined(parts, self.spec.batch)
        return joined([*parts, (ask, np.arange(self.spec.batch))], self.spec.batch)

    def _source(self) -> Any:
        file = model_file(self.network)
        if self.spec.precision != "float16":
            return file
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        return convert_float_to_float16(onnx.load(file))

    def _build(self, subject: Subject, name: str, method: Method, many: bool) -> None:
        save(
            subject.explained(method, "unit", many, self.spec.device), self._file(name), force=True
        )

    def _drawn(self, seed: int, unit: tuple[int, ...] | None = None) -> Ask:
        """Noise, and the units of it that are most active (of a layer, in the first item)."""
        x = np.random.default_rng(seed).standard_normal((self.spec.batch, *self.network.item))
        nothing = np.zeros((self.spec.batch, 0), np.int64)
        ask = Ask(self.spec, x.astype(np.float32), nothing, (), nothing)
        forward = self.forward(ask)
        values = forward.values(forward.call())
        if self.spec.question != "layer":
            best = np.argsort(-values, 1, kind="stable")[:, : self.spec.units]
            return replace(ask, classes=best.astype(np.int64))
        top = np.unravel_index(int(values[0].argmax()), values.shape[1:])
        return replace(ask, unit=unit or tuple(map(int, top)), layer_values=values)

    def ask(self) -> Ask:
        """What the first process wrote."""
        return Ask.load(self.spec, self._file("ask").with_suffix(".npz"))

    def contestants(self) -> dict[str, Callable[[Ask], Run]]:
        """For each contestant the function that prepares it, in the order of the tables."""
        runs: dict[str, Callable[[Ask], Run]] = {FORWARD: self.forward, OURS: self.ours}
        if self.spec.question == "classes":
            runs[ONE_CLASS] = self.one_class
        return runs | {name: partial(self.peer, name) for name in self.spec.peers}

    def forward(self, ask: Ask) -> Run:
        """The forward pass to the target."""
        return self._graph("forward", ask, {}, [])

    def ours(self, ask: Ask) -> Run:
        """Guided backpropagation by the built graph."""
        return self._explained("guided", ask)

    def expected(self, answer: str, ask: Ask) -> Array:
        """Our attribution by guided or gradient."""
        ours = self._explained(answer, ask)
        return ours.values(ours.call())

    def limit(self, answer: str, ask: Ask) -> Array:
        """How far each item's answer may be from ours: [N].

        Where a peer gives the plain gradient, no more than twice what rounding may make of it: our
        own gradient's change when each number of the input is moved by its last bit. On ReLU6 this
        is some per cent, of a guided map next to nothing.
        """
        limits = np.full(len(ask.x), TOLERANCE[self.spec.precision])
        if answer == "guided":
            return limits
        still = self.expected(answer, ask)
        for seed in range(_NUDGES):
            signs = np.random.default_rng(seed).choice([-1, 1], ask.x.shape)
            moved = replace(ask, x=np.nextafter(ask.x, (ask.x + signs).astype(np.float32)))
            limits = np.maximum(limits, 2 * differences(self.expected(answer, moved), still))
        return limits

    def one_class(self, ask: Ask) -> Run:
        """Ours for the first class alone."""
        return self._graph("one", ask, {"select": ask.classes[:, :1]}, ["attribution", "score"])

    def peer(self, name: str, ask: Ask) -> Run:
        """A peer, which needs PyTorch."""
        from bench_peers import peers

        return peers()[name](self.network, ask)

    def _explained(self, name: str, ask: Ask) -> Run:
        return self._graph(name, ask, {"select": selection(ask)}, ["attribution", "score", "unit"])

    def _graph(self, name: str, ask: Ask, more: dict[str, Array], outputs: list[str]) -> Run:
        return graph_run(self._file(name), ask.x, more, outputs, self.spec)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.onnx"


def times(worker: Worker) -> Case:
    """All contestants of a case in turns, each checked against ours first."""
    spec = worker.spec
    if spec.peers:
        from bench_peers import prepare

        prepare(spec)
    subject, ask = worker.write()
    ready: dict[str, Run] = {}
    entries: dict[str, Entry] = {}
    expected: dict[str, Array] = {}
    for name, make in worker.contestants().items():
        entries[name], run = _checked(name, make, ask, worker, expected)
        if run is not None:
            ready[name] = run
    before = load()
    rate = matrix_rate(spec.threads, spec.device)
    seconds = alternate({name: run.call for name, run in ready.items()}, spec.rounds)
    for name, elapsed in seconds.items():
        entries[name] = replace(entries[name], ms=[t * 1e3 for t in elapsed])
    if worker.left_out:
        note = f"{worker.left_out} drawn inputs were left out, on which float32 engines disagree"
        entries[OURS] = replace(entries[OURS], note=note)
    layer = worker.network.layer
    return Case(
        model=worker.network.title,
        question=spec.question,
        target=layer.title if layer and spec.question == "layer" else subject.title,
        method=f"guided {worker.network.activations}".strip(),
        units=spec.units,
        batch=spec.batch,
        device=spec.device,
        precision=spec.precision,
        threads=spec.threads,
        multiply_adds=subject.multiply_adds(spec.batch),
        matrix_rate=rate,
        load=[before, load()],
        entries=list(entries.values()),
    )


def _checked(
    name: str,
    make: Callable[[Ask], Run],
    ask: Ask,
    worker: Worker,
    expected: dict[str, Array],
) -> tuple[Entry, Run | None]:
    """A contestant without its times yet, and what is timed: None where it answers wrongly."""
    role: Role = "forward" if name == FORWARD else "peer" if name in ask.spec.peers else "ours"
    try:
        run = make(ask)
        attribution = run.values(run.call())
    except Exception as error:  # a peer may fail in any way, and the others go on
        if role != "peer":
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Entry(name, role, note=f"not timed: {reason[:160]}"), None
    if name == OURS:
        expected["guided"] = attribution
    if role != "peer":
        return Entry(name, role, units=1 if name == ONE_CLASS else None), run
    if run.answer not in expected:
        expected[run.answer] = worker.expected(run.answer, ask)
    each = differences(attribution, expected[run.answer])
    apart = float(each.max())
    if not (each < worker.limit(run.answer, ask)).all():
        note = f"not timed: its answer is not our {run.answer}, it differs by {apart:.1e}"
        return Entry(name, role, difference=apart, note=note), None
    return Entry(name, role, difference=apart, note=run.note), run


def memory(worker: Worker, name: str) -> dict[str, float | None]:
    """The most memory that this process holds with one contestant, and what it held before."""
    ask = worker.ask()
    if name in worker.spec.peers:
        from bench_peers import prepare

        prepare(worker.spec)
    idle = peak_memory()
    run = worker.contestants()[name](ask)
    for _ in range(_MEMORY_RUNS):
        run.call()
    return {"peak_mb": peak_memory(), "idle_mb": idle}


def main(argv: list[str]) -> None:
    """Do one case, and write what was found as JSON."""
    kind, spec, out = argv[0], Spec(**json.loads(argv[1])), Path(argv[2])
    worker = Worker(spec, out.parent)
    measured = asdict(times(worker)) if kind == "times" else memory(worker, argv[3])
    out.write_text(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
