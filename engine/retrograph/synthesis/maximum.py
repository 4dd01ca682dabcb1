"""What an ascent has come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retrograph.preprocess.picture import Pixels
from retrograph.runtime import Array


@dataclass(frozen=True)
class Maximum:
    """One input that was made.

    Attributes:
        unit: its unit's index, or its channel's number; () for a whole layer.
        start: what was started from, without noise; None of a code.
        input: what the model takes, without the batch axis; of a picture as its 256 grey levels
            give it.
        picture: the same as a picture, uint8 [H, W, 3]; None where it is none.
        before: the activation at the start.
        activation: the activation of `input`, as the model sees it, neither shifted nor zoomed.
        probability: that of its class, where the units are classes; else None.
        probabilities: [classes], where the model tells classes apart.
        steps: how many steps were done.
        finished: whether these are all; False after an interrupt.
        silent: whether no step met a gradient, as of a ReLU that never fires on the way.
        why: the node through which none came, and what to do; "" where that is not known.
        history: the activation at each step, as the model saw it then.
        snapshots: the step, and the input as it was after it, for some steps on the way.
        code: the generator's input, if there is one.
    """

    unit: tuple[int, ...]
    start: Array | None
    input: Array
    picture: Pixels | None
    before: float
    activation: float
    probability: float | None
    probabilities: Array | None
    steps: int
    finished: bool
    silent: bool
    history: Array
    snapshots: tuple[tuple[int, Array], ...] = ()
    code: Array | None = None
    why: str = ""


@dataclass(frozen=True)
class Progress:
    """How far it is, told at each step.

    Attributes:
        units: those that are climbed for together.
        step, steps: the step that was done, and how many there are, for each unit.
        done, total: how many were done, and how many there are, for all units.
        activation: the mean over the units, as the model saw them.
    """

    units: Sequence[tuple[int, ...]]
    step: int
    steps: int
    done: int
    total: int
    activation: float


Watch = Callable[[Progress], None]


def unwatched(progress: Progress) -> None:
    """For those who need not know."""
