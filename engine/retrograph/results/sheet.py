"""The strongest units of many inputs on one sheet, each input beside its attributions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from retrograph.errors import InputError
from retrograph.keywords import check_counts
from retrograph.preprocess import BadInput
from retrograph.render import SCALE, Caption, sheet
from retrograph.render.colour import Picture
from retrograph.render.page import SHEET_SIDE
from retrograph.results.base import Result
from retrograph.results.caption import described, plain_number, small_print
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.explanation import Explanation, stacked
from retrograph.results.figure import attribution_maps, shown_input
from retrograph.results.legend import Legend
from retrograph.results.maps import attribution_picture, input_picture, is_smooth, kind_of
from retrograph.results.record import explained_dict
from retrograph.results.unit_names import split_unit
from retrograph.runtime import Array


@dataclass(frozen=True, eq=False, repr=False)
class Sheet(Result):
    """The strongest units of many inputs in a grid.

    Attributes:
        explanations: of one unit each, the strongest first; what is given may be in any order, of
            several units, or what `explain` and `compare` give.
        columns: cells a row.

    Raises:
        InputError: there is no explanation, or something else is among them.

    Example:
        >>> retrograph.Sheet(retrograph.explain("net.onnx", ["dog.jpg", "cat.jpg"]).explanations)
        >>> retrograph.Sheet.strongest(retrograph.explain_all("net.onnx", "photos/"), grid=(5, 5))
    """

    made_by = "Sheet(explanations)"

    explanations: Sequence[Explanation]
    columns: int = 5

    def __post_init__(self) -> None:
        given = getattr(self.explanations, "explanations", self.explanations)
        cells = [unit for each in given for unit in _checked(each).by_unit()]
        if not cells:
            raise InputError("nothing is explained, so there is no sheet; give an input")
        cells.sort(key=_strength)
        object.__setattr__(self, "explanations", tuple(cells))

    @classmethod
    def strongest(
        cls, explanations: Iterable[Explanation], grid: tuple[int, int] = (5, 5)
    ) -> Sheet:
        """The units with the highest activations, as many as the sheet has cells.

        Args:
            explanations: taken one by one; no more arrays stay in memory than the sheet shows.
            grid: rows and columns.

        Raises:
            InputError: there is no explanation, or something else is among them.
        """
        try:
            rows, columns = grid
            check_counts(rows=rows, columns=columns)
        except (TypeError, ValueError):
            raise InputError(f"grid is {grid!r}; give rows and columns, as in (5, 5)") from None
        best: list[Explanation] = []
        for explanation in explanations:
            both = [*best, *_checked(explanation).by_unit()]
            best = sorted(both, key=_strength)[: rows * columns]
        return cls(best, columns)

    @property
    def context(self) -> ExplainContext:
        """What is the same for all inputs."""
        return self.explanations[0].context

    @property
    def title(self) -> str:
        """How many units it shows."""
        count = len(self.explanations)
        return "the strongest unit" if count == 1 else f"the {count} strongest units"

    def image(self, style: str | None = None) -> Image.Image:
        """The grid, each input beside its attributions.

        Args:
            style: signed, heat or overlay, for all cells; if None each method's own.

        Raises:
            InputError: there is no such style.
        """
        context, each_styled = self.context, [e.styled(style) for e in self.explanations]
        legend, cells = Legend(), []
        for each in each_styled:
            cells.append((_label(each), _cell_pictures(each)))
            legend.add(each, values=kind_of(each).is_plane(each.shown))
        title = (
            f"{', '.join(context.methods)} · {context.contract.alias}\n"
            f"{self.title}, each with its activation"
        )
        caption = Caption(keys=legend.keys, notes=small_print(context, SCALE))
        smooth = any(map(is_smooth, each_styled))
        page = sheet(cells, self.columns, title, caption, smooth=smooth)
        return described(page, context, [*title.splitlines(), *caption.notes])

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph explain --json` prints of these units."""
        return explained_dict(self.explanations, self.context)

    def arrays(self) -> dict[str, Array]:
        """Those of the N cells, in their order, of inputs of one size.

        Returns:
            For each method `attribution_METHOD` [N, *input]; `input` [N, *input], `score` [N] and
            `unit` int64 [N, r].

        Raises:
            InputError: the inputs are of several sizes.
        """
        return stacked([self._row(each) for each in self.explanations])

    def _row(self, cell: Explanation) -> dict[str, Array]:
        attributions = {f"attribution_{m}": cell.attributions[m][0] for m in self.context.methods}
        one = {"input": cell.array, "score": cell.scores[0], "unit": cell.units[0]}
        return attributions | one

    def summary(self) -> str:
        """The methods, the layer and how many units."""
        return f"{', '.join(self.context.methods)}: {self.title} of {self.context.contract.alias}"


def _strength(explanation: Explanation) -> float:
    """What sorts explanations of one unit, the strongest first."""
    return -float(explanation.scores[0])


def _checked(explanation: object) -> Explanation:
    """Raises InputError for what is no explanation."""
    if isinstance(explanation, BadInput):
        raise InputError(f"{explanation.error.message}; leave that input out of the sheet")
    if not isinstance(explanation, Explanation):
        raise InputError(
            f"a sheet shows explanations, not a {type(explanation).__name__}; give those of "
            "explain_all(), or the `explanations` of what explain() gives"
        )
    return explanation


def _cell_pictures(explained: ExplainedInput) -> list[Picture]:
    """The input and its attributions; of a unit that sees a part, the whole input and the parts."""
    maps = attribution_maps(explained)
    if any(len(each.windows) == 1 for each in maps):
        whole, *parts = kind_of(explained).rows(shown_input(explained), maps, SHEET_SIDE)
        if parts and whole[0] is not None:
            size = np.asarray(whole[0][1]).shape[:2]
            return [whole[0][1], *(_centred(cell[1], size) for cell in parts[0] if cell)]
    methods = explained.context.methods
    return [input_picture(explained), *(attribution_picture(explained, m) for m in methods)]


def _centred(picture: Picture, size: tuple[int, ...]) -> Picture:
    """The picture in the middle of white of a height and width."""
    pixels = np.asarray(picture)
    top, left = ((full - own) // 2 for full, own in zip(size, pixels.shape[:2], strict=True))
    page = np.full((*size, 3), 255, np.uint8)
    page[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return page


def _label(explained: ExplainedInput) -> str:
    """The unit of a cell and its activation."""
    context = explained.context
    channel, position = split_unit(explained.units[0], context.contract.channel_axis)
    unit = explained.unit_name(0)
    if explained.objective(0) is not None or context.is_class:
        return f"{unit} · {plain_number(float(explained.scores[0]), 3)}"
    place = f"channel {channel} ({', '.join(map(str, position))})" if position else unit
    return f"{place} · {plain_number(float(explained.scores[0]), 3)}"
