"""Boxes of a detector as people ask for them, and the logits that are explained of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrograph.errors import InputError, parameter
from retrograph.heads import Box, BoxHead, Heads
from retrograph.heads.box_head import LEAST_SCORE
from retrograph.heads.decoders import sides_of
from retrograph.heads.describe import class_reading, objectness_reading
from retrograph.heads.elements import shape_of
from retrograph.heads.reading import Reading
from retrograph.pipeline.finder import named, names_of_classes, number_of_class
from retrograph.pipeline.head_finder import HeadFinder, place_text
from retrograph.results.objective import Corners, Found, Objective
from retrograph.runtime import Array

_MARK = "yellow box: the explained detection"


@dataclass(frozen=True)
class BoxFinder(HeadFinder[BoxHead]):
    """Finds the boxes of an input, and what is explained of those that are asked for."""

    absence, whose = "no boxes are", "their"

    def known_head(self, heads: Heads) -> BoxHead | None:
        """The boxes of the layout that is given, or else of the one that was found."""
        return self.aim.head if isinstance(self.aim.head, BoxHead) else heads.boxes

    @property
    def usual(self) -> tuple[str, str]:
        """The layer of the class logits of the first level."""
        heads = self.heads(())
        head = self.head(heads)
        if self.aim.what == "box":
            return head.levels[0].boxes[0].tensor, "cotangent"
        return self._reading(heads, head, Box(0, 0, 0, 0, (0, 0, 0, 0), {})).element.tensor, "unit"

    @property
    def question(self) -> str:
        """Which box, and what of it."""
        what = {"objectness": "objectness logit", "box": "width and height"}
        return f"the {what.get(self.aim.what or '', 'class logit')} of {self._which}"

    @property
    def notes(self) -> tuple[str, ...]:
        """How the outputs were understood."""
        heads = self.heads(())
        head = self.head(heads)
        classes = "1 class" if head.classes == 1 else f"{head.classes} classes"
        how = "as the layout that was given has them" if self.aim.head else head.kind
        line = f"{head.count} candidate boxes of {classes} ({how}); `retrograph heads` tells more"
        return (line, *head.notes, *heads.notes)

    def find(self, values: Mapping[str, Array], frame: Sequence[int]) -> Found:
        """The boxes, and the one or those that are asked for."""
        heads = self.heads(frame)
        head = self.head(heads)
        names = names_of_classes(self.labels, head.classes)
        label = None
        if self.aim.class_ is not None:
            label = number_of_class(self.aim.class_, names, head.classes)
        boxes = head.boxes(values, frame, label)
        chosen = self._chosen(boxes)
        strong = [box for box in boxes if box.score >= LEAST_SCORE]
        missing = self.top - len(chosen)
        title = _title(len(strong), boxes, names, head.classes)
        if missing > 0:
            title += f"; {self.top} were asked for, {missing} of which {_are(missing)} not there"
        return Found(
            objectives=tuple(
                self._objective(number, box, heads, head, names) for number, box in chosen
            ),
            title=title,
            picture_title=_picture_title(len(strong), missing, self.top),
            others=_others(boxes, chosen),
            lines=tuple(
                f"{number:2}  {box.score:.2f}  {class_words(box.label, names, head.classes, '  ')}"
                f"{_place(box)}"
                for number, box in enumerate(boxes)
            ),
            records={"boxes": [_record(n, box, names) for n, box in enumerate(boxes)]},
        )

    @property
    def _which(self) -> str:
        aim = self.aim
        if aim.box is not None:
            return f"box {aim.box}"
        if aim.at is not None:
            return f"the strongest box{self.of_class} at {place_text(aim.at)}"
        if self.top > 1:
            return f"the {self.top} strongest boxes{self.of_class}"
        return f"the strongest box{self.of_class}"

    def _chosen(self, boxes: Sequence[Box]) -> list[tuple[int, Box]]:
        """The boxes that are explained, with their numbers.

        Raises:
            InputError: there is no such box.
        """
        numbered = [*enumerate(boxes)]
        if not boxes:
            raise InputError("the model gives no box; check the layout with `retrograph heads`")
        if self.aim.box is not None:
            if self.aim.box >= len(boxes):
                raise InputError(
                    f"{parameter('box', self.aim.box)} is not there: {len(boxes)} "
                    f"{'box is' if len(boxes) == 1 else 'boxes are'} found; count from 0"
                )
            return [numbered[self.aim.box]]
        if self.aim.at is None:
            return numbered[: self.top]
        x, y = self.aim.at
        there = [each for each in numbered if each[1].holds(x, y)]
        if not there:
            number, box = min(numbered, key=lambda each: _distance(each[1], x, y))
            raise InputError(
                f"no box is at {place_text(self.aim.at)}; the nearest is {number} at "
                f"{_place(box)}, in pixels of the input as the model sees it"
            )
        return there[: self.top]

    def _objective(
        self, number: int, box: Box, heads: Heads, head: BoxHead, names: Sequence[str]
    ) -> Objective:
        title = f"{named(box.label, names)}, box {number}, score {box.score:.2f}"
        told = _record(number, box, names)
        record = {"box": number, "what": self.aim.what or "class"}
        record |= {key: told[key] for key in ("class", "score", "corners", "place")}
        if self.aim.what == "box":
            return self._sides(title, box, heads, head, record)
        reading = self._reading(heads, head, box)
        element = reading.element
        shape = shape_of(heads.reader.graph, element.tensor)
        what = "objectness" if self.aim.what == "objectness" else "class"
        tells = what == "class" and (names or head.classes > 1)
        class_name = [named(box.label, names)] if tells else []
        return Objective(
            name=title,
            title=_over_picture(box, names),
            value_name=f"{what} logit",
            class_name=names[box.label] if box.label < len(names) else "",
            mark=_MARK,
            layer=element.tensor,
            shape=shape,
            place=int(np.ravel_multi_index(element.index, shape)),
            where=f"{what} logit{_before(reading)}",
            details=(*_axes(box), *class_name),
            box=box.corners,
            record=record,
        )

    def _reading(self, heads: Heads, head: BoxHead, box: Box) -> Reading:
        """How the number that is explained of a box is made.

        Raises:
            InputError: the boxes have no objectness.
        """
        level = head.levels[box.level]
        if self.aim.what != "objectness":
            return class_reading(heads, level, box.row, head.column(box.label))
        reading = objectness_reading(heads, level, box.row)
        if reading is None:
            raise InputError(
                f"the boxes have no objectness of their own; give {parameter('what')} class or box"
            )
        return reading

    def _sides(
        self, title: str, box: Box, heads: Heads, head: BoxHead, record: Mapping[str, Any]
    ) -> Objective:
        """The width and height of a box, in the numbers that the output has for them."""
        level = head.levels[box.level]
        table = level.boxes[0]
        size = shape_of(heads.reader.graph, table.tensor)
        weights = np.zeros(int(np.prod(size)))
        for column, weight in zip(range(table.width), sides_of(head.form), strict=False):
            weights[table.flat_index(box.row, column)] = weight
        return Objective(
            name=title,
            title=_over_picture(box, names_of_classes(self.labels, head.classes)),
            value_name="width and height of the box, as the output has them",
            mark=_MARK,
            layer=table.tensor,
            shape=size,
            weights=weights.reshape(size),
            where="width and height of the box, as the output has them",
            details=_axes(box),
            box=box.corners,
            record=record,
        )


def _over_picture(box: Box, names: Sequence[str]) -> str:
    """A box under its picture: its class and score, and whether that is too low to count."""
    weak = f": below the threshold {LEAST_SCORE}" if box.score < LEAST_SCORE else ""
    return f"{named(box.label, names)}, score {box.score:.3f}{weak}"


def class_words(label: int, names: Sequence[str], classes: int, end: str = ", ") -> str:
    """A box's class with what stands behind it; "" where it is the only one and has no name."""
    return f"{named(label, names)}{end}" if names or classes > 1 else ""


