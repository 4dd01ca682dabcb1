"""One model measured: its forward pass, and methods of explaining it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrograph.benchmarks.hardware import load, matrix_rate
from retrograph.benchmarks.record import Case, Entry, Question
from retrograph.benchmarks.runner import Runner
from retrograph.benchmarks.subject import Subject
from retrograph.benchmarks.timing import alternate
from retrograph.contract import Contract
from retrograph.keywords import check_counts
from retrograph.methods import Method
from retrograph.runtime import Array, suited

FORWARD = "ONNX Runtime forward"


def measure(
    name: str,
    subject: Subject,
    methods: Mapping[str, Method],
    *,
    batch: int | None = None,
    units: int = 1,
    item: Sequence[int] | None = None,
    rounds: int = 20,
    threads: int,
    device: str = "cpu",
) -> Case:
    """The times of the forward pass and of each method, in turns.

    Args:
        name: the model's.
        subject: the model and its layer.
        methods: by name.
        batch: how many items; what the model fixes, or 1, if None.
        units: how many of the most active units of each item are explained at once.
        item: the shape of an input without its batch, where the model leaves it open.
        rounds: how many times are taken of each.
        device, threads: as in `Explainer`.

    Raises:
        InputError, UnsupportedError, DeviceError: as in `Explainer`, or an input's size is not
            known.
    """
    check_counts(batch=batch, units=units, rounds=rounds, threads=threads)
    feeds = subject.feeds(batch, item)
    items = next((array.shape[0] for array in feeds.values() if array.ndim), 1)
    runners = _runners(subject, methods, feeds, units, device, threads)
    before = load()
    rate = matrix_rate(threads, device)
    seconds = alternate(runners, rounds)
    entries = [
        Entry(title, "forward" if title == FORWARD else "ours", ms=[t * 1e3 for t in times])
        for title, times in seconds.items()
    ]
    return Case(
        model=name,
        question=_question(subject, units),
        target=subject.title,
        method=", ".join(methods),
        units=units,
        batch=items,
        device=runners[FORWARD].device,
        precision="float32",
        threads=threads,
        multiply_adds=subject.multiply_adds(items),
        matrix_rate=rate,
        load=[before, load()],
        entries=entries,
    )


def _runners(
    subject: Subject,
    methods: Mapping[str, Method],
    feeds: Mapping[str, Array],
    units: int,
    device: str,
    threads: int,
) -> dict[str, Runner]:
    """The forward pass and each method's graph, ready to run on the same inputs."""
    forward = subject.forward()
    outputs = [value.name for value in forward.graph.output]
    runners = {FORWARD: Runner(forward, feeds, outputs, device, threads)}
    for title, method in methods.items():
        built = subject.explained(method, many=units > 1, device=suited(device))
        contract = Contract.from_properties({p.key: p.value for p in built.metadata_props})
        assert contract is not None
        chosen = {} if contract.chooser is None else {contract.chooser: np.array([units])}
        runners[title] = Runner(built, {**feeds, **chosen}, contract.added, device, threads)
    return runners


def _question(subject: Subject, units: int) -> Question:
    if not subject.is_whole:
        return "layer"
    return "classes" if units > 1 else "class"
