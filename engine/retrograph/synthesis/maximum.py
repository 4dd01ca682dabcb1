"""What an ascent has come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retrograph.preprocess.picture import Pixels
from retrograph.runtime import Array

_STILL = 0.05
"""The share of the whole rise that the last tenth of the steps may have."""


@dataclass(frozen=True, eq=False)
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

    @property
    def best_class(self) -> int | None:
        """The class that the model gives the input; None where it tells none apart."""
        return None if self.probabilities is None else int(self.probabilities.argmax())

    @property
    def converged(self) -> bool:
        """Whether the activation has stopped to rise: little of its rise is of the last tenth.

        True too of a whole layer's, which has no maximum to come to, and where no step rose.
        """
        part = max(1, len(self.history) // 10)
        if not self.unit or self.silent or len(self.history) < 2:
            return True
        first, before, last = (
            float(self.history[steps].mean())
            for steps in (slice(part), slice(-2 * part, -part), slice(-part, None))
        )
        return last - before <= _STILL * abs(last - first)


OnStep = Callable[[int, float, Callable[[], Pixels | None]], None]
"""Told after each step: its number, the activation before it, and what draws the picture so far."""


Progress = Callable[[int, int | None], None]
"""Told after each step: how many steps of all units are done, and how many there are."""


def ignore_progress(done: int, total: int | None) -> None:
    """Show no progress."""
