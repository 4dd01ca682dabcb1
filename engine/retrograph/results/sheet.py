"""The strongest units of many inputs on one sheet, each input beside its attributions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from retrograph.errors import InputError
from retrograph.keywords import check_counts
from retrograph.model import SCORES
from retrograph.preprocess import BadInput
from retrograph.render import SCALE, Caption, sheet
from retrograph.render.colour import Picture
from retrograph.render.page import SHEET_SIDE, enlarge
from retrograph.results.base import Result
from retrograph.results.caption import plain_number
from retrograph.results.context import ExplainContext
from retrograph.results.explained import ExplainedInput
from retrograph.results.explanation import Explanation, stacked
from retrograph.results.figure import attribution_maps, shown_input
from retrograph.results.legend import Legend
from retrograph.results.maps import (
    attribution_picture,
    has_picture,
    input_picture,
    is_smooth,
    kind_of,
)
from retrograph.results.picture_lines import described, small_print
from retrograph.results.picture_words import method_title, unit_title, value_name
from retrograph.results.record import explained_dict
from retrograph.runtime import Array

_FIELD = "receptive field"
_BOX_WORDS = "white box: the unit's receptive field"


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
        names = [method_title(context, method) for method in context.methods]
        title = f"{', '.join(names)}\n{self._what}"
        pictured = any(map(has_picture, each_styled))
        preprocessing = context.preprocessing_lines if pictured else []
        heads = _heads(each_styled[0], names)
        boxes = [_BOX_WORDS] if _FIELD in heads else []
        notes = [*boxes, *small_print(context, *preprocessing, SCALE)]
        page = sheet(
            cells,
            self.columns,
            title,
            Caption(keys=legend.keys, notes=notes),
            side=1,
            heads=heads,
        )
        return described(page, context, [*title.splitlines(), *notes]).image()

    @property
    def _what(self) -> str:
        """Which units the cells show, and which number stands under each."""
        context, value = self.context, value_name(self.explanations[0], 0)
        if context.contract.select != "top" or any(each.objective(0) for each in self.explanations):
            return f"{self.title}, each with its {value}"
        if len({each.name for each in self.explanations}) < len(self.explanations):
            of_each = "top classes" if context.is_class else "strongest units"
        else:
            of_each = "top class" if context.is_class else "strongest unit"
        alias = context.contract.alias
        where = "" if alias == SCORES else f" in layer {alias}"
        return f"{of_each} of each input{where}, with its {value}"

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
            return [whole[0][1], *(cell[1] for cell in parts[0] if cell)]
    smooth = is_smooth(explained)
    drawn = (attribution_picture(explained, method) for method in explained.context.methods)
    return [
        enlarge(input_picture(explained), SHEET_SIDE),
        *(enlarge(each, SHEET_SIDE, smooth=smooth) for each in drawn),
    ]


def _heads(explained: ExplainedInput, methods: Sequence[str]) -> Sequence[str]:
    """What stands over the pictures of the first cells, where there are more than two."""
    count = len(_cell_pictures(explained))
    parts = [_FIELD] if count == len(methods) + 2 else []
    return ["input", *parts, *methods] if count > 2 else []


def _label(explained: ExplainedInput) -> str:
    """The unit of a cell and its number."""
    return f"{unit_title(explained, 0)} · {plain_number(float(explained.scores[0]), 3)}"
