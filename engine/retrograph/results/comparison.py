"""Methods side by side: a row for each input, a column for each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from retrograph.errors import InputError, command, facts, parameter, spelled
from retrograph.render import SCALE, Page, Table
from retrograph.render.page import CELL_SIDE, Titled
from retrograph.results.base import Result
from retrograph.results.context import ExplainContext
from retrograph.results.explanation import Explanation, stacked
from retrograph.results.figure import attribution_maps, mark_lines, shown_input
from retrograph.results.legend import Legend
from retrograph.results.maps import has_picture, is_drawable, kind_of
from retrograph.results.notes import Note, gather_notes
from retrograph.results.picture_lines import described, row_lines, small_print
from retrograph.results.picture_words import input_title, method_title, proper_name
from retrograph.results.record import explained_dict
from retrograph.runtime import Array

_LARGER = 1.5
"""How many times as large as the input what units see of it may be."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Several inputs, explained by several methods.

    Attributes:
        context: what is the same for all inputs.
        title: of the picture: the model, and what is asked of it.
        explanations: of each input that could be explained.
        left_out: why methods could not be built for the model, by their titles.
        bad: why inputs could not be explained, by their names.
        notes: what is to be known besides the notes of the methods.
    """

    made_by = "compare()"

    context: ExplainContext
    title: str
    explanations: tuple[Explanation, ...]
    left_out: Mapping[str, str]
    bad: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def image(self, style: str | None = None) -> Image.Image:
        """A row for each input, a column for each method, over what the colours mean.

        Args:
            style: signed, heat or overlay, for all columns; if None each method's own.

        Raises:
            InputError: there is no such style, or an input cannot be drawn.
        """
        table = ComparisonTable(self.context.styled(style))
        for explanation in self.explanations:
            table.add(explanation)
        return table.page(self.title, self.left_out).image()

    def to_dict(self) -> dict[str, Any]:
        """What `retrograph compare --json` prints."""
        return comparison_dict(self.explanations, self.context, self.left_out, None, self.notes)

    def arrays(self) -> dict[str, Array]:
        """For N inputs of one size, K units each: those of `Explanation.arrays`, N rows each.

        Returns:
            `input` [N, *input], `score` [N, K], `unit` int64 [N, K, r] and, for each method,
            `attribution_METHOD` [N, K, *input].

        Raises:
            InputError: the inputs are of several sizes.
        """
        return stacked([explanation.arrays() for explanation in self.explanations])

    def summary(self) -> str:
        """The methods, and how many inputs."""
        count = len(self.explanations)
        inputs = "1 input" if count == 1 else f"{count} inputs"
        return f"{', '.join(self.context.methods)}: {inputs}"


def comparison_dict(
    explanations: Sequence[Explanation],
    context: ExplainContext,
    left_out: Mapping[str, str],
    file: str | None,
    notes: Sequence[str],
) -> dict[str, Any]:
    """What was compared, for a program: as `explained_dict`, with left_out and file."""
    reasons = {title: spelled(reason) for title, reason in left_out.items()}
    return explained_dict(explanations, context, notes, left_out=reasons, file=file)


class ComparisonTable:
    """Rows of pictures, added one after the other: their arrays need not stay in memory.

    Args:
        context: what is the same for all inputs.
    """

    def __init__(self, context: ExplainContext) -> None:
        self._context = context
        self._notes = gather_notes(context.contracts)
        titles = ["input", "receptive field", *map(self._titled, context.methods)]
        self._table = Table(titles)
        self._legend = Legend()
        self._preprocessing: list[str] = []
        self._marks: dict[str, None] = {}
        """What the boxes and outlines on the pictures are."""

    def add(self, explanation: Explanation) -> None:
        """A row for each unit of an input.

        Raises:
            InputError: it cannot be drawn.
        """
        explained = replace(explanation, context=self._context)
        if not is_drawable(explained):
            raise InputError(
                f"{explained.name} has {explained.array.ndim} axes and cannot be drawn; keep its "
                f"arrays with {command('explain_all')} and {parameter('npz', True)}"
            )
        if has_picture(explained):
            self._preprocessing = self._context.preprocessing_lines
        for of_one_unit in explained.by_unit():
            self._add_unit(of_one_unit)
        self._legend.add(explained, values=kind_of(explained).is_plane(explained.shown))

    def _add_unit(self, explained: Explanation) -> None:
        """The rows of one unit: the input, and what the unit sees of it beside the maps there.

        Maps that go beyond that part, and those of a unit that sees all, are whole.
        """
        self._marks |= dict.fromkeys(mark_lines(explained))
        maps = attribution_maps(explained)
        kind, shown = kind_of(explained), shown_input(explained)
        whole, *parts = kind.rows(shown, maps, CELL_SIDE, larger=_LARGER)
        lines = "\n".join([input_title(explained), *row_lines(explained)])
        captions = [row[0][0].replace("\n", ", ") if row[0] else "" for row in parts]
        first, *beyond = whole
        rows: list[list[Titled | None]] = [[None, *part] for part in parts]
        if not parts or any(beyond):
            rows.append([None, None, *beyond])
            captions.append("")
        rows[0][0] = first
        captions[-1] = "\n".join(filter(None, [lines, captions[-1]]))
        for caption, row in zip(captions, rows, strict=True):
            self._table.add(caption, [cell and cell[1] for cell in row], side=1)

    def page(self, title: str, left_out: Mapping[str, str]) -> Page:
        """The rows, with what is to be known of them.

        Args:
            title: its first line stands out.
            left_out: why methods are left out, by their titles.
        """
        notes = [
            *map(facts, self._context.warnings),
            *(
                f"{proper_name(name)} is left out: {spelled(reason)}"
                for name, reason in left_out.items()
            ),
            *self._marks,
            *(self._marked(note) for note in self._notes if note.methods),
            *small_print(self._context, *self._preprocessing, SCALE),
        ]
        page = self._table.page(title, self._legend.keys, notes)
        return described(page, self._context, [*title.splitlines(), *notes])

    def _titled(self, method: str) -> str:
        """A method's title and the marks of its notes."""
        marks = [self._mark(note) for note in self._notes if method in note.methods]
        return " ".join([method_title(self._context, method), *marks])

    def _marked(self, note: Note) -> str:
        """A note behind its mark and the titles of its methods."""
        titles = ", ".join(method_title(self._context, method) for method in note.methods)
        return f"{self._mark(note)} {titles}: {note.text}"

    def _mark(self, note: Note) -> str:
        """What leads from a column to a note of its method, such as [1]."""
        marked = [each for each in self._notes if each.methods]
        return f"[{marked.index(note) + 1}]" if note.methods else ""
