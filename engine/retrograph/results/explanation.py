"""One explained input: drawn, told, saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.render import Page
from retrograph.results.base import Result
from retrograph.results.caption import unit_lines
from retrograph.results.explained import ExplainedInput
from retrograph.results.figure import figure, has_figure
from retrograph.results.record import explained_dict
from retrograph.runtime import Array


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(ExplainedInput, Result):
    """One input and its attributions for K units, by each method."""

    made_by = "explain_all()"

    def image(self, style: str | None = None) -> Image.Image:
        """The input beside its attributions, over a caption.

        Args:
            style: signed, heat or overlay; if None each method's own.

        Raises:
            InputError: there is no such style, or the input cannot be drawn.

        Sequences of letters are drawn as letters as high as their attributions, of volumes up to
        12 slices, of videos evenly spaced frames.
        """
        return self.page(style).image()

    def page(self, style: str | None = None) -> Page:
        """The same picture as it is written; arguments and errors of `image`."""
        if not has_figure(self):
            raise InputError(
                f"{self.name} has {self.array.ndim} axes and cannot be drawn; save its arrays as "
                ".npz"
            )
        return figure(self.styled(style))

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph explain --json` prints of it."""
        return explained_dict([self], self.context)

    def arrays(self) -> dict[str, Array]:
        """`input`, `score` [K], `unit` [K, r] and, for each method, `attribution_METHOD`.

        `preprocessing` is a text, of a model of pictures: the recipe as JSON.
        """
        arrays = {f"attribution_{method}": a for method, a in self.attributions.items()}
        arrays |= {"input": self.array, "score": self.scores, "unit": self.units}
        return arrays | self.context.preprocessing_array

    def summary(self) -> str:
        """The input, the methods and the first unit."""
        return f"{self.name}: {', '.join(self.context.methods)}: {unit_lines(self)[0]}"

    def styled(self, style: str | None) -> Explanation:
        """The same, drawn in a style; None leaves it as it is.

        Raises:
            InputError: there is no such style.
        """
        return self if style is None else replace(self, context=self.context.styled(style))

    def without_arrays(self) -> Explanation:
        """What is printed of it; the arrays of many inputs would fill the memory."""
        return replace(self, attributions={}, array=np.empty(0), shown=None)

    def by_unit(self) -> list[Explanation]:
        """An explanation for each of its units."""
        return [
            replace(
                self,
                attributions={m: a[k : k + 1] for m, a in self.attributions.items()},
                balances=tuple(replace(b, place=0) for b in self.balances if b.place == k),
                blanks=tuple(replace(b, place=0) for b in self.blanks if b.place == k),
                scores=self.scores[k : k + 1],
                units=self.units[k : k + 1],
                found=replace(self.found, objectives=self.found.objectives[k : k + 1]),
            )
            for k in range(len(self.units))
        ]


def stacked(rows: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Arrays by their names, each with a row for each input.

    Raises:
        InputError: the inputs are of several sizes.
    """
    try:
        same = {name: rows[0][name] for name in rows[0] if name == "preprocessing"}
        return {n: np.stack([row[n] for row in rows]) for n in rows[0] if n not in same} | same
    except ValueError:
        raise InputError(
            "the inputs are of several sizes, so their arrays are no rows of one; save each of "
            "`explanations` by itself"
        ) from None
