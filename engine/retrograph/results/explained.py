"""What is known of an explained input."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from retrograph.results.conservation import Balance
from retrograph.results.context import ExplainContext
from retrograph.results.objective import NOTHING, Found, Objective
from retrograph.runtime import Array


@dataclass(frozen=True)
class Blank:
    """An attribution that is 0 everywhere.

    Attributes:
        method: by which it was made.
        place: the number of its unit among those that are explained.
        reason: why, and what to do; "" where that is not known.
    """

    method: str
    place: int
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class ExplainedInput:
    """One input and its attributions for K units.

    Attributes:
        context: what is the same for every input.
        name: where it came from.
        shown: the picture that the model sees; None where the input is no picture.
        array: the input.
        attributions: for each method [K, *input].
        scores: [K].
        units: int64 [K, r].
        classes: the model's class scores, if it has any.
        file: what it was written to.
        note: what is to be known of how it was read; "" where there is nothing.
        balances: where relevance went, for each method of relevance and each unit.
        blanks: the attributions that are 0 everywhere.
        found: what was found in the outputs, where that is explained instead of units by their
            indices.
        frame: height and width of the input, where it has them and something was found.
        sample_rate: of a sound, samples a second in the array; None for what is none.
        rows_joined: whether the array and the attributions are those of a whole batch.
    """

    context: ExplainContext
    name: str
    shown: Image.Image | None
    array: Array
    attributions: dict[str, Array]
    scores: Array
    units: Array
    classes: Array | None
    file: str | None = None
    note: str = ""
    balances: tuple[Balance, ...] = ()
    blanks: tuple[Blank, ...] = ()
    found: Found = NOTHING
    frame: tuple[int, int] | None = None
    sample_rate: int | None = None
    rows_joined: bool = False

    def objective(self, k: int) -> Objective | None:
        """What was found that unit k stands for; None where the unit was chosen by its index."""
        objectives = self.found.objectives
        return objectives[k] if k < len(objectives) and objectives[k].name else None

    def unit_name(self, k: int) -> str:
        """Unit k in words."""
        objective = self.objective(k)
        return self.context.unit(self.units[k]) if objective is None else objective.name
