"""What is asked of a model that is explained, and how it is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from retrograph.inputs import PreprocessingChoice
from retrograph.keywords import check_counts
from retrograph.methods import Method
from retrograph.methods.chosen import MethodChoice, chosen_methods
from retrograph.pipeline.aim import ANYTHING, Aim
from retrograph.pipeline.labels import Labels
from retrograph.pipeline.units import Unit
from retrograph.preprocess import Preprocessing
from retrograph.render import style_named
from retrograph.runtime.parallel_runs import ParallelRuns

USUAL = "guided"
"""The method, if none is asked for."""
WITHOUT_RELU = "gradient"
"""The same, of a model on whose path there is no ReLU."""
COMPARED = "gradient,deconvnet,guided"
"""The methods that are compared, if none is asked for."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a model.

    Attributes:
        method: a method, or several; the usual ones of the command if None.
        parameters: of the methods, where they are a text: see `chosen_methods`.
        unit: see `parse_unit`.
        layer: alias or tensor; the class scores if None.
        top: how many of the most active units; of boxes, or of the channels of a layer with
            positions, how many of these.
        aim: what is asked of the outputs instead of a unit by its index.
        wrt: the inputs that are explained; the first if None.
    """

    method: MethodChoice | None = None
    parameters: Sequence[str] = ()
    unit: Unit | None = None
    layer: str | None = None
    top: int = 1
    aim: Aim = ANYTHING
    wrt: str | tuple[str, ...] | None = None

    def methods(self, usual: MethodChoice) -> dict[str, Method]:
        """The methods by their titles; the usual ones where none is asked for.

        Raises:
            InputError: a method or a parameter is none.
        """
        return chosen_methods(usual if self.method is None else self.method, self.parameters)


@dataclass(frozen=True)
class Reading:
    """How inputs are read, and classes named.

    Attributes:
        labels: the class names: a file or a list; those that the model's file carries if None.
        preprocessing: how a picture becomes the input; as the model's file says if None.
        alphabet: the letters of a sequence's channels; as the model's file says if None.
        sample_rate: of a waveform, samples a second; as the model's file says if None.
        is_alphabet_assumed: whether nothing says the alphabet; it asks nothing.
        known: how the preprocessing was chosen, where that is found out; it asks nothing.
    """

    labels: Labels | None = None
    preprocessing: Preprocessing | str | None = None
    alphabet: str | None = None
    sample_rate: int | None = None
    is_alphabet_assumed: bool = False
    known: PreprocessingChoice | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Running:
    """Where and how graphs run.

    Attributes:
        device, threads, precision, straight_through: as in `Explainer`.
        side_by_side: how runs share the threads; None where one run has them all.
    """

    device: str = "auto"
    threads: int | None = None
    precision: str | None = None
    straight_through: bool | None = None
    side_by_side: ParallelRuns | None = None

    @property
    def runs(self) -> int:
        """How many runs are under way at a time."""
        return 1 if self.side_by_side is None else self.side_by_side.count

    @property
    def threads_each(self) -> int | None:
        """How many threads an operator of each run may use."""
        return self.threads if self.side_by_side is None else self.side_by_side.threads

    @property
    def keywords(self) -> dict[str, Any]:
        """Those of `Explainer`."""
        return {
            "device": self.device,
            "threads": self.threads_each,
            "precision": self.precision,
            "straight_through": self.straight_through,
        }


@dataclass(frozen=True)
class ExplainSettings:
    """What is asked of a model, and how it is answered.

    Attributes:
        question: the methods, the layer and the unit.
        reading: of the inputs.
        running: of the graphs.
        batch: how many inputs a run takes where the model leaves that open.
        outputs: whether the graphs keep the model's own outputs.
        style: how attributions are drawn; each method's own way if None.

    Raises:
        InputError: a number is none from 1, or there is no such style.
    """

    question: Question
    reading: Reading = field(default_factory=Reading)
    running: Running = field(default_factory=Running)
    batch: int = 1
    outputs: bool = True
    style: str | None = None

    def __post_init__(self) -> None:
        check_counts(top=self.question.top, batch=self.batch)
        if self.style is not None:
            style_named(self.style)
