"""Where a pass over a data set stands: all that is needed to go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from retrograph.errors import InputError
from retrograph.preprocess import BadInput, Item
from retrograph.scanning.probe_session import ActivationStats
from retrograph.scanning.statistics import NO_CLASS, Tally
from retrograph.scanning.store import Row, ScannedLayer, write
from retrograph.scanning.unfinished import Saved, Unfinished

Input = Item | BadInput
Answer = list[ActivationStats] | InputError
"""The statistics of a batch, by layer, or why it cannot be run."""


@dataclass
class State:
    """What a pass over a data set has counted so far.

    Attributes:
        layers: what is scanned.
        tallies: one for each layer.
        classes: how many good pictures there are of each, in the order in which they were met.
        done: how many inputs are taken in.
        good: how many of them are good.
        new: the rows of pictures that are not on disk yet.
    """

    layers: Sequence[ScannedLayer]
    tallies: list[Tally]
    classes: dict[str, int] = field(default_factory=dict)
    done: int = 0
    good: int = 0
    new: list[Row] = field(default_factory=list)

    @classmethod
    def empty(cls, layers: Sequence[ScannedLayer], k: int) -> State:
        """The state of the beginning."""
        return cls(layers, [Tally.empty(len(x.channels), k, len(x.shape)) for x in layers])

    @classmethod
    def restored(cls, layers: Sequence[ScannedLayer], saved: Saved) -> State:
        """A state that was saved."""
        counts, arrays = saved
        tallies = []
        for number in range(len(layers)):
            lead = f"{number}/"
            of_layer = {n.removeprefix(lead): a for n, a in arrays.items() if n.startswith(lead)}
            tallies.append(Tally.from_arrays(of_layer))
        return cls(layers, tallies, **counts)

    def save(self, work: Unfinished) -> None:
        """Save it on disk."""
        arrays = {
            f"{number}/{name}": array
            for number, tally in enumerate(self.tallies)
            for name, array in tally.arrays().items()
        }
        counts = {"classes": self.classes, "done": self.done, "good": self.good}
        work.save(self.new, counts, arrays)
        self.new.clear()

    def merge(self, later: State) -> State:
        """Count what a pass over the inputs after these has counted; returns this state."""
        for label, pictures in later.classes.items():
            self.classes[label] = self.classes.get(label, 0) + pictures
        order = {label: number for number, label in enumerate(self.classes)}
        numbers = np.array([order[label] for label in later.classes], np.int64)
        for tally, other in zip(self.tallies, later.tallies, strict=True):
            tally.merge(other, self.done, numbers)
        self.new += [(self.done + number, *values) for number, *values in later.new]
        self.done += later.done
        self.good += later.good
        return self

    def add(self, inputs: Sequence[Input], answer: Answer) -> list[Input]:
        """Count a batch; returns its inputs, as bad ones those of which nothing can be counted."""
        checked = list(inputs)
        places = [place for place, each in enumerate(inputs) if isinstance(each, Item)]
        reasons = [
            _no_text(inputs[place].name) or why_bad
            for place, why_bad in zip(places, self._why_bad(answer, len(places)), strict=True)
        ]
        for place, reason in zip(places, reasons, strict=True):
            if reason is not None:
                name = inputs[place].name
                checked[place] = BadInput(name, InputError(f"{name}: {reason}"))
        numbers = [self._number(each) for each in checked]
        good = [n for n, each in zip(numbers, checked, strict=True) if isinstance(each, Item)]
        if good and not isinstance(answer, InputError):
            labels = [each.label for each in checked if isinstance(each, Item)]
            order = {label: number for number, label in enumerate(self.classes)}
            classes = [NO_CLASS if label is None else order[label] for label in labels]
            rows = np.flatnonzero([reason is None for reason in reasons])
            for layer, tally, stats in zip(self.layers, self.tallies, answer, strict=True):
                tally.add(stats.only(rows, np.array(layer.channels)), good, classes)
        return checked

    def _number(self, each: Input) -> int:
        """The number of the next input, which is noted with its class or problem."""
        number = self.done
        self.done += 1
        if isinstance(each, BadInput):
            self.new.append((number, _escaped(each.name), None, _escaped(str(each.error))))
            return number
        self.good += 1
        self.new.append((number, each.name, each.label, None))
        if each.label is not None:
            self.classes[each.label] = self.classes.get(each.label, 0) + 1
        return number

    def _why_bad(self, answer: Answer, rows: int) -> list[str | None]:
        """Why nothing can be counted of each of a batch's first rows; None where it can."""
        if isinstance(answer, InputError):
            return [answer.message] * rows
        reasons: list[str | None] = [None] * rows
        if not rows:
            return reasons
        for layer, stats in reversed([*zip(self.layers, answer, strict=True)]):
            for row in np.flatnonzero(~stats.finite[:rows]).tolist():
                reasons[row] = (
                    f"its activations in '{layer.alias}' are not all finite; "
                    "check the preprocessing"
                )
        return reasons


def none_good(done: int, problem: str) -> InputError:
    """The error of a scan of which no input is good; the problem is that of the first."""
    many = f"none of {done} inputs can be scanned; the first, " * (done > 1)
    return InputError(f"{many}{problem}")


def write_state(path: Path, run: Mapping[str, Any], state: State, pictures: Iterable[Row]) -> None:
    """Write the store of a pass that is done: see `store.write`."""
    counts = {"good": state.good, "bad": state.done - state.good}
    tallies = list(zip(state.layers, state.tallies, strict=True))
    write(path, {**run, "pictures": counts}, state.classes, pictures, tallies)


def _no_text(name: str) -> str | None:
    """Why a name cannot be kept, if it cannot: file systems take bytes that are no text."""
    return None if _escaped(name) == name else "its name is no UTF-8 text; rename it"


def _escaped(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
