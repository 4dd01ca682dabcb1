"""What a model says of pictures under each preset, as a table and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from retrograph.errors import InputError, facts
from retrograph.inputs import PreprocessingChoice
from retrograph.inputs.pixels import Pixels, encode
from retrograph.inputs.trials import Trial
from retrograph.preprocess import InputAxes, Preprocessing
from retrograph.preprocess.described import recipe_name
from retrograph.render import Caption, film, sheet
from retrograph.render.colour import Picture
from retrograph.results.base import Result
from retrograph.results.unit_names import class_name
from retrograph.runtime import Array

_MOST_SHOWN: Final = 5
"""The pictures of a preset on a page."""

HEADINGS: Final = ("preset", "first picture", "mean", "classes", "tells", "entropy", "spread", "")
"""Of the table of `TriedPreprocessing.rows`."""


@dataclass(frozen=True, eq=False, repr=False)
class TriedPreprocessing(Result):
    """How pictures become a model's input, and what the model says under each preset.

    Attributes:
        model: its name.
        name: of the input.
        choice: what is taken, how that is known, and the trials.
        labels: the class names, if known.
        pixels: the pictures that were tried.
        axes: what the input's axes count.
    """

    model: str
    name: str
    choice: PreprocessingChoice
    labels: tuple[str, ...]
    pixels: tuple[Pixels, ...]
    axes: InputAxes

    made_by = "find_preprocessing()"

    @property
    def preprocessing(self) -> Preprocessing:
        """The recipe that is taken."""
        return self.choice.recipe

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each preset under `HEADINGS`, the best first."""
        return [self._row(trial) for trial in self.choice.trials]

    def _row(self, trial: Trial) -> tuple[str, ...]:
        count, distinct = len(trial.classes), len(set(trial.classes.tolist()))
        taken = "taken" if trial.name == self.choice.name else ""
        return (
            trial.name,
            self._said(trial, 0),
            f"{trial.probabilities.mean():.2f}",
            f"{distinct} of {count}",
            f"{trial.information.mean():.2f}",
            f"{trial.entropy:.2f}",
            f"{trial.spread:.1f}",
            taken if trial.is_plausible else f"{taken} implausible".strip(),
        )

    def image(self, style: str | None = None) -> Image.Image:
        """A row for each preset, the best first: pictures as the model takes them if that is right.

        Under each stands the class that the model gives it.

        Raises:
            InputError: a style is given, or there are no pictures.
        """
        self.refuse_style(style)
        if not self.pixels:
            raise InputError("there is no picture among the inputs; give some to be tried")
        trials = self.choice.trials
        count = min(_MOST_SHOWN, len(trials[-1].classes) if trials else len(self.pixels))
        cells = [cell for trial in trials for cell in self._cells(trial, count)]
        if not trials:
            recipe = self.choice.recipe
            cells = [(self.choice.name, [self._shown(p, recipe)]) for p in self.pixels[:count]]
        notes = [facts(each) for each in self._notes()]
        title = f"{self.model}\n{self.choice.line}"
        columns = count if count > 1 else len(cells)
        return sheet(cells, columns, title, Caption(notes=notes)).image()

    def _notes(self) -> list[str]:
        warning = self.choice.warning(self.labels)
        name = recipe_name(self._best)
        seen = (
            f"drawn as the model takes the pictures if {name} is right, over the classes it gives"
        )
        return [*filter(None, [warning]), self.choice.reasons, seen]

    @property
    def _best(self) -> Preprocessing:
        """The best of those that were tried, else what is taken."""
        trials = self.choice.trials
        return trials[0].recipe if trials else self.choice.recipe

    def _cells(self, trial: Trial, count: int) -> list[tuple[str, Sequence[Picture]]]:
        return [
            (f"{trial.name}\n{self._said(trial, i)}", [self._shown(self.pixels[i], trial.recipe)])
            for i in range(count)
        ]

    def _said(self, trial: Trial, i: int) -> str:
        """The class of a picture and its probability."""
        return f"{class_name(int(trial.classes[i]), self.labels)} {trial.probabilities[i]:.3f}"

    def _shown(self, pixels: Pixels, recipe: Preprocessing) -> Picture:
        values = encode(pixels.stack, recipe, self.axes)
        frames = self.axes.frames_of(values, self._best)
        return frames[0] if len(frames) == 1 else film(frames)

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph preprocess --json` prints.

        Returns:
            model, input, recipe (every field of the preprocessing), and the entries of
            `preprocessing` in the records of `explain`: name, source, sure, pictures, note,
            warning, tried.
        """
        recipe = asdict(self.choice.recipe)
        head = {"model": self.model, "input": self.name, "recipe": recipe}
        return {**head, **self.choice.to_dict(self.labels)}

    def arrays(self) -> dict[str, Array]:
        """For P presets, the best first, and the first N pictures that all were tried on.

        Returns:
            `presets` [P], `class` int64 [P, N], `probability` and `information` float64 [P, N].
        """
        trials = self.choice.trials
        if not trials:
            raise InputError("no preset was tried; save it as .json")
        count = min(len(trial.classes) for trial in trials)
        return {
            "presets": np.array([trial.name for trial in trials]),
            "class": np.stack([trial.classes[:count] for trial in trials]),
            "probability": np.stack([trial.probabilities[:count] for trial in trials]),
            "information": np.stack([trial.information[:count] for trial in trials]),
        }

    def summary(self) -> str:
        """What is taken, and how that is known."""
        return f"{Path(self.model).name}: {recipe_name(self.choice.recipe)} ({self.choice.found})"
