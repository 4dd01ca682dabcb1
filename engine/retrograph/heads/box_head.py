"""A head that finds boxes: where its numbers stand, and the boxes that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.heads.decoders import DECODERS, corners_of, sigmoid
from retrograph.heads.formats import FORMATS, suppress
from retrograph.heads.table import Array, Table

ACTIVATIONS: Final = ("none", "sigmoid", "softmax")
BACKGROUNDS: Final = ("none", "first", "last")
UNITS: Final = ("pixels", "frame")

LEAST_SCORE: Final = 0.25
MOST_OVERLAP: Final = 0.45
_MOST_CANDIDATES = 1000
MOST_BOXES: Final = 100


@dataclass(frozen=True)
class Level:
    """Boxes whose numbers stand in the same tensors.

    Attributes:
        scores: a column for each class, the background's among them if there is one.
        boxes: four columns in one table, or in two.
        objectness: one column; None where there is none.
        anchors: widths and heights in pixels, where a decoder takes them and they are known.
    """

    scores: Table
    boxes: tuple[Table, ...]
    objectness: Table | None = None
    anchors: tuple[tuple[float, float], ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """All of them."""
        return (self.scores, *self.boxes, *([self.objectness] if self.objectness else []))

    def to_dict(self) -> dict[str, Any]:
        """The level as JSON has it."""
        return {
            "scores": self.scores.to_dict(),
            "boxes": [table.to_dict() for table in self.boxes],
            "objectness": self.objectness.to_dict() if self.objectness else None,
            "anchors": [[*size] for size in self.anchors],
        }


@dataclass(frozen=True)
class Box:
    """A box that a detector has found.

    Attributes:
        level: which level of the head.
        row: the row of its tables.
        label: the number of the class, the background left out.
        score: its probability as the model gives it: of the class, times that of an object.
        corners: x0 y0 x1 y1, pixels of the model's input.
        place: where its numbers stand: {"anchor": 1, "row": 7, "column": 12}.
    """

    level: int
    row: int
    label: int
    score: float
    corners: tuple[float, float, float, float]
    place: dict[str, int] = field(hash=False)

    def holds(self, x: float, y: float) -> bool:
        """Whether a pixel of the input lies in it."""
        x0, y0, x1, y1 = self.corners
        return x0 <= x <= x1 and y0 <= y <= y1


@dataclass(frozen=True)
class BoxHead:
    """The outputs of a detector.

    Attributes:
        kind: how its outputs are laid out, in words.
        levels: boxes, by the tensors that they stand in.
        form: a name of FORMATS, or of DECODERS for numbers that are no boxes yet.
        unit: of a format: pixels of the input, or the frame, which is 0-1.
        activation: what is still to be made of scores: none, sigmoid or softmax.
        background: which column of the scores is no class: none, first or last.
        notes: what is to be known of it, and what was assumed.
    """

    name: ClassVar[str] = "boxes"

    kind: str
    levels: tuple[Level, ...]
    form: str
    unit: str = "pixels"
    activation: str = "none"
    background: str = "none"
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """How many classes there are, without the background."""
        return self.levels[0].scores.width - int(self.background != "none")

    @property
    def count(self) -> int:
        """How many boxes there are before any is suppressed."""
        return sum(level.scores.count for level in self.levels)

    @property
    def tensors(self) -> tuple[str, ...]:
        """What has to be run to read it."""
        names = (table.tensor for level in self.levels for table in level.tables)
        return tuple(dict.fromkeys(names))

    def column(self, label: int) -> int:
        """The column of a class among those of the scores."""
        return label + int(self.background == "first")

    def boxes(
        self,
        values: Mapping[str, Array],
        frame: Sequence[int],
        label: int | None = None,
        least: float = LEAST_SCORE,
    ) -> list[Box]:
        """The boxes in an item's tensors, the strongest first; those that others cover left out.

        Args:
            values: each tensor of `tensors`, of one item.
            frame: height and width of the input.
            label: one class; if None each box counts for its strongest.
            least: the lowest score. Where none has it, the strongest is taken alone.
        """
        found: list[Box] = []
        for number in range(len(self.levels)):
            found += self._of_level(number, values, frame, label, least)
        strong = [box for box in found if box.score >= least]
        candidates = strong or sorted(found, key=lambda box: -box.score)[:1]
        return _suppressed(candidates)

    def _of_level(
        self,
        number: int,
        values: Mapping[str, Array],
        frame: Sequence[int],
        label: int | None,
        least: float,
    ) -> list[Box]:
        level = self.levels[number]
        scores = self._scores(level, values)
        if not scores.size:
            return []
        labels = scores.argmax(1) if label is None else np.full(len(scores), label)
        strengths = scores[np.arange(len(scores)), labels]
        order = np.argsort(-strengths, kind="stable")
        rows = order[: max(1, min(_MOST_CANDIDATES, int((strengths >= least).sum())))]
        numbers = np.concatenate([table.rows(values[table.tensor]) for table in level.boxes], 1)
        corners = corners_of(self.form, self.unit, numbers, level.boxes[0], frame, level.anchors)[
            rows
        ]
        return [
            Box(
                level=number,
                row=int(row),
                label=int(labels[row]),
                score=float(strengths[row]),
                corners=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
                place=level.scores.place(int(row)),
            )
            for row, box in zip(rows, corners, strict=True)
        ]

    def _scores(self, level: Level, values: Mapping[str, Array]) -> Array:
        """The scores [A, classes] of all boxes of a level."""
        scores = level.scores.rows(values[level.scores.tensor]).astype(np.float64)
        if self.activation == "sigmoid":
            scores = sigmoid(scores)
        elif self.activation == "softmax":
            powers = np.exp(scores - scores.max(1, keepdims=True))
            scores = powers / powers.sum(1, keepdims=True)
        first = int(self.background == "first")
        scores = scores[:, first : first + self.classes]
        if level.objectness is not None:
            objectness = level.objectness.rows(values[level.objectness.tensor])
            squashed = sigmoid(objectness) if self.activation != "none" else objectness
            scores = scores * squashed
        return scores

    def to_dict(self) -> dict[str, Any]:
        """The layout as JSON has it; `from_dict` takes it back."""
        return {
            "head": self.name,
            "kind": self.kind,
            "format": self.form,
            "unit": self.unit,
            "activation": self.activation,
            "background": self.background,
            "levels": [level.to_dict() for level in self.levels],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> BoxHead:
        """The head of a record.

        Raises:
            InputError: something is missing or does not go together.
        """
        levels = record.get("levels")
        if not isinstance(levels, list) or not levels:
            raise InputError(
                f"{parameter('head')}: a head of boxes needs levels; take what `retrograph heads "
                "MODEL --json` prints, and change it"
            )
        head = cls(
            kind=str(record.get("kind", "as given")),
            levels=tuple(map(_level, levels)),
            form=_choice(record, "format", [*FORMATS, *DECODERS]),
            unit=_choice(record, "unit", UNITS),
            activation=_choice(record, "activation", ACTIVATIONS),
            background=_choice(record, "background", BACKGROUNDS),
        )
        for level in head.levels:
            _check_level(level, head.form)
        return head

    def noted(self, *notes: str) -> BoxHead:
        """The same, with more that is to be known."""
        return replace(self, notes=(*self.notes, *notes))


def _suppressed(candidates: Sequence[Box]) -> list[Box]:
    """Those that overlap no stronger box of their class."""
    corners = np.array([box.corners for box in candidates]).reshape(-1, 4)
    scores = np.array([box.score for box in candidates])
    labels = np.array([box.label for box in candidates])
    places: list[int] = []
    for label in dict.fromkeys(labels.tolist()):
        of_class = np.flatnonzero(labels == label)
        best = suppress(corners[of_class], scores[of_class], MOST_OVERLAP)
        places += of_class[best].tolist()
    places.sort(key=lambda place: -scores[place])
    return [candidates[place] for place in places[:MOST_BOXES]]


def _choice(record: Mapping[str, Any], key: str, choices: Sequence[str]) -> str:
    value = record.get(key, choices[0])
    if value not in choices:
        raise InputError(
            f"{parameter('head')}: {key} is '{value}'; give one of: {', '.join(choices)}"
        )
    return str(value)


def _level(record: Mapping[str, Any]) -> Level:
    if not isinstance(record, Mapping) or "scores" not in record or "boxes" not in record:
        raise InputError(
            f"{parameter('head')}: a level needs scores and boxes, and may have objectness and "
            "anchors"
        )
    boxes = record["boxes"]
    objectness = record.get("objectness")
    try:
        sizes = [(float(w), float(h)) for w, h in record.get("anchors") or ()]
    except (TypeError, ValueError):
        raise InputError(
            f"{parameter('head')}: anchors are widths and heights in pixels, such as [[10, 13]]"
        ) from None
    return Level(
        scores=Table.from_dict(record["scores"]),
        boxes=tuple(map(Table.from_dict, boxes if isinstance(boxes, list) else [boxes])),
        objectness=None if objectness is None else Table.from_dict(objectness),
        anchors=tuple(sizes),
    )


def _check_level(level: Level, form: str) -> None:
    """Raises InputError where the tables of a level do not go together."""
    widths = sum(table.width for table in level.boxes)
    counts = {table.count for table in level.tables}
    if widths != 4 or len(counts) != 1:
        raise InputError(
            f"{parameter('head')}: the boxes of '{level.scores.tensor}' have {widths} numbers, and "
            f"its tables {', '.join(map(str, sorted(counts)))} rows; a box has 4, and all tables a "
            "row for each box"
        )
    if form in DECODERS and not {"row", "column"} <= {*level.boxes[0].axes}:
        raise InputError(
            f"{parameter('head')}: the format '{form}' needs the axes row and column of "
            f"'{level.boxes[0].tensor}'; name them, or choose one of: {', '.join(FORMATS)}"
        )
    axes = level.boxes[0].axes
    anchors = level.boxes[0].shape[axes.index("anchor")] if "anchor" in axes else 1
    if level.anchors and len(level.anchors) != anchors:
        raise InputError(
            f"{parameter('head')}: {len(level.anchors)} anchors for {anchors} boxes a cell; give "
            "one for each"
        )
