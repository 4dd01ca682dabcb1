"""How pictures become a model's input, and how that is known, in words and as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from retrograph.errors import Spelling, in_python, parameter, spelled
from retrograph.inputs.trials import Trial
from retrograph.preprocess import Preprocessing
from retrograph.preprocess.described import recipe_name

Source: TypeAlias = Literal["stored", "declared", "given", "probed", "assumed"]

_ENOUGH: Final = 4
"""Fewer pictures are little to go by."""
_TELLING: Final = 0.2
"""Nats; where the best preprocessing gives less, the pictures decide nothing."""
_TELLING_OF_FEW: Final = 0.5
"""The same, of fewer than enough pictures."""
_MODERATE: Final = 25.0
"""The spread of scores that a trained network may well have."""
_PROPER_NAMES: Final = {
    "0-1": "values scaled to 0..1",
    "0-255": "values from 0 to 255",
    "-1-1": "values scaled to -1..1",
    "imagenet": "ImageNet mean and deviation",
    "caffe-bgr": "Caffe, BGR, mean subtracted",
    "cifar10": "CIFAR-10 mean and deviation",
    "mnist": "MNIST mean and deviation",
}
"""What presets are called in the field."""


@dataclass(frozen=True, eq=False)
class PreprocessingChoice:
    """How pictures become a model's input, and how that is known.

    Attributes:
        recipe: the preprocessing that is taken.
        source: stored in the model's file, declared by its graph, given, probed (the presets were
            tried on pictures), or assumed, where nothing tells.
        reason: what else is to be known of how it was found; "" where there is nothing.
        trials: what the model says of the pictures under each preset that was tried, the best
            first.
        contested: the trial of `recipe`, where it looks wrong and another does not.
    """

    recipe: Preprocessing
    source: Source
    reason: str = ""
    trials: tuple[Trial, ...] = ()
    contested: Trial | None = None

    @cached_property
    def name(self) -> str:
        """What the preprocessing is called."""
        return recipe_name(self.recipe)

    @property
    def to_store(self) -> Preprocessing | None:
        """What a built graph keeps of it; None where it is no more than an assumption."""
        return None if self.source == "assumed" else self.recipe

    @property
    def pictures(self) -> int:
        """How many pictures it was found on; 0 where it was not tried."""
        return len(self.trials[0].classes) if self.trials else 0

    @property
    def is_sure(self) -> bool:
        """Whether it is known, or the pictures show it clearly."""
        return self.source not in ("probed", "assumed") or (
            self.source == "probed" and _clearly_first(self.trials)
        )

    @property
    def found(self) -> str:
        """How it is known, in a few words."""
        match self.source:
            case "probed":
                unsure = "" if self.is_sure else ", unsure"
                return f"found on {_pictures(self.pictures)}{unsure}"
            case "stored":
                return "stored in the model's file"
            case "declared":
                return "declared by the graph"
        return self.source

    @property
    def line(self) -> str:
        """What is taken and how it was found, for the small print."""
        return f"preprocessing: {self.name} ({self.found})"

    @property
    def picture_line(self) -> str:
        """The same for the small print of pictures, in the words of the field."""
        how = {
            "stored": " (from the model's file)",
            "declared": " (from the model's graph)",
            "given": "",
            "assumed": " (assumed)",
            "probed": " (inferred from the input)" if self.is_sure else " (inferred, unsure)",
        }
        return f"preprocessing: {_PROPER_NAMES.get(self.name, self.name)}{how[self.source]}"

    @property
    def reasons(self) -> str:
        """The same with the reasons."""
        parts = [self.line, *([self.reason] if self.reason else [])]
        return " · ".join([*parts, *([self._why()] if self.source == "probed" else [])])

    def note(self, labels: Sequence[str] = ()) -> str:
        """The same with what each preset that was tried gives."""
        said = "; ".join(_said(trial, labels) for trial in self.trials)
        return f"{self.reasons} · {said}" if said else self.reasons

    def warning(self, labels: Sequence[str] = ()) -> str:
        """What looks wrong, with the candidate; "" where nothing does."""
        if self.contested is None:
            return ""
        best = self.trials[0]
        return (
            f"the preprocessing {self.name} looks wrong: {_fault(self.contested)}; {best.name} "
            f"gives {_top(best, labels)}: give {parameter('preprocessing', best.name)} unless you "
            "know better"
        )

    def _why(self) -> str:
        best, *others = self.trials
        if self.is_sure:
            return "under it the pictures decide their class most clearly"
        mend = f"give {parameter('preprocessing')}, or more pictures, to be sure"
        if len(best.classes) < _ENOUGH:
            count = len(best.classes)
            return f"{_pictures(count)} {'is' if count == 1 else 'are'} little to go by: {mend}"
        near = others[0]
        count = min(len(best.classes), len(near.classes))
        same = int((best.classes[:count] == near.classes[:count]).sum())
        return f"{near.name} comes close and gives {same} of {count} the same class: {mend}"

    def to_dict(self, labels: Sequence[str] = (), spelling: Spelling = in_python) -> dict[str, Any]:
        """As a record for a program."""
        return {
            "name": self.name,
            "source": self.source,
            "sure": self.is_sure,
            "pictures": self.pictures,
            "note": spelled(self.note(labels), spelling),
            "warning": spelled(self.warning(labels), spelling),
            "tried": [trial_record(trial, labels) for trial in self.trials],
        }


def tells(trials: Sequence[Trial]) -> bool:
    """Whether any preprocessing makes the pictures decide their class."""
    if not trials:
        return False
    is_little = len(trials[0].classes) < _ENOUGH
    return trials[0].worth >= (_TELLING_OF_FEW if is_little else _TELLING)


def _clearly_first(trials: Sequence[Trial]) -> bool:
    """Whether the best trial beats the next on the same pictures, by twice the standard error."""
    best, *others = trials
    if len(best.classes) < _ENOUGH:
        return False
    if not others:
        return True
    if not others[0].is_plausible:
        return best.spread <= _MODERATE
    count = min(len(best.information), len(others[0].information))
    gain = best.information[:count] - others[0].information[:count]
    return bool(gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(count))


def trial_record(trial: Trial, labels: Sequence[str]) -> dict[str, Any]:
    """What a model says under one preprocessing, as a record for a program."""
    return {
        "name": trial.name,
        "information": float(trial.information.mean()),
        "entropy": trial.entropy,
        "spread": trial.spread,
        "plausible": trial.is_plausible,
        "pictures": len(trial.classes),
        "distinct_classes": len(set(trial.classes.tolist())),
        "top": [
            {"class": int(c), "name": class_text(int(c), labels), "probability": float(p)}
            for c, p in zip(trial.classes, trial.probabilities, strict=True)
        ],
    }


def class_text(index: int, labels: Sequence[str]) -> str:
    """A class's name, its first synonym only, or its number."""
    if index < len(labels) and labels[index]:
        return labels[index].split(",")[0]
    return f"class {index}"


def _said(trial: Trial, labels: Sequence[str]) -> str:
    """The top class and probability of the first picture, and how many classes there are."""
    return f"{trial.name} {_top(trial, labels)}"


def _top(trial: Trial, labels: Sequence[str]) -> str:
    first = f"{class_text(int(trial.classes[0]), labels)} {trial.probabilities[0]:.3f}"
    count = len(trial.classes)
    if count == 1:
        return first
    distinct = len(set(trial.classes.tolist()))
    classes = "one class" if distinct == 1 else f"{distinct} classes"
    return f"{first}, {classes} for {count} pictures, {trial.probabilities.mean():.2f} in the mean"


def _fault(trial: Trial) -> str:
    if not trial.is_plausible:
        return f"the scores lie {trial.spread:.0f} apart, which no trained network gives"
    if trial.is_constant:
        return f"all {len(trial.classes)} pictures get one class"
    blank = "as blank pictures do" if trial.information.mean() < _TELLING else ""
    return (
        f"the top probability is {trial.probabilities.mean():.2f}, and the pictures hardly decide "
        f"the class{', ' * bool(blank)}{blank}"
    )


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
