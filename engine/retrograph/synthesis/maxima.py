"""The inputs that units would like best, as an answer that draws and saves itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, overload

import numpy as np
from PIL import Image

from retrograph.errors import InputError, spelled
from retrograph.output import check_free, check_new_folder, make_folder, safe_name
from retrograph.render import save_picture
from retrograph.results.base import Result
from retrograph.runtime import Array
from retrograph.synthesis.ascent import Units
from retrograph.synthesis.context import SynthesisContext
from retrograph.synthesis.generator import Joined
from retrograph.synthesis.maximum import Maximum
from retrograph.synthesis.page import describe, sheet_page, single_page, strips_page


@dataclass(frozen=True, repr=False, eq=False)
class Maxima(Result, Sequence[Maximum]):
    """The inputs that units of a layer would like best, in the order of the units.

    After an interrupt (Ctrl-C) those that were begun.

    Attributes:
        maxima: an input each.
        units: the units that were asked for; none for a whole layer.
        context: the layer, the class names and how an input is drawn.
        joined: the generator and the model as one model, where a generator was given.
        file: the file of the page, once it is known.
        picture_files: those of the pictures by themselves, once they are known.
    """

    made_by = "maximize()"
    what: ClassVar[str] = "input that maximizes "

    maxima: tuple[Maximum, ...]
    units: Units
    context: SynthesisContext
    joined: Joined | None = None
    file: Path | None = None
    picture_files: tuple[Path, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Maximum: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Maximum, ...]: ...

    def __getitem__(self, index: int | slice) -> Maximum | tuple[Maximum, ...]:
        return self.maxima[index]

    def __len__(self) -> int:
        return len(self.maxima)

    @property
    def finished(self) -> bool:
        """Whether every step of every unit was done; False after an interrupt."""
        done = len(self) >= max(1, len(self.units))
        return done and all(each.finished for each in self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known, its parameters marked."""
        return (*self.context.notes, *self.generator_notes)

    @property
    def generator_notes(self) -> tuple[str, ...]:
        """What is to be known of the generator."""
        note = "" if self.joined is None else self.joined.note
        return (f"the generator: {note}",) if note else ()

    def describe(self, maximum: Maximum) -> tuple[str, str]:
        """Of one of the inputs: its unit's name, and what is measured of it, in words."""
        return self.context.unit_name(maximum.unit), describe(maximum, self.context)

    def image(self, style: str | None = None) -> Image.Image:
        """A panel of one input, a sheet of several, or strips where snapshots were kept.

        Raises:
            InputError: a style is given, or no input was made.
        """
        if style is not None:
            raise InputError("inputs that were made are drawn in one way; leave style out")
        self._check_any()
        if any(each.snapshots for each in self):
            return strips_page(self, self.context).image()
        if len(self) > 1:
            return sheet_page(self, self.context).image()
        return single_page(self[0], self.context, self._columns(), self.what).image()

    def _columns(self) -> list[tuple[str, Any]]:
        """The titled pictures of the panel of one input, which the caption names."""
        return [("", self.context.picture(self[0].input))]

    def _check_any(self) -> None:
        if not self.maxima:
            raise InputError("interrupted before the first step, so no input was made; run again")

    def arrays(self) -> dict[str, Array]:
        """For N inputs input [N, *input], unit [N, r] and activation [N].

        Also history [N, steps], probability [N, classes], code [N, *code] and preprocessing, the
        recipe as JSON, where there are such.

        Raises:
            InputError: no input was made.
        """
        self._check_any()
        arrays = {
            "input": np.stack([each.input for each in self]),
            "unit": np.array([each.unit for each in self], np.int64),
            "activation": np.array([each.activation for each in self]),
        }
        if len({len(each.history) for each in self}) == 1:
            arrays["history"] = np.stack([each.history for each in self])
        if self[0].probabilities is not None:
            arrays["probability"] = np.stack([np.asarray(each.probabilities) for each in self])
        if self[0].code is not None:
            arrays["code"] = np.stack([np.asarray(each.code) for each in self])
        return arrays | self.context.preprocessing_array

    def to_dict(self) -> dict[str, Any]:
        """Layer, preprocessing, file, notes, and a record for each input."""
        files = [*map(str, self.picture_files), *[None] * len(self)]
        return {
            "layer": self.context.layer,
            "preprocessing": self.context.recipe_name,
            "file": None if self.file is None else str(self.file),
            "notes": [spelled(note) for note in self.notes],
            "made": [self._record(each, file) for each, file in zip(self, files, strict=False)],
        }

    def _record(self, maximum: Maximum, file: str | None) -> dict[str, Any]:
        best, chances = maximum.best_class, maximum.probabilities
        told = None
        if best is not None and chances is not None:
            told = {"class": best, "probability": float(chances[best])}
        return {
            "unit": list(maximum.unit),
            "name": self.context.unit_name(maximum.unit),
            "before": maximum.before,
            "activation": maximum.activation,
            "probability": maximum.probability,
            "class": told,
            "steps": maximum.steps,
            "finished": maximum.finished,
            "silent": maximum.silent,
            "why": maximum.why,
            "picture": file,
        }

    def summary(self) -> str:
        """The layer, how many units, and the steps."""
        names = ", ".join(self.context.unit_name(each.unit) for each in self[:3])
        more = f" and {len(self) - 3} more" if len(self) > 3 else ""
        steps = f"{self[0].steps} steps" if self.maxima else "interrupted before the first step"
        return f"{self.context.layer}: {names}{more}, {steps}" if names else steps

    def save_pictures(
        self, folder: str | os.PathLike[str], *, prefix: str = "", force: bool = False
    ) -> tuple[Path, ...]:
        """Write each picture by itself, as PREFIX + LAYER.UNIT.png; the folder is made.

        Args:
            folder: where.
            prefix: what the names begin with.
            force: whether files that are there are replaced.

        Returns:
            The files, in order.

        Raises:
            InputError: the inputs are no pictures, a file is in the way, or cannot be written.
        """
        units = [each.unit for each in self]
        files = picture_files(folder, units, self.context, prefix=prefix, force=force)
        make_folder(Path(folder))
        for each, file in zip(self, files, strict=True):
            assert each.picture is not None  # of a video all frames
            save_picture(each.picture, file, force=force)
        return files


@dataclass(frozen=True, repr=False, eq=False)
class Dream(Maxima):
    """A photograph in which a layer, or one of its channels, was amplified: one input."""

    made_by = "dream()"
    what: ClassVar[str] = ""

    def _columns(self) -> list[tuple[str, Any]]:
        """The photograph beside the dream."""
        photograph = self[0].start
        assert photograph is not None
        return [
            ("photograph", self.context.picture(photograph)),
            ("dream", self.context.picture(self[0].input)),
        ]


def picture_files(
    folder: str | os.PathLike[str],
    units: Units,
    context: SynthesisContext,
    *,
    prefix: str = "",
    force: bool = False,
) -> tuple[Path, ...]:
    """The files that `Maxima.save_pictures` writes, checked before any work.

    Raises:
        InputError: the inputs are no pictures, or a file is in the way.
    """
    if not context.takes_pictures:
        raise InputError("the model takes no pictures, so none can be kept; keep the arrays (.npz)")
    check_new_folder(Path(folder))
    tags = [safe_name(context.unit_name(unit)) for unit in units or ((),)]
    files = tuple(Path(folder) / f"{prefix}{context.layer}.{tag}.png" for tag in tags)
    for file in files:
        check_free(file, force=force)
    return files
