"""A small change of an input that turns its class into another, as an answer that draws itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from retrograph.errors import InputError, parameter
from retrograph.preprocess.picture import Pixels
from retrograph.render import Caption, film, panel, signed
from retrograph.render.colour import Picture
from retrograph.render.planes import plane
from retrograph.results.base import Result
from retrograph.results.unit_names import class_name
from retrograph.runtime import Array
from retrograph.synthesis.context import SynthesisContext


@dataclass(frozen=True)
class Norms:
    """How large a change is, on a picture's scale from 0 (black) to 1 (white).

    What is no picture is measured as it is.

    Attributes:
        l2: the square root of the sum of squares.
        linf: the greatest change of a number.
        relative: l2 by that of the picture itself.
    """

    l2: float
    linf: float
    relative: float

    def to_dict(self) -> dict[str, float]:
        """The three by their names."""
        return {"l2": self.l2, "linf": self.linf, "relative": self.relative}


@dataclass(frozen=True, repr=False, eq=False)
class Perturbation(Result):
    """The change of an input that gives it a wanted class.

    Attributes:
        context: the class names and how an input is drawn.
        was: the input's class before.
        unit: the wanted class.
        succeeded: whether the model now gives it that.
        original: the input [*input] before.
        input: the input [*input] that the model now takes.
        change: the change, on a picture's scale, in the input's layout.
        norms: of the change.
        before, after: the probabilities [classes]; None where the scores are none.
        scores_before, scores_after: [classes], the class scores.
        picture: the changed input with 256 grey levels, uint8 [H, W, 3], the change as much larger
            as it takes to keep the class; None where there is none.
        picture_norms: of the change of that.
        steps: how many steps were done.
        file: the file of the page, once it is known.
    """

    made_by = "perturb()"

    context: SynthesisContext
    was: int
    unit: int
    succeeded: bool
    original: Array
    input: Array
    change: Array
    norms: Norms
    before: Array | None
    after: Array | None
    scores_before: Array
    scores_after: Array
    picture: Pixels | None
    picture_norms: Norms | None
    steps: int
    file: Path | None = None

    def image(self, style: str | None = None) -> Image.Image:
        """The input, the change made visible, and the changed input, over what is measured.

        Raises:
            InputError: a style is given, or no change was found.
        """
        if style is not None:
            raise InputError("a perturbation is drawn in one way; leave style out")
        self.check_success()
        factor = _visible_factor(self)
        was, now = self._names
        columns: list[tuple[str, Picture]] = [
            (was, self.context.picture(self.original)),
            (f"change, {factor:g} times", self._drawn_change(factor)),
            (now, self._drawn_result()),
        ]
        caption = Caption("\n".join(self.describe()[1:]), notes=self.context.small_print)
        return panel(columns, caption).image()

    def check_success(self) -> None:
        """Raises InputError where no change was found."""
        if not self.succeeded:
            raise InputError(
                f"no change was found in {self.steps} steps; try more {parameter('steps')}, or "
                "another class"
            )

    def describe(self) -> Sequence[str]:
        """Both classes, the size of the change, and the scores before and after, in lines."""
        was, now = self._names
        norms = self.norms
        scale = "" if self.context.takes_pictures else ", in the input's own units"
        lines = [
            f"{was} -> {now}",
            f"L2 norm of the change {norms.l2:.4g} · greatest {norms.linf:.4g} · "
            f"{norms.relative:.2%} of the picture's norm{scale}",
            f"before: {self._chances(self.before, self.scores_before)}",
            f"after: {self._chances(self.after, self.scores_after)}",
        ]
        if not self.context.takes_pictures:
            return lines
        if self.picture_norms is None:
            return [*lines, "with 256 grey levels no change in this direction has the class"]
        saved = f"L2 norm {self.picture_norms.l2:.4g}"
        return [*lines, f"with 256 grey levels, as a picture is saved: {saved}"]

    def arrays(self) -> dict[str, Array]:
        """input, result and change [*input], scores_before and scores_after [classes].

        Also preprocessing, the recipe as JSON, of a model of pictures.
        """
        return {
            "input": self.original,
            "result": self.input,
            "change": self.change,
            "scores_before": self.scores_before,
            "scores_after": self.scores_after,
            **self.context.preprocessing_array,
        }

    def to_dict(self) -> dict[str, Any]:
        """Both classes, the norms of the change, scores and probabilities before and after."""
        was, now = self._names
        return {
            "was": {"class": self.was, "name": was},
            "wanted": {"class": self.unit, "name": now},
            "preprocessing": self.context.recipe_name,
            "found": self.succeeded,
            "norms": self.norms.to_dict(),
            "before": self._record(self.before, self.scores_before),
            "after": self._record(self.after, self.scores_after),
            "saved": None if self.picture_norms is None else self.picture_norms.to_dict(),
            "steps": self.steps,
            "file": None if self.file is None else str(self.file),
        }

    def summary(self) -> str:
        """Both classes and the L2 norm of the change."""
        was, now = self._names
        if not self.succeeded:
            return f"{was} -> {now}: none found in {self.steps} steps"
        return f"{was} -> {now}, L2 norm {self.norms.l2:.4g}"

    @property
    def _names(self) -> tuple[str, str]:
        """The names of the class before and of the wanted one."""
        labels = self.context.labels
        return class_name(self.was, labels), class_name(self.unit, labels)

    def _chances(self, probabilities: Array | None, scores: Array) -> str:
        values = scores if probabilities is None else probabilities
        classes = (self.was, self.unit)
        return ", ".join(
            f"{name} {values[i]:.4g}" for name, i in zip(self._names, classes, strict=True)
        )

    def _record(self, probabilities: Array | None, scores: Array) -> dict[str, Any]:
        return {
            key: {
                "score": float(scores[i]),
                "probability": None if probabilities is None else float(probabilities[i]),
            }
            for key, i in (("was", self.was), ("wanted", self.unit))
        }

    def _drawn_change(self, factor: float) -> Picture:
        """The change times a factor, around mid-grey."""
        recipe = self.context.preprocessing
        if recipe is None:
            return signed(plane(self.change))
        axes = self.context.axes
        (change,) = axes.to_colours_last(self.change[np.newaxis])
        if recipe.order == "bgr":
            change = change[..., ::-1]
        values = np.clip(127.5 + 255 * factor * change, 0, 255).round().astype(np.uint8)
        frames: Pixels = np.broadcast_to(values, (*values.shape[:3], 3)).copy()
        return frames[0] if axes.takes_pictures else film(frames)

    def _drawn_result(self) -> Picture:
        """The changed picture, with 256 grey levels where there is such; of a video some frames."""
        if self.picture is None or not self.context.axes.takes_pictures:
            return self.context.picture(self.input)
        return self.picture


def _visible_factor(perturbation: Perturbation) -> float:
    """A round factor that makes the change fill half of the range, so that it is seen."""
    largest = np.percentile(np.abs(perturbation.change), 99.5) or perturbation.norms.linf
    wanted = 0.5 / largest
    round_factors = np.array([1, 2, 5]) * 10.0 ** np.floor(np.log10(wanted))
    return max(1.0, float(round_factors[round_factors <= wanted].max()))