def _others(
    boxes: Sequence[Box], chosen: Sequence[tuple[int, Box]]
) -> tuple[tuple[Corners, float], ...]:
    """The boxes that count and are not among those that are explained, with their scores."""
    explained = {number for number, _ in chosen}
    return tuple(
        (box.corners, box.score)
        for number, box in enumerate(boxes)
        if box.score >= LEAST_SCORE and number not in explained
    )


def _title(strong: int, boxes: Sequence[Box], names: Sequence[str], classes: int) -> str:
    if not strong:
        best = f"{class_words(boxes[0].label, names, classes)}{boxes[0].score:.2f}"
        return f"no box of at least {LEAST_SCORE} (strongest: {best})"
    things = "box" if strong == 1 else "boxes"
    return f"{strong} {things} of at least {LEAST_SCORE}, in pixels of the model's input"


def _picture_title(strong: int, missing: int, top: int) -> str:
    """How many boxes count, and whether fewer were found than were asked for."""
    counted = [f"{strong} detection{'s' * (strong != 1)} with score >= {LEAST_SCORE}"]
    lacking = [f"{top} asked for, {missing} not found"] if missing > 0 else []
    return "; ".join([*(counted if strong else []), *lacking])


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _before(reading: Reading) -> str:
    return f" before {reading.squash}" if reading.squash else ""


def _axes(box: Box) -> tuple[str, ...]:
    """Where the numbers of a box stand, by the names of the axes."""
    return tuple(f"{name} {place}" for name, place in box.place.items())


def _place(box: Box) -> str:
    x0, y0, x1, y1 = (round(each) for each in box.corners)
    return f"x {x0} to {x1}, y {y0} to {y1}"


def _record(number: int, box: Box, names: Sequence[str]) -> dict[str, Any]:
    return {
        "number": number,
        "class": box.label,
        "name": named(box.label, names),
        "score": box.score,
        "corners": [*box.corners],
        "place": box.place,
    }


def _distance(box: Box, x: float, y: float) -> float:
    x0, y0, x1, y1 = box.corners
    return max(x0 - x, 0, x - x1) + max(y0 - y, 0, y - y1)
