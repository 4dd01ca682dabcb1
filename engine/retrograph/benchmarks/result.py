"""A benchmark of one model as a result: drawn as bars, saved, recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retrograph.benchmarks.hardware import cores, machine
from retrograph.benchmarks.measure import measure
from retrograph.benchmarks.plot import plot
from retrograph.benchmarks.record import Case, Record
from retrograph.benchmarks.subject import Subject
from retrograph.inputs.loader import Progress
from retrograph.keywords import checked_keywords
from retrograph.methods.chosen import MethodChoice, chosen_methods
from retrograph.model import Model, Source
from retrograph.results import Result
from retrograph.runtime import Array


@dataclass(frozen=True, repr=False)
class Bench(Result, Record):
    """How long explanations of a model take beside its forward pass.

    The attributes are those of `Record`: the machine, the command and a case for each batch.

    Example:
        >>> bench = retrograph.bench("net.onnx", method="guided,gradient", batch=[1, 16])
        >>> [[case.to_forward(entry) for entry in case.entries] for case in bench.cases]
    """

    made_by = "bench()"

    def image(self, style: str | None = None) -> Image.Image:
        """Bars of the ratio to the forward pass, a panel for each batch.

        Args:
            style: leave it out; a benchmark is drawn in one way.

        Raises:
            InputError: matplotlib is not installed, or a style is given.
        """
        self.refuse_style(style)
        return Image.fromarray(plot(self))

    def to_dict(self) -> dict[str, Any]:
        """Every time, as plain values: what `retrograph bench --json` prints.

        Returns:
            schema, machine, command, cases [{model, question, target, method, units, batch,
            device, precision, threads, multiply_adds, matrix_rate, load, entries}], buildings.
        """
        return Record.to_dict(self)

    def summary(self) -> str:
        """The ratio of each method to the forward pass, by batch."""
        return "; ".join(map(_ratios, self.cases))

    def arrays(self) -> dict[str, Array]:
        """The times in milliseconds [rounds], by batch and name, as in "batch 1/guided"."""
        return {
            f"batch {case.batch}/{entry.name}": np.array(entry.ms)
            for case in self.cases
            for entry in case.entries
        }


@checked_keywords
def bench(
    model: Source,
    layer: str | None = None,
    *,
    method: MethodChoice = "guided",
    parameters: Sequence[str] = (),
    wrt: str | None = None,
    units: int = 1,
    batch: int | Sequence[int | None] | None = None,
    item: Sequence[int] | None = None,
    rounds: int = 20,
    device: str = "cpu",
    threads: int | None = None,
    command: str = "retrograph.bench",
    progress: Progress | None = None,
) -> Bench:
    """The times of the forward pass and of each method, in turns, on random inputs.

    Args:
        model: a path to an .onnx file, or a model in memory.
        layer: alias or tensor; the class scores if None.
        method: a method, or several; see `chosen_methods`, as for `parameters`.
        parameters: of the methods, where they are a text.
        wrt: the input that is explained; every one if None.
        units: how many of the most active units of each item are explained at once.
        batch: how many items, or several such numbers, a case each; what the model fixes, or 1,
            if None.
        item: the shape of an input without its batch, where the model leaves it open.
        rounds: how many times are taken of each.
        device: as in `Explainer`.
        threads: of the runtime; one a core if None.
        command: what the record says was run.
        progress: takes how many cases are measured, and of how many.

    Raises:
        InputError, UnsupportedError, DeviceError: as in `Explainer`, or an input's size is not
            known.
    """
    opened = model if isinstance(model, Model) else Model(model)
    methods = chosen_methods(method, parameters)
    subject = Subject(opened, layer, wrt)
    batches = [batch] if batch is None or isinstance(batch, (int, str)) else list(batch)
    cases: list[Case] = []
    for size in batches:
        case = measure(
            Path(opened.name).stem,
            subject,
            methods,
            batch=size,
            units=units,
            item=item,
            rounds=rounds,
            device=device,
            threads=threads or cores(),
        )
        cases.append(case)
        if progress is not None:
            progress(len(cases), len(batches))
    return Bench(machine(), command, cases)


def _ratios(case: Case) -> str:
    ratios = [
        f"{entry.name} {case.to_forward(entry):.2f}"
        for entry in case.entries
        if entry.role != "forward"
    ]
    return f"{case.model} batch {case.batch}: {', '.join(ratios)} of the forward pass"
