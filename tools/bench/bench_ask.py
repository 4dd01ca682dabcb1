"""What all contestants of a case are asked, and how a contestant answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from retrograph.benchmarks.record import Question

Array = np.ndarray[Any, Any]

TOLERANCE = {"float32": 1e-3, "tf32": 3e-2, "float16": 1e-1}
"""How far a peer's attribution may be from ours, as a share of our greatest magnitude."""


@dataclass(frozen=True)
class Spec:
    """One case of the suite, as it is handed to a process.

    Attributes:
        model: of `bench_suite.SUITE`.
        question: class, layer or classes.
        units: how many classes.
        batch: items.
        device: cpu or cuda.
        precision: float32, tf32 or float16.
        threads: of every contestant.
        rounds: times that are taken of each.
        peers: names of `bench_peers.peers`.
    """

    model: str
    question: Question
    units: int
    batch: int
    device: str
    precision: str
    threads: int
    rounds: int
    peers: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "peers": list(self.peers)}


@dataclass(frozen=True)
class Ask:
    """The input and the units that are explained.

    Attributes:
        spec: the case.
        x: [N, *input].
        classes: int64 [N, K], where classes are explained; else [N, 0].
        unit: the index in an item of the layer, where a layer's unit is, the same for all items.
        layer_values: the layer's values [N, *layer]; [N, 0] where classes are explained.
    """

    spec: Spec
    x: Array
    classes: Array
    unit: tuple[int, ...]
    layer_values: Array

    def save(self, file: Path) -> None:
        """Write the arrays for another process."""
        np.savez(
            file, x=self.x, classes=self.classes, unit=self.unit, layer_values=self.layer_values
        )

    @classmethod
    def load(cls, spec: Spec, file: Path) -> Ask:
        """What `save` wrote."""
        with np.load(file) as held:
            unit = tuple(int(i) for i in held["unit"])
            return cls(spec, held["x"], held["classes"], unit, held["layer_values"])


@dataclass(frozen=True)
class Run:
    """A contestant that is ready.

    Attributes:
        call: answers once, to the end.
        values: the attribution of an answer as float32 [N, *input] ([N, K, *input]).
        answer: which of our methods gives the same.
        note: what is to be known of it.
    """

    call: Callable[[], Any]
    values: Callable[[Any], Array]
    answer: str
    note: str = ""


def differences(attributions: Array, expected: Array) -> Array:
    """The largest difference of each item, relative to its largest expected magnitude: [N]."""
    axes = tuple(range(1, expected.ndim))
    scale = np.abs(expected).max(axes)
    apart: Array = np.abs(attributions - expected).max(axes) / np.where(scale > 0, scale, 1)
    return apart


def joined(parts: Sequence[tuple[Ask, Array]], count: int) -> Ask:
    """One question of the first `count` of the rows chosen from several questions."""

    def rows(of: Callable[[Ask], Array]) -> Array:
        return np.concatenate([of(ask)[chosen] for ask, chosen in parts])[:count]

    return replace(
        parts[0][0],
        x=rows(lambda ask: ask.x),
        classes=rows(lambda ask: ask.classes),
        layer_values=rows(lambda ask: ask.layer_values),
    )
