"""What was measured, as it is kept in a file."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from retrograph.benchmarks.hardware import Machine
from retrograph.errors import InputError

SCHEMA = 1

Role = Literal["forward", "ours", "peer"]
Question = Literal["class", "layer", "classes"]


@dataclass(frozen=True)
class Entry:
    """One contestant.

    Attributes:
        name: as in tables.
        role: the forward pass alone, our explanation, or a peer's.
        ms: its times in milliseconds, in the order of the rounds; none where it was not timed.
        difference: of its attribution to ours, the greatest, as a share of the greatest magnitude.
        note: what is to be known of it; where it has no times, why.
        units: how many units of each item it explains; those of the case if None.
        peak_mb: the most memory that a process of its own held.
        idle_mb: what that process held before it loaded the model.
    """

    name: str
    role: Role
    ms: list[float] = field(default_factory=list)
    difference: float | None = None
    note: str = ""
    units: int | None = None
    peak_mb: float | None = None
    idle_mb: float | None = None

    @property
    def median(self) -> float:
        """In milliseconds; NaN where it was not timed."""
        return statistics.median(self.ms) if self.ms else math.nan

    @property
    def minimum(self) -> float:
        """In milliseconds; NaN where it was not timed."""
        return min(self.ms, default=math.nan)


@dataclass(frozen=True)
class Case:
    """One question, put to all contestants in one process.

    Attributes:
        model: its name.
        question: a class by the whole network, a unit of a middle layer, or several classes.
        target: the explained layer, in words.
        method: what was asked of ours.
        units: how many units of each item.
        batch: how many items.
        device, precision: where and in what it ran.
        threads: of the runtimes.
        multiply_adds: of the forward pass to the target, all items; None where not known.
        matrix_rate: multiply-adds a second of a large matrix product in the same process.
        load: the load average before and after; None where the system does not tell.
        entries: the contestants.
    """

    model: str
    question: Question
    target: str
    method: str
    units: int
    batch: int
    device: str
    precision: str
    threads: int
    multiply_adds: int | None
    matrix_rate: float | None
    load: list[float | None]
    entries: list[Entry]

    @property
    def words(self) -> str:
        """What was asked."""
        if self.question == "class":
            return "one class, whole network"
        if self.question == "classes":
            return f"{self.units} classes at once"
        return "a unit of a layer" if self.units == 1 else f"{self.units} units of a layer"

    def of(self, role: Role) -> Entry | None:
        """The first contestant of a role."""
        return next((entry for entry in self.entries if entry.role == role), None)

    def to_forward(self, entry: Entry) -> float:
        """Its median over that of the forward pass."""
        forward = self.of("forward")
        return entry.median / forward.median if forward else math.nan

    def to_ours(self, entry: Entry) -> float:
        """Its median over ours."""
        ours = self.of("ours")
        return entry.median / ours.median if ours else math.nan

    def to_arithmetic(self, entry: Entry) -> float:
        """Its median over the time that the multiply-adds need at the rate of matrix products.

        A class needs the forward pass and as much again, each further class as much once more. Of a
        unit in a middle layer the forward pass is counted, of which it takes a window.
        """
        if not self.multiply_adds or not self.matrix_rate:
            return math.nan
        backward = entry.units or self.units
        if entry.role == "forward" or self.question == "layer":
            backward = 0
        return entry.median / 1e3 / (self.multiply_adds * (1 + backward) / self.matrix_rate)


@dataclass(frozen=True)
class Building:
    """How a graph was built, in a process of its own.

    Attributes:
        model: its name.
        file_mb: the size of the source.
        nodes, built_nodes: of the source and of the built graph.
        seconds: from the file to the model in memory.
        peak_mb: the most memory that the process held.
        idle_mb: what it held before.
    """

    model: str
    file_mb: float
    nodes: int
    built_nodes: int
    seconds: float
    peak_mb: float | None
    idle_mb: float | None


@dataclass(frozen=True)
class Record:
    """A benchmark: where, by which command, and what was found."""

    machine: Machine
    command: str
    cases: list[Case]
    buildings: list[Building] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self) -> str:
        """As text that `from_json` reads."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """From what `to_json` wrote.

        Raises:
            InputError: it is something else.
        """
        try:
            found = json.loads(text)
            if found["schema"] != SCHEMA:
                raise InputError(
                    f"the benchmark has schema {found['schema']}, and this version reads {SCHEMA}; "
                    "measure again"
                )
            return cls(
                Machine(**found["machine"]),
                found["command"],
                [case_of(case) for case in found["cases"]],
                [Building(**building) for building in found["buildings"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"this is no benchmark of retrograph ({error}); measure again"
            ) from None


def read(files: Sequence[Path]) -> list[Record]:
    """Benchmarks from files.

    Raises:
        InputError: a file is no benchmark.
    """
    return [Record.from_json(file.read_text(encoding="utf-8")) for file in files]


def case_of(found: Mapping[str, Any]) -> Case:
    """A case from JSON."""
    entries = [Entry(**entry) for entry in found["entries"]]
    return Case(**{**found, "entries": entries})
